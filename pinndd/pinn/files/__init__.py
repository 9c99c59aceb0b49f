"""Distilled points and solved conditions as files of other programs."""
