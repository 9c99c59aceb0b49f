"""Ensembles and points in words."""

from __future__ import annotations

from collections.abc import Sequence


def where(shift: str) -> str:
    """Name the ensemble of a shift for people; ``"none"`` is the training family."""
    return "training family" if shift == "none" else f"shift {shift!r}"


def coordinates(point: Sequence[float]) -> str:
    """Write a point as ``(0.5, 1)``."""
    return "(" + ", ".join(f"{c:.3g}" for c in point) + ")"
