"""Gradient matching: one training step on the synthetic data should point where one on all data points."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient, differentiate, leaves
from pinndd.matching.protocol import matched_learner, training_slope
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class GradientMatching:
    """Compare the gradients of the training loss on D̂ and on all data, at parameters met in training on D̂.

    From the random initial parameters of every episode, ``steps`` steps of gradient descent are taken on D̂. At each, the criterion
    adds ``1 - cos(∇L(θ, D̂), ∇L(θ, T))``, or the squared distance of the two. The parameters are held fixed, as in the source:
    for more than one step the gradient leaves out their dependence on D̂ (Zhao, Mopuri & Bilen 2021, arXiv 2006.05929).

    The value is the criterion, averaged over steps and episodes; task, distance and risk of the problem play no part.

    Args:
        full: all data T, with the fields of D̂ that the learner reads.
        steps: parameters looked at, one after the other.
        learning_rate: of the steps between them.
        cosine: compare directions only; otherwise by squared distance.

    Raises:
        ValueError: there are no steps, or the learning rate is not positive.
        TypeError: the learner has no training loss to differentiate.
    """

    full: SyntheticData
    steps: int = 1
    learning_rate: float = 0.1
    cosine: bool = True

    def __post_init__(self) -> None:
        if self.steps < 1 or self.learning_rate <= 0:
            raise ValueError(
                f"GradientMatching: steps={self.steps} must be at least 1 and learning_rate={self.learning_rate} positive"
            )

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        learner = matched_learner(problem, "GradientMatching")
        theta = learner.initial(data, episodes).detach()
        with torch.enable_grad():
            tracked, fields = leaves(data)
            value = theta.new_zeros(())
            for _ in range(self.steps):
                mine = training_slope(learner, theta, tracked, episodes)
                wanted = training_slope(learner, theta, self.full, episodes)
                value = value + self._distance(mine, wanted).mean() / self.steps
                theta = theta - self.learning_rate * mine.detach()
            return differentiate(value, fields)

    def _distance(self, mine: Tensor, wanted: Tensor) -> Tensor:
        if self.cosine:
            return 1 - torch.cosine_similarity(mine, wanted, dim=-1)
        return (mine - wanted).square().sum(-1)
