"""Families made of others, of one number, or of nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from pinndd.pinn.families.base import Family, LinearFamily, check_draw


@dataclass(frozen=True)
class Sum(LinearFamily):
    """The sum of two independent linear families; the coefficients of ``first`` come first."""

    first: LinearFamily
    second: LinearFamily

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.first.size + self.second.size

    @property
    def scales(self) -> tuple[float, ...]:
        return self.first.scales + self.second.scales

    def basis(self, s: Tensor) -> Tensor:
        return torch.cat((self.first.basis(s), self.second.basis(s)), -1)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.cat((self.first.sample(count, generator), self.second.sample(count, generator)), -1)


@dataclass(frozen=True)
class Product(LinearFamily):
    """Tensor product of two linear families: ``first`` of the first local coordinate, ``second`` of the second.

    Coefficient ``i · second.size + j`` belongs to ``first_i(s_0) · second_j(s_1)``, and has the product of their standard
    deviations. ``distribution`` and ``active`` are those of the product; those of the factors are not used.
    """

    first: LinearFamily
    second: LinearFamily
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = None

    def __post_init__(self) -> None:
        check_draw(self.distribution, self.active, self.size)

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.first.size * self.second.size

    @property
    def scales(self) -> tuple[float, ...]:
        return tuple(a * b for a in self.first.scales for b in self.second.scales)

    def basis(self, s: Tensor) -> Tensor:
        one, two = self.first.basis(s[..., :1]), self.second.basis(s[..., 1:2])
        return (one[..., :, None] * two[..., None, :]).flatten(-2)


@dataclass(frozen=True)
class Along(LinearFamily):
    """A linear family of local coordinate number ``axis`` only, constant along the others."""

    axis: int
    family: LinearFamily

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.family.size

    @property
    def scales(self) -> tuple[float, ...]:
        return self.family.scales

    def basis(self, s: Tensor) -> Tensor:
        return self.family.basis(s[..., self.axis : self.axis + 1])

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return self.family.sample(count, generator)


@dataclass(frozen=True)
class Constant(LinearFamily):
    """One random number, the same all over the patch, which may be a single point.

    Args:
        amplitude: its standard deviation.
        distribution: ``"normal"`` or ``"uniform"``.
    """

    amplitude: float = 1.0
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = field(default=None, init=False)
    size: int = field(default=1, init=False)

    def __post_init__(self) -> None:
        check_draw(self.distribution, None, 1)

    @property
    def scales(self) -> tuple[float, ...]:
        return (self.amplitude,)

    def basis(self, s: Tensor) -> Tensor:
        return s.new_ones((*s.shape[:-1], 1))


@dataclass(frozen=True)
class Zero(LinearFamily):
    """The value 0, always: a homogeneous condition, which nobody has to measure. It has no coefficients."""

    size: int = field(default=0, init=False)

    @property
    def scales(self) -> tuple[float, ...]:
        return ()

    def basis(self, s: Tensor) -> Tensor:
        return s.new_zeros((*s.shape[:-1], 0))

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.zeros((count, 0), dtype=torch.float64)


@dataclass(frozen=True)
class Tied(Family):
    """The function of another condition, times ``factor``: a correlation between two parts of the boundary.

    Has meaning in a shift only, where the family of the other condition is known (see `pinndd.pinn.declare.pde.Ensemble`).
    """

    to: str
    factor: float = 1.0
    size: int = 0

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.zeros((count, 0), dtype=torch.float64)

    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        raise ValueError(f"Tied(to={self.to!r}) has no values of its own: evaluate it through the PDE's ensemble")
