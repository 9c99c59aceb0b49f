"""Risk measures: the losses of all episodes to one number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class Risk(Protocol):
    """Maps losses ``(E,)`` to a scalar, differentiably."""

    def __call__(self, losses: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Mean:
    """Average over the episodes."""

    def __call__(self, losses: Tensor) -> Tensor:
        return losses.mean()


@dataclass(frozen=True)
class CVaR:
    """Conditional value at risk: the average over the worst fraction ``alpha`` of the episodes.

    With E episodes the worst ``alpha · E`` count, the last of them in part, so that the measure is continuous in alpha
    (Rockafellar & Uryasev 2000, doi 10.21314/JOR.2000.038). ``alpha = 1`` is the mean; ``alpha → 0`` the worst case.

    Raises:
        ValueError: alpha is not in (0, 1].
    """

    alpha: float

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= 1:
            raise ValueError(f"CVaR: alpha={self.alpha} must lie in (0, 1]; 0.1 averages over the worst tenth")

    def __call__(self, losses: Tensor) -> Tensor:
        worst = losses.sort(descending=True).values
        budget = self.alpha * losses.numel()
        ranks = losses.new_tensor(range(losses.numel()))
        shares = (budget - ranks).clamp(0, 1)
        return (shares * worst).sum() / shares.sum()


@dataclass(frozen=True)
class GeometricMean:
    """Geometric mean over the episodes: easy and hard ones count alike, by their relative improvement.

    The losses must be positive; the outer loop uses it where episodes of very different difficulty are mixed.
    """

    def __call__(self, losses: Tensor) -> Tensor:
        return losses.log().mean().exp()
