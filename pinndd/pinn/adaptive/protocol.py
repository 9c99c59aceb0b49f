"""What adaptive collocation methods have in common: a residual to look at, a domain to stay in, points to move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from pinndd.pinn.geometry.domain import Domain

SquaredResidual = Callable[[Tensor], Tensor]
"""Squared residual of E trained models: at points of their own ``(E, N, d)``, or at shared ones ``(M, d)``, to ``(E, N)`` or
``(E, M)``; differentiable in the points."""


class AdaptiveMethod(Protocol):
    """Moves the interior points of E models by their residual, between two trainings."""

    @property
    def name(self) -> str:
        """Name in the rows of a study."""

    def sizes(self, count: int, rounds: int) -> list[int]:
        """Return the number of points of each of the ``rounds + 1`` trainings, the last of which has ``count``."""

    def move(
        self, points: Tensor, count: int, residual: SquaredResidual, domain: Domain, generator: torch.Generator
    ) -> Tensor:
        """Return the points of the next training.

        Args:
            points: of the last training, ``(E, N, d)``.
            count: number of points of the next one.
            residual: of the models just trained.
            domain: of the equation.
            generator: of all draws, on the CPU.

        Returns:
            ``(E, count, d)``.
        """


def uniform_points(domain: Domain, shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
    """Draw independent uniform points ``(*shape, d)`` of the domain, on the device and in the dtype of ``like``."""
    unit = torch.rand((*shape, domain.dimension), generator=generator, dtype=torch.float64)
    return domain.scale(unit).to(like)
