"""RAR-D: begin with fewer points and add some, round by round, drawn from a density that grows with the residual."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.pinn.adaptive.protocol import SquaredResidual
from pinndd.pinn.adaptive.rad import draw_by_residual
from pinndd.pinn.geometry.domain import Domain


@dataclass(frozen=True)
class RARD:
    """Residual-based adaptive refinement with distribution (Wu et al. 2023, arXiv 2207.10289, algorithm 3).

    No point is ever given up: training starts with a part of the points, and every round adds as many as are needed to end with
    all of them.

    Args:
        k, c: power and uniform part of the density; 2 and 0 in the paper.
        start: part of the points of the first training; a half in the paper's examples.
        candidates: size of the uniform pool that the points are drawn from.

    Raises:
        ValueError: ``k`` or ``c`` is negative, or ``start`` is not between 0 and 1.
    """

    k: float = 2.0
    c: float = 0.0
    start: float = 0.5
    candidates: int = 1000

    def __post_init__(self) -> None:
        if self.k < 0 or self.c < 0 or not 0 < self.start <= 1:
            raise ValueError(
                f"RAR-D: k={self.k} and c={self.c} must not be negative, and start={self.start} must be in (0, 1]"
            )

    @property
    def name(self) -> str:
        """Name in the rows of a study."""
        return "rar-d"

    def sizes(self, count: int, rounds: int) -> list[int]:
        """Return the number of points of each training: from ``start * count`` up to ``count`` in equal steps."""
        if rounds == 0:
            return [count]
        first = max(1, round(self.start * count))
        return [first + (count - first) * k // rounds for k in range(rounds + 1)]

    def move(
        self, points: Tensor, count: int, residual: SquaredResidual, domain: Domain, generator: torch.Generator
    ) -> Tensor:
        """Return the points with new ones appended to make ``count`` per model, ``(E, count, d)``."""
        missing = count - points.shape[-2]
        if missing == 0:
            return points
        new = draw_by_residual(
            missing, residual, domain, generator, points, k=self.k, c=self.c, candidates=max(self.candidates, missing)
        )
        return torch.cat((points, new), -2)
