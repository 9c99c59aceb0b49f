"""Simultaneous perturbation: two evaluations of the risk, whatever the size of the data."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.draws import generator_of
from pinndd.hypergradients.perturbations import antithetic, signs
from pinndd.hypergradients.protocol import Gradient
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class SPSA:
    """Move all entries at once by random signs, there and back, and average over draws (Spall 1992, doi 10.1109/9.119632).

    Fits every learner. Unbiased up to the square of ``size``; the variance of one draw is that of the gradient in all other
    entries, so the relative error of the mean is about the root of the number of entries over ``draws``. Moves are in units of
    the free parameters and may leave the feasible set by that much (`pinndd.hypergradients.perturbations.moved`).

    Args:
        draws: pairs of evaluations to average over.
        size: of the moves; above the rounding of the risk, below what makes it nonlinear.
        seed: of the signs, together with the data: new ones for every iterate of the outer loop, the same after resuming.

    Raises:
        ValueError: there are no draws, or the size is not positive.
    """

    draws: int = 1
    size: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.draws < 1 or self.size <= 0:
            raise ValueError(f"SPSA: draws={self.draws} must be at least 1 and size={self.size} positive")

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        generator = generator_of(data, self.seed)
        return antithetic(problem, data, episodes, [signs(data, generator) for _ in range(self.draws)], self.size)
