"""Domains, the patches of their boundary, and places on them by name."""
