"""Episodes of the amortised protocol: one training, and many boundary conditions that the trained network is asked about."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinndd.pinn.tasks.scales import AnswerScale


@dataclass(frozen=True)
class Questions:
    """One training of a conditioned network, and B conditions at which it is asked. It counts as one episode.

    Attributes:
        codes: the conditions, as coefficients of the training family, ``(B, C)``.
        points: where the solution is asked, ``(Q, d)``.
        truth: the solution there, ``(B, Q, outputs)``.
        seed: of the network's initial weights or random features.
        scale: in which units answers are compared with the truth (None: as they are).
        truth_error: estimated relative error of the truth, ``(B,)``, where it is not that of a reference.
    """

    codes: Tensor
    points: Tensor
    truth: Tensor
    seed: int
    scale: AnswerScale | None = None
    truth_error: Tensor | None = None

    @classmethod
    def none(cls, size: int, dimension: int, seed: int) -> Questions:
        """Return a training of draw ``seed`` that is asked nothing.

        Args:
            size: number of coefficients C.
            dimension: number of coordinates d.
            seed: of the network.
        """
        empty = torch.zeros((0, 0, 1), dtype=torch.float64)
        return cls(empty.new_zeros((0, size)), empty.new_zeros((0, dimension)), empty, seed)

    def __len__(self) -> int:
        return 1

    @property
    def conditions(self) -> int:
        """Number of conditions B."""
        return self.codes.shape[0]

    def select(self, conditions: Tensor, points: Tensor) -> Questions:
        """Return the questions about some of the conditions at some of the points (indices)."""
        return replace(
            self,
            codes=self.codes[conditions],
            points=self.points[points],
            truth=self.truth[conditions][:, points],
            scale=None if self.scale is None else self.scale.at(points),
            truth_error=None if self.truth_error is None else self.truth_error[conditions],
        )

    def compared(self, fields: Tensor) -> Tensor:
        """Return fields ``(B, Q, outputs)``, perhaps followed by their d partial derivatives, in the units of the distance."""
        return fields if self.scale is None else self.scale.of(fields)

    def with_seed(self, seed: int) -> Questions:
        """Return the same questions to another draw of the network."""
        return replace(self, seed=seed)

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Questions:
        """Return the questions on another device or in another floating dtype."""
        return replace(
            self,
            codes=self.codes.to(device, dtype),
            points=self.points.to(device, dtype),
            truth=self.truth.to(device, dtype),
            scale=None if self.scale is None else self.scale.to(device, dtype),
        )
