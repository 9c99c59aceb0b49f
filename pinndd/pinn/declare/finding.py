"""What a check of a PDE module reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One result of a check.

    Attributes:
        level: ``"error"``: the module does not work, or its numbers would be wrong; ``"warning"``: look at it; ``"ok"``.
        subject: what was looked at, such as ``"residual"`` or ``"shift 'sparse'"``.
        message: what was found, and for an error or a warning what to do.
    """

    level: Literal["error", "warning", "ok"]
    subject: str
    message: str


def where(shift: str) -> str:
    """Name the ensemble of a shift for people; ``"none"`` is the training family."""
    return "training family" if shift == "none" else f"shift {shift!r}"


def coordinates(point: Sequence[float]) -> str:
    """Write a point as ``(0.5, 1)``."""
    return "(" + ", ".join(f"{c:.3g}" for c in point) + ")"
