"""Episodes of a PINN: boundary conditions, the points where it is asked, and the truth there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.tasks.scales import AnswerScale


class ConditionValues(Protocol):
    """The values of B boundary conditions as functions, wherever they come from."""

    def __len__(self) -> int: ...

    def __getitem__(self, name: str) -> Callable[[Tensor], Tensor]:
        """Return condition ``name`` as a function of local coordinates: ``(N, k)`` to ``(B, N)``."""


class Draws(Protocol):
    """What a batch of B trainings of a PINN differs in."""

    @property
    def values(self) -> ConditionValues:
        """The boundary conditions."""

    @property
    def seed(self) -> int:
        """Of the network's initial weights or random features, shared by the batch."""

    @property
    def place(self) -> int:
        """Number of the first in the batch that was drawn: every episode has initial weights of its own."""

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Trainings:
    """Boundary conditions to train for, whose models are asked nothing.

    Attributes:
        values: the boundary conditions.
        seed: of the network.
        place: see `Draws`.
    """

    values: ConditionValues
    seed: int
    place: int = 0

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class BoundaryEpisodes:
    """A batch of B boundary conditions, each an episode of its own, with one draw of the network's initial weights.

    Attributes:
        values: the boundary conditions.
        points: where the solution is asked, ``(Q, d)``.
        truth: the solution there, ``(B, Q, outputs)``.
        seed: of the network's initial weights or random features, shared by the batch.
        slope: the gradient of the solution, ``(B, Q, outputs, d)``, where the distance needs it.
        truth_error: estimated relative error of the solution, ``(B,)``, where it is not that of a reference.
        scale: in which units answers are compared with the truth (None: as they are).
        place: number of the first in the batch that was drawn, of which these are a part.
    """

    values: BoundaryValues
    points: Tensor
    truth: Tensor
    seed: int
    slope: Tensor | None = None
    scale: AnswerScale | None = None
    truth_error: Tensor | None = None
    place: int = 0

    def __len__(self) -> int:
        return len(self.values)

    def part(self, first: int, count: int) -> BoundaryEpisodes:
        """Return ``count`` episodes from number ``first`` on, with the initial weights that they have in the whole batch."""
        return replace(self[first : first + count], place=self.place + first)

    def __getitem__(self, index: Tensor | slice) -> BoundaryEpisodes:
        return replace(
            self,
            values=BoundaryValues(self.values.ensemble, self.values.coefficients[index]),
            truth=self.truth[index],
            slope=None if self.slope is None else self.slope[index],
            truth_error=None if self.truth_error is None else self.truth_error[index],
        )

    def joined(self, other: BoundaryEpisodes) -> BoundaryEpisodes:
        """Return these episodes followed by others of the same family, asked at the same points; the seed is that of these."""

        def both(mine: Tensor | None, theirs: Tensor | None) -> Tensor | None:
            return None if mine is None or theirs is None else torch.cat((mine, theirs))

        return replace(
            self,
            values=BoundaryValues(self.values.ensemble, torch.cat((self.values.coefficients, other.values.coefficients))),
            truth=torch.cat((self.truth, other.truth)),
            slope=both(self.slope, other.slope),
            truth_error=both(self.truth_error, other.truth_error),
        )

    def compared(self, fields: Tensor) -> Tensor:
        """Return fields ``(B, Q, outputs)``, perhaps followed by their d partial derivatives, in the units of the distance."""
        return fields if self.scale is None else self.scale.of(fields)

    def with_seed(self, seed: int) -> BoundaryEpisodes:
        """Return the same boundary conditions for another draw of the network."""
        return replace(self, seed=seed)

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> BoundaryEpisodes:
        """Return the batch on another device or in another floating dtype."""
        return replace(
            self,
            values=BoundaryValues(self.values.ensemble, self.values.coefficients.to(device, dtype)),
            points=self.points.to(device, dtype),
            truth=self.truth.to(device, dtype),
            slope=None if self.slope is None else self.slope.to(device, dtype),
            scale=None if self.scale is None else self.scale.to(device, dtype),
        )
