"""What the matching criteria ask of a learner."""

from __future__ import annotations

from typing import Any, Protocol, cast

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.problem import DistillationProblem, Episodes


class MatchedLearner(Protocol):
    """A learner whose training loss can be evaluated, and differentiated, at any parameters."""

    def initial(self, data: SyntheticData, episodes: Episodes) -> Tensor:
        """Draw initial parameters of every episode, ``(E, P)``, from the seed of the episodes."""

    def prepare(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Compute once what does not depend on the parameters, differentiably in the data."""

    def training_loss(self, parameters: Tensor, prepared: Any) -> Tensor:
        """Return the training loss of every episode, ``(E,)``, differentiable twice in the parameters and once in the data."""


def matched_learner(problem: DistillationProblem, criterion: str) -> MatchedLearner:
    """Return the learner of the problem.

    Raises:
        TypeError: it lacks a method that matching needs.
    """
    missing = [name for name in ("initial", "prepare", "training_loss") if not hasattr(problem.learner, name)]
    if missing:
        raise TypeError(
            f"{criterion} needs a learner with {', '.join(missing)}; {type(problem.learner).__name__} has none: use "
            "DistributionMatching or KernelInducingPoints, which need no learner"
        )
    return cast(MatchedLearner, problem.learner)


def training_slope(learner: MatchedLearner, parameters: Tensor, data: SyntheticData, episodes: Episodes) -> Tensor:
    """Return the gradient of the training loss in the parameters, ``(E, P)``, on the graph if the data are."""
    tracked = parameters.requires_grad or any(value.requires_grad for value in data.fields.values())
    leaf = parameters if parameters.requires_grad else parameters.detach().requires_grad_()
    loss = learner.training_loss(leaf, learner.prepare(data, episodes)).sum()
    (slope,) = torch.autograd.grad(loss, leaf, create_graph=tracked)
    return slope
