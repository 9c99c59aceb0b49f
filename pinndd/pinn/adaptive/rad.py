"""RAD: draw all points anew from a density that grows with the residual."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.pinn.adaptive.protocol import SquaredResidual, uniform_points
from pinndd.pinn.geometry.domain import Domain

_SMALLEST = 1e-12  # in units of the mean density: without replacement, every candidate needs some chance to be drawn


def residual_density(squared: Tensor, k: float, c: float) -> Tensor:
    """Return the probability of each candidate, ``p_j ∝ ε_j^k / mean(ε^k) + c`` with ``ε = |r|``.

    Args:
        squared: squared residuals at the candidates, ``(E, M)``.
        k: power of the residual; the larger, the more the points crowd where it is large.
        c: share of uniform points, beside 1 for those that follow the residual.

    Returns:
        ``(E, M)``, rows of sum 1; uniform where the residual is zero everywhere or not finite.
    """
    powers = (squared / squared.amax(-1, keepdim=True)).pow(k / 2)
    usable = powers.isfinite().all(-1, keepdim=True)
    powers = torch.where(usable, powers, torch.ones_like(powers))
    density = (powers / powers.mean(-1, keepdim=True) + c).clamp_min(_SMALLEST)
    return density / density.sum(-1, keepdim=True)


def draw_by_residual(
    count: int,
    residual: SquaredResidual,
    domain: Domain,
    generator: torch.Generator,
    like: Tensor,
    *,
    k: float,
    c: float,
    candidates: int,
) -> Tensor:
    """Draw ``count`` points per model from one pool of uniform candidates, without replacement, by `residual_density`.

    Returns:
        ``(E, count, d)``, on the device and in the dtype of ``like``.

    Raises:
        ValueError: there are fewer candidates than points.
    """
    if candidates < count:
        raise ValueError(f"{count} points out of {candidates} candidates: give at least {count} candidates")
    pool = uniform_points(domain, (candidates,), generator, like)
    with torch.no_grad():
        density = residual_density(residual(pool), k, c)
    chosen = torch.multinomial(density.cpu(), count, generator=generator)
    return pool[chosen.to(pool.device)]


@dataclass(frozen=True)
class RAD:
    """Residual-based adaptive distribution (Wu, Zhu, Tan, Kartha & Lu 2023, arXiv 2207.10289, algorithm 2).

    All points are replaced by draws from the density ``ε^k / E[ε^k] + c``, where ε is the size of the residual.

    Args:
        k, c: power and uniform part; 1 and 1 in the paper unless a solution is very steep.
        candidates: size of the uniform pool that the points are drawn from.

    Raises:
        ValueError: ``k`` or ``c`` is negative.
    """

    k: float = 1.0
    c: float = 1.0
    candidates: int = 1000

    def __post_init__(self) -> None:
        if self.k < 0 or self.c < 0:
            raise ValueError(f"RAD: k={self.k} and c={self.c}: expected numbers that are not negative")

    @property
    def name(self) -> str:
        """Name in the rows of a study."""
        return "rad"

    def sizes(self, count: int, rounds: int) -> list[int]:
        """Return the number of points of each training: always ``count``."""
        return [count] * (rounds + 1)

    def move(
        self, points: Tensor, count: int, residual: SquaredResidual, domain: Domain, generator: torch.Generator
    ) -> Tensor:
        """Return ``count`` new points per model, ``(E, count, d)``."""
        return draw_by_residual(
            count, residual, domain, generator, points, k=self.k, c=self.c, candidates=max(self.candidates, count)
        )
