"""Checks of a PDE module, and of its solutions."""
