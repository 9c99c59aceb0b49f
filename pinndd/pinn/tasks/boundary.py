"""Generalisation across boundary conditions: predict the solution for conditions that were never seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from pinndd.pinn.tasks.episodes import BoundaryEpisodes


class Predictor(Protocol):
    """A batch of trained PINNs."""

    def __call__(self, points: Tensor, derivatives: int = 0) -> Tensor: ...


@dataclass(frozen=True)
class BoundaryGeneralisation:
    """Ask a PINN for the solution field of a boundary condition.

    Args:
        pool: training boundary conditions with their solutions, from which episodes are drawn.
        seeds: draws of the network, one of which each batch uses.
    """

    pool: BoundaryEpisodes
    seeds: Sequence[int]

    def episodes(self, count: int, generator: torch.Generator) -> BoundaryEpisodes:
        """Draw ``count`` boundary conditions (all of them if the pool is smaller) and one network."""
        index = torch.randperm(len(self.pool), generator=generator)[:count].to(self.pool.points.device)
        seed = self.seeds[int(torch.randint(len(self.seeds), (1,), generator=generator))]
        return self.pool[index].with_seed(seed)

    def answer(self, fitted: Predictor, episodes: BoundaryEpisodes, derivatives: int) -> Tensor:
        """Return the predictions in the units of the distance, ``(E, Q, outputs)``, with their gradients if ``derivatives`` is 1."""
        return episodes.compared(fitted(episodes.points, derivatives))

    def truth(self, episodes: BoundaryEpisodes, derivatives: int) -> Tensor:
        """Return the true solutions, as `answer`.

        Raises:
            ValueError: gradients are wanted, and the episodes hold none.
        """
        if derivatives == 0:
            return episodes.compared(episodes.truth)
        if episodes.slope is None:
            raise ValueError("the distance needs gradients of the solution: make the episodes with derivatives=1")
        return episodes.compared(torch.cat((episodes.truth, episodes.slope.transpose(-1, -2).flatten(-2)), -1))
