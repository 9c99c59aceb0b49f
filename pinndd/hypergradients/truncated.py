"""The truncated hypergradient: back through the last steps of training only."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient
from pinndd.hypergradients.unrolled import unrolled_gradient, unrolled_learner
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class Truncated:
    """Differentiate the risk through the last ``window`` steps of training, as if the state before them were given.

    Biased: what the data did in earlier steps is left out. Where training contracts, the bias falls geometrically in the
    window (Shaban, Cheng, Hatch & Boots 2019, arXiv 1810.10667). Time and memory for the states shrink to the window; from
    the number of steps on it is `UnrolledAdjoint`.

    Args:
        window: number of steps.

    Raises:
        ValueError: the window is shorter than one step.
        TypeError: the learner does not train by differentiable steps.
    """

    window: int

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ValueError(f"Truncated: window={self.window} must be at least 1 step")

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        learner = unrolled_learner(problem, "Truncated")
        return unrolled_gradient(problem, data, episodes, [1.0] * min(self.window, learner.steps))
