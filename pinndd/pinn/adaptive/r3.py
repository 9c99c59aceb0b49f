"""R3: retain the points of large residual, release the others, and resample as many uniformly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.pinn.adaptive.protocol import SquaredResidual, uniform_points
from pinndd.pinn.geometry.domain import Domain


def retained(squared: Tensor) -> Tensor:
    """Return which points are kept: those whose residual, in size, is above the mean over the points of their model.

    Args:
        squared: squared residuals at the points, ``(E, N)``.
    """
    fitness = squared.sqrt()
    return fitness > fitness.mean(-1, keepdim=True)


@dataclass(frozen=True)
class R3:
    """Retain-resample-release (Daw, Bu, Wang, Perdikaris & Karpatne 2023, arXiv 2207.02338, algorithm 1).

    It looks at the residual where the points are, and nowhere else, so a round costs next to nothing; there is nothing to set. (The
    causal variant for long times is not this.)
    """

    @property
    def name(self) -> str:
        """Name in the rows of a study."""
        return "r3"

    def sizes(self, count: int, rounds: int) -> list[int]:
        """Return the number of points of each training: always ``count``."""
        return [count] * (rounds + 1)

    def move(
        self, points: Tensor, count: int, residual: SquaredResidual, domain: Domain, generator: torch.Generator
    ) -> Tensor:
        """Return as many points, those that were released replaced by uniform ones, ``(E, count, d)``."""
        with torch.no_grad():
            keep = retained(residual(points))
        fresh = uniform_points(domain, tuple(points.shape[:-1]), generator, points)
        return torch.where(keep[..., None], points, fresh)
