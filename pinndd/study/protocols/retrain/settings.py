"""Size of a set of points, and when it makes no sense."""

from __future__ import annotations

from dataclasses import dataclass

from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.sets.samplers import allocate


@dataclass(frozen=True)
class RetrainSettings:
    """Size of a set of the retrain protocol.

    Attributes:
        points: interior points.
        boundary_points: of all conditions together.

    Raises:
        ValueError: one of them is not positive.
    """

    points: int = 64
    boundary_points: int = 30

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"{name.replace('_', ' ')} {value}: expected a whole number from 1 on")

    def times(self, pde: PDE, factors: tuple[float, float]) -> RetrainSettings:
        """Return multiples of the size, at least one boundary point per condition."""
        points, boundary_points = self.points * factors[0], self.boundary_points * factors[1]
        return RetrainSettings(max(1, round(points)), max(len(pde.valued), round(boundary_points)))


def nonsense(pde: PDE, size: RetrainSettings) -> str:
    """Return why a size makes no sense, or an empty text."""
    try:
        allocate(pde, size.boundary_points)
    except ValueError as error:
        return str(error)
    return ""
