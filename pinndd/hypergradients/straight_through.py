"""The straight-through estimator for categorical fields: hard rows forwards, their gradient passed to the distribution."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.categorical import draw_rows
from pinndd.data import SyntheticData
from pinndd.hypergradients.draws import generator_of
from pinndd.hypergradients.protocol import Gradient, Hypergradient
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class StraightThrough:
    """Draw hard rows, differentiate the risk at them, and take that for the gradient in the probabilities (Bengio et al. 2013,
    arXiv 1308.3432).

    Biased, unless the risk is linear in every row: the gradient at a corner of the simplex is extrapolated to all of it. Needs a
    learner that can be differentiated in rows that are not one-hot.

    Args:
        gradient: estimator at the hard rows.
        samples: draws that are averaged.
        seed: of the draws, together with the data.

    Raises:
        ValueError: fewer than one sample; at a call: no categorical field.
    """

    gradient: Hypergradient
    samples: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"StraightThrough: samples={self.samples} must be at least 1")

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        generator = generator_of(data, self.seed)
        results = [self.gradient(problem, draw_rows(data, generator), episodes) for _ in range(self.samples)]
        risk = torch.stack([risk for risk, _ in results]).mean()
        return risk, {name: torch.stack([g[name] for _, g in results]).mean(0) for name in results[0][1]}
