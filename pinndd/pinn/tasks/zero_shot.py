"""Zero-shot generalisation: one conditioned network is asked for solutions under conditions that were never seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from pinndd.pinn.tasks.questions import Questions


class ConditionedPredictor(Protocol):
    """A trained network u(x; condition)."""

    def __call__(self, points: Tensor, codes: Tensor, derivatives: int = 0) -> Tensor: ...


@dataclass(frozen=True)
class ZeroShot:
    """Ask a conditioned network for the solution fields of many boundary conditions.

    Args:
        pool: training conditions with their solutions, from which questions are drawn.
        seeds: draws of the network, one of which each training uses.
        points: how many of the pool's points a batch of questions looks at.
    """

    pool: Questions
    seeds: Sequence[int]
    points: int = 64

    def episodes(self, count: int, generator: torch.Generator) -> Questions:
        """Draw one network and ``count`` conditions (all of them if the pool is smaller) at random points."""
        conditions = torch.randperm(self.pool.conditions, generator=generator)[:count]
        points = torch.randperm(self.pool.points.shape[0], generator=generator)[: self.points]
        seed = self.seeds[int(torch.randint(len(self.seeds), (1,), generator=generator))]
        device = self.pool.points.device
        return self.pool.select(conditions.to(device), points.to(device)).with_seed(seed)

    def answer(self, fitted: ConditionedPredictor, episodes: Questions, derivatives: int) -> Tensor:
        """Return the predictions in the units of the distance, ``(B, Q, outputs)``, with their gradients if ``derivatives`` is 1."""
        return episodes.compared(fitted(episodes.points, episodes.codes, derivatives))

    def truth(self, episodes: Questions, derivatives: int) -> Tensor:
        """Return the true solutions, ``(B, Q, outputs)``, as `answer`.

        Raises:
            ValueError: gradients are wanted; the questions hold none.
        """
        if derivatives:
            raise ValueError("the zero-shot task knows values of the solution only: use a distance without derivatives")
        return episodes.compared(episodes.truth)
