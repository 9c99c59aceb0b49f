"""The distillation problem: risk over episodes of the distance between what a trained model answers and the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.distances import Distance
from pinndd.risks import Risk

Episodes = Any
"""One batch of draws ω of everything that varies; each task defines its own."""

Fitted = Any
"""A batch of trained models; each learner defines its own, and the task knows how to ask it."""

IGNORES_QUESTIONS = "ignores_questions"
"""Attribute of a learner, see `Learner`."""


def place_in_batch(episodes: Episodes) -> tuple[int, int]:
    """Return the number of the first of some episodes in the batch that was drawn, and how many that has, as their initial weights
    depend on both.

    Where several processes share a batch, episodes say so by attributes ``place`` and ``drawn``; without, they are the whole of it.
    """
    place = getattr(episodes, "place", 0)
    return place, getattr(episodes, "drawn", None) or place + len(episodes)


class Learner(Protocol):
    """Training: ``fit`` trains a batch of models, one per episode, from scratch.

    A learner may say by an attribute `IGNORES_QUESTIONS`, which is true, that it looks at number, place and seed of the episodes
    alone: then whoever asks the same models several things trains them once.

    Attributes:
        differentiation: how ``fit`` is differentiated in the data: ``"closed form"``, ``"implicit"``, ``"unrolled"``,
            ``"interpolation"`` or ``"none"``; the estimators in `pinndd.hypergradients` check it.
    """

    @property
    def differentiation(self) -> str: ...

    def fit(self, data: SyntheticData, episodes: Episodes) -> Fitted: ...


def drawn_from(learner: Learner, episodes: Episodes) -> tuple[Any, ...] | None:
    """Return what models depend on that a learner trains on given data, other than these: equal for batches of the same models.

    None where the learner does not say that it ignores questions: then each batch has models of its own.
    """
    if not getattr(learner, IGNORES_QUESTIONS, False):
        return None
    return len(episodes), *place_in_batch(episodes), getattr(episodes, "seed", None)


class Task(Protocol):
    """The inference task: draws episodes, asks the trained models, knows the true answers."""

    def episodes(self, count: int, generator: torch.Generator) -> Episodes:
        """Draw a batch of training episodes."""

    def answer(self, fitted: Fitted, episodes: Episodes, derivatives: int) -> Tensor:
        """Ask the trained models: ``(E, Q, K)``."""

    def truth(self, episodes: Episodes, derivatives: int) -> Tensor:
        """Return the true answers: ``(E, Q, K)``."""


@dataclass(frozen=True)
class DistillationProblem:
    """minimise over D̂ ``R_ω[ 𝔻( I(M_θ̂(ω)), I*(ω) ) ]`` with ``θ̂(ω) = O(D̂, ω)`` (Kungurtsev et al. 2024, arXiv 2409.01410).

    Examples:
        A scalar task: data that hold one number per row, a learner that takes their mean, and a truth of 3.

        >>> from pinndd import Fixed, SyntheticData
        >>> from pinndd.distances import RelativeL2
        >>> from pinndd.risks import Mean
        >>> class Average:
        ...     differentiation = "closed form"
        ...     def fit(self, data, episodes):
        ...         return data["x"].mean()
        >>> class Three:
        ...     def episodes(self, count, generator):
        ...         return range(count)
        ...     def answer(self, fitted, episodes, derivatives):
        ...         return fitted.expand(len(episodes), 1, 1)
        ...     def truth(self, episodes, derivatives):
        ...         return torch.full((len(episodes), 1, 1), 3.0)
        >>> problem = DistillationProblem(Average(), Three(), RelativeL2(), Mean())
        >>> problem.evaluate(SyntheticData({"x": torch.tensor([1.0, 2.0])}, {"x": Fixed()}), range(4))
        tensor(0.5000)
    """

    learner: Learner
    task: Task
    distance: Distance
    risk: Risk

    def losses(self, data: SyntheticData, episodes: Episodes) -> Tensor:
        """Train on ``data`` in every episode and return the distance of each answer from the truth, ``(E,)``."""
        fitted = self.learner.fit(data, episodes)
        return self.compare(fitted, episodes)

    def compare(self, fitted: Fitted, episodes: Episodes) -> Tensor:
        """Return the distance of the answers of trained models from the truth, ``(E,)``."""
        answer = self.task.answer(fitted, episodes, self.distance.derivatives)
        return self.distance(answer, self.task.truth(episodes, self.distance.derivatives))

    def evaluate(self, data: SyntheticData, episodes: Episodes) -> Tensor:
        """Return the risk of ``data`` over ``episodes``."""
        return self.risk(self.losses(data, episodes))
