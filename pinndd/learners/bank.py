"""Several learners as one: which of them trains is a part of the episode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pinndd.data import SyntheticData
from pinndd.problem import Episodes, Fitted, Learner

DRAWS = 10_000_000
"""Draws of a network that each member has."""


@dataclass(frozen=True)
class Bank:
    """Train by one of several learners, as the seed of the episodes says.

    Seeds count through the members, `DRAWS` of each: a seed below is a draw of the first one.

    Args:
        members: they may have different numbers of weights, penalties and ways to be differentiated.

    Raises:
        ValueError: there is no member.
    """

    members: Sequence[Learner]

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", tuple(self.members))
        if not self.members:
            raise ValueError("Bank: members=() is empty; expected one learner at least")

    @property
    def differentiation(self) -> str:
        """As that of the member."""
        return "by member"

    def seed(self, member: int, draw: int) -> int:
        """Return the seed for a draw of a member.

        Raises:
            ValueError: there is no such member, or the draw is out of range.
        """
        if not 0 <= member < len(self.members):
            raise ValueError(f"Bank: member {member} of {len(self.members)}; they are counted from 0 on")
        if not 0 <= draw < DRAWS:
            raise ValueError(f"Bank: draw {draw}; expected a whole number from 0 to {DRAWS - 1}")
        return member * DRAWS + draw

    def member(self, episodes: Any) -> tuple[Learner, Episodes]:
        """Return the learner of a batch of episodes, and the batch with the draw that this learner knows.

        Args:
            episodes: with an attribute ``seed`` and a method ``with_seed``.

        Raises:
            ValueError: the seed is that of no member.
        """
        number, draw = divmod(episodes.seed, DRAWS)
        if not 0 <= number < len(self.members):
            raise ValueError(
                f"Bank: seed {episodes.seed} belongs to member {number} of {len(self.members)}; take one that Bank.seed returns"
            )
        return self.members[number], episodes.with_seed(draw)

    def fit(self, data: SyntheticData, episodes: Episodes) -> Fitted:
        """Train one model per episode by the member of the batch.

        Raises:
            ValueError: the seed is that of no member.
        """
        learner, own = self.member(episodes)
        return learner.fit(data, own)
