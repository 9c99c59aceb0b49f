"""Episodes of a PINN: boundary conditions, the points where it is asked, and the truth there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.tasks.scales import AnswerScale


@dataclass(frozen=True)
class BoundaryEpisodes:
    """A batch of B boundary conditions, each an episode of its own, with one draw of the network's initial weights.

    Attributes:
        values: the boundary conditions.
        points: where the solution is asked, ``(Q, d)``.
        truth: the solution there, ``(B, Q, outputs)``.
        seed: of the network's initial weights or random features, shared by the batch.
        slope: the gradient of the solution, ``(B, Q, outputs, d)``, where the distance needs it.
        scale: in which units answers are compared with the truth (None: as they are).
    """

    values: BoundaryValues
    points: Tensor
    truth: Tensor
    seed: int
    slope: Tensor | None = None
    scale: AnswerScale | None = None

    @classmethod
    def unasked(cls, values: BoundaryValues, nowhere: Tensor, outputs: int, seed: int) -> BoundaryEpisodes:
        """Return conditions to train for whose models are asked nothing.

        Args:
            values: the boundary conditions.
            nowhere: no points, ``(0, d)``; its dtype and device are those of the training.
            outputs: of the PDE.
            seed: of the network.
        """
        return cls(values, nowhere, nowhere.new_zeros((len(values), 0, outputs)), seed)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Tensor | slice) -> BoundaryEpisodes:
        return replace(
            self,
            values=BoundaryValues(self.values.ensemble, self.values.coefficients[index]),
            truth=self.truth[index],
            slope=None if self.slope is None else self.slope[index],
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
