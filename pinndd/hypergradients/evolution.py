"""Evolution strategies: the gradient of the risk smoothed by a Gaussian."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.draws import generator_of
from pinndd.hypergradients.perturbations import antithetic, normal
from pinndd.hypergradients.protocol import Gradient
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class EvolutionStrategies:
    """Estimate ``∇ E[R(D̂ + sigma ε)]`` with normal ε from antithetic pairs ``±ε``.

    Fits every learner, also one whose risk is rough or has steps: the smoothed risk is differentiable (Nesterov & Spokoiny 2017,
    doi 10.1007/s10208-015-9296-2; Salimans et al. 2017, arXiv 1703.03864). Unbiased for the smoothed risk, and for the risk up to
    ``sigma`` squared; the relative error is about the root of the number of entries over ``pairs``. Moves are in units of the
    free parameters and may leave the feasible set (`pinndd.hypergradients.perturbations.moved`).

    Args:
        pairs: pairs of evaluations to average over.
        sigma: standard deviation of the moves.
        seed: of the moves, together with the data: new ones for every iterate of the outer loop, the same after resuming.

    Raises:
        ValueError: there are no pairs, or sigma is not positive.
    """

    pairs: int = 8
    sigma: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if self.pairs < 1 or self.sigma <= 0:
            raise ValueError(f"EvolutionStrategies: pairs={self.pairs} must be at least 1 and sigma={self.sigma} positive")

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        generator = generator_of(data, self.seed)
        return antithetic(problem, data, episodes, [normal(data, generator) for _ in range(self.pairs)], self.sigma)
