"""The randomly truncated hypergradient: back through a random number of steps, weighted so that it is unbiased."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.draws import generator_of
from pinndd.hypergradients.protocol import Gradient
from pinndd.hypergradients.unrolled import unrolled_gradient, unrolled_learner
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class RandomlyTruncated:
    """Walk back ``window`` steps, then go on from each step to the one before it with probability ``continuation``.

    The term of a step counts by one over the probability of reaching it, so that the estimate is unbiased: Russian roulette
    (Beatson & Adams 2019, arXiv 1905.07006; for truncated backpropagation Tallec & Ollivier 2017, arXiv 1705.08209). Its
    variance is small where the terms fall faster than ``continuation`` to the power of the step, and grows with the length of
    training where they do not.

    Args:
        window: steps that are always walked back.
        continuation: probability of one more step.
        seed: of the number of steps, together with the data: a new one for every iterate of the outer loop, the same after
            resuming.

    Raises:
        ValueError: the window is shorter than one step, or the probability is not in (0, 1).
        TypeError: the learner does not train by differentiable steps.
    """

    window: int = 1
    continuation: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        if self.window < 1 or not 0 < self.continuation < 1:
            raise ValueError(
                f"RandomlyTruncated: window={self.window} must be at least 1 step, and "
                f"continuation={self.continuation} a probability in (0, 1)"
            )

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        learner = unrolled_learner(problem, "RandomlyTruncated")
        generator = generator_of(data, self.seed)
        weights = [1.0] * min(self.window, learner.steps)
        while len(weights) < learner.steps and float(torch.rand((), generator=generator)) < self.continuation:
            weights.append(weights[-1] / self.continuation)
        return unrolled_gradient(problem, data, episodes, weights)
