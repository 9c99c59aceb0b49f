"""The one-step hypergradient: through the last step of training alone."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient
from pinndd.hypergradients.unrolled import unrolled_gradient, unrolled_learner
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class OneStep:
    """Differentiate the last step of training in the data, as if the state before it did not depend on them.

    Biased by the factor that a step contracts errors with: next to exact for training that converges superlinearly; for
    gradient descent with small steps it keeps little but the direction, scaled by the step size (Bolte, Pauwels & Vaiter 2023,
    arXiv 2305.13768). No state but the last two is kept. It is `Truncated` with a window of one step.

    Raises:
        TypeError: the learner does not train by differentiable steps.
    """

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        unrolled_learner(problem, "OneStep")
        return unrolled_gradient(problem, data, episodes, [1.0])
