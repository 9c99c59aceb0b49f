"""Generalisation across boundary conditions by every member of a bank of learners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.pinn.tasks.boundary import BoundaryGeneralisation, Predictor
from pinndd.pinn.tasks.episodes import BoundaryEpisodes


@dataclass(frozen=True)
class MemberEpisodes:
    """One batch of episodes for each member.

    Attributes:
        parts: in the order of the members.
    """

    parts: Sequence[BoundaryEpisodes]

    def __len__(self) -> int:
        return sum(map(len, self.parts))


@dataclass(frozen=True)
class MemberGeneralisation:
    """Ask every member of a bank for the solution fields of boundary conditions of its own.

    Args:
        pool: training boundary conditions with their solutions.
        seeds: of every member, one of which each batch uses (`pinndd.learners.bank.Bank.seed`).
    """

    pool: BoundaryEpisodes
    seeds: Sequence[Sequence[int]]

    def episodes(self, count: int, generator: torch.Generator) -> MemberEpisodes:
        """Draw ``count`` boundary conditions, shared out among the members, one at least for each; and a network of each."""
        each = max(1, count // len(self.seeds))
        return MemberEpisodes([BoundaryGeneralisation(self.pool, own).episodes(each, generator) for own in self.seeds])

    def answer(self, fitted: Predictor, episodes: BoundaryEpisodes, derivatives: int) -> Tensor:
        """Return the predictions of one member, see `BoundaryGeneralisation.answer`."""
        return BoundaryGeneralisation(self.pool, ()).answer(fitted, episodes, derivatives)

    def truth(self, episodes: BoundaryEpisodes, derivatives: int) -> Tensor:
        """Return the true solutions, see `BoundaryGeneralisation.truth`."""
        return BoundaryGeneralisation(self.pool, ()).truth(episodes, derivatives)
