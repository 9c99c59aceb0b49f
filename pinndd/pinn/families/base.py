"""What a family is: it draws coefficients and evaluates functions."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor


class Family(ABC):
    """A random function on [0, 1]^k, described by ``size`` coefficients."""

    size: int

    @abstractmethod
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw coefficients of ``count`` functions.

        Args:
            count: number of functions.
            generator: source of randomness (CPU).

        Returns:
            Tensor of shape ``(count, size)``, float64, on the CPU.
        """

    @abstractmethod
    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        """Evaluate the functions: ``(..., size)`` against ``(..., k)`` gives ``(...)``."""


class LinearFamily(Family):
    """Random combinations of fixed basis functions: coefficient j is drawn with standard deviation ``scales[j]``."""

    distribution: Literal["normal", "uniform"]
    active: int | None

    @abstractmethod
    def basis(self, s: Tensor) -> Tensor:
        """Basis functions at ``s``: ``(..., k)`` to ``(..., size)``."""

    @property
    @abstractmethod
    def scales(self) -> tuple[float, ...]:
        """Standard deviation of each coefficient."""

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return draw(count, torch.tensor(self.scales, dtype=torch.float64), self.distribution, self.active, generator)

    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        return (coefficients * self.basis(s)).sum(-1)


def draw(count: int, scales: Tensor, distribution: str, active: int | None, generator: torch.Generator) -> Tensor:
    """Draw independent coefficients; with ``active`` only that many (chosen at random) differ from zero."""
    shape = (count, scales.numel())
    if distribution == "normal":
        unit = torch.randn(shape, generator=generator, dtype=torch.float64)
    else:
        unit = (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1) * math.sqrt(3)
    if active is not None:
        rank = torch.rand(shape, generator=generator, dtype=torch.float64).argsort(-1).argsort(-1)
        unit = torch.where(rank < active, unit, 0.0)
    return unit * scales


def check_draw(distribution: str, active: int | None, size: int) -> None:
    if distribution not in ("normal", "uniform"):
        raise ValueError(f"distribution={distribution!r}: expected 'normal' or 'uniform'")
    if active is not None and not 1 <= active <= size:
        raise ValueError(f"active={active}: expected between 1 and the {size} coefficients of the family")
