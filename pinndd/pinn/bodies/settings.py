"""Settings of the training of a body."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BodySettings:
    """Shape of a body, and how it is trained.

    Attributes:
        width: features, which are the outputs of the body; fewer than the rows of the sets that it is for.
        hidden: widths of the layers before.
        seed: of the initial weights, the points and the boundary conditions.
        steps: of training.
        conditions: boundary conditions per step.
        points, boundary_points: drawn anew at every step.
        boundary_weight: of the conditions against the equations, rows of both of unit size.
        rate: of Muon, for the matrices of hidden layers; all else is moved by Adam, a tenth as fast.

    Raises:
        ValueError: one of them is out of range.
    """

    width: int = 64
    hidden: tuple[int, ...] = (64, 64)
    seed: int = 0
    steps: int = 600
    conditions: int = 48
    points: int = 300
    boundary_points: int = 120
    boundary_weight: float = 10.0
    rate: float = 0.04

    def __post_init__(self) -> None:
        for name in ("width", "steps", "conditions", "points", "boundary_points"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"body: {name} {value}: expected a whole number from 1 on")
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(f"body: hidden {self.hidden}: expected the widths of one layer at least, each positive")
        for name in ("boundary_weight", "rate"):
            value = getattr(self, name)
            if not value > 0:
                raise ValueError(f"body: {name} {value}: expected a positive number")
