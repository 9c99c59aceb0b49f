"""Distances between the answers of trained models and the truth."""

from pinndd.distances.norms import Distance, RelativeH1, RelativeL2

__all__ = ["Distance", "RelativeH1", "RelativeL2"]
