"""Families made of others, of one number, or of nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from pinndd.pinn.families.base import Family, LinearFamily, check_draw, check_finite, check_mean, check_positive
from pinndd.pinn.families.known import AddedKnown, Known, KnownAlong, check_known


def _check_linear(owner: str, **parts: object) -> None:
    for name, part in parts.items():
        if not isinstance(part, LinearFamily):
            raise ValueError(
                f"{owner}({name}={part!r}): expected a family that is linear in its coefficients, such as Sine, Fourier, Chebyshev, "
                "GaussianProcess, Constant or Fixed"
            )


@dataclass(frozen=True)
class Sum(LinearFamily):
    """The sum of two independent linear families, and of their means; the coefficients of ``first`` come first."""

    first: LinearFamily
    second: LinearFamily

    def __post_init__(self) -> None:
        _check_linear("Sum", first=self.first, second=self.second)

    @property
    def mean(self) -> Known | None:  # type: ignore[override]
        one, two = self.first.mean, self.second.mean
        return (one if two is None else two) if one is None or two is None else AddedKnown(one, two)

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

    Args:
        first, second: the factors, without means of their own.
        distribution, active: of the product, as in `Sine`.
        mean: a known part, of both local coordinates, as in `Sine`.

    Raises:
        ValueError: a factor is no linear family, or has a mean: the product would not be a sum of known and random part.
    """

    first: LinearFamily
    second: LinearFamily
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = None
    mean: Known | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check_linear("Product", first=self.first, second=self.second)
        check_draw(self.distribution, self.active, self.size)
        check_mean("Product", self.mean)
        for name, factor in (("first", self.first), ("second", self.second)):
            if factor.has_mean:
                raise ValueError(
                    f"Product({name}={factor}): a factor has a mean; give the mean of the whole as Product(..., mean=...), a "
                    "function of both local coordinates"
                )

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
    """A linear family of local coordinate number ``axis`` only, constant along the others; so is its mean."""

    axis: int
    family: LinearFamily

    def __post_init__(self) -> None:
        _check_linear("Along", family=self.family)
        if not isinstance(self.axis, int) or isinstance(self.axis, bool) or self.axis < 0:
            raise ValueError(f"Along(axis={self.axis!r}): expected the number of a local coordinate, counted from 0")

    @property
    def mean(self) -> Known | None:  # type: ignore[override]
        inner = self.family.mean
        return KnownAlong(inner, self.axis) if callable(inner) else inner

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
        amplitude: its standard deviation, positive, in the unit of the condition.
        distribution: ``"normal"`` or ``"uniform"`` (of the same standard deviation).
        mean: a known part, as in `Sine`.
    """

    amplitude: float = 1.0
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = field(default=None, init=False)
    size: int = field(default=1, init=False)
    mean: Known | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_positive("Constant", amplitude=self.amplitude)
        check_draw(self.distribution, None, 1)
        check_mean("Constant", self.mean)

    @property
    def scales(self) -> tuple[float, ...]:
        return (self.amplitude,)

    def basis(self, s: Tensor) -> Tensor:
        return s.new_ones((*s.shape[:-1], 1))


class _Certain(LinearFamily):
    """What families have in common that have no coefficients."""

    @property
    def scales(self) -> tuple[float, ...]:
        return ()

    def basis(self, s: Tensor) -> Tensor:
        return s.new_zeros((*s.shape[:-1], 0))

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.zeros((count, 0), dtype=torch.float64)


@dataclass(frozen=True)
class Zero(_Certain):
    """The value 0, always: a homogeneous condition, which nobody has to measure. It has no coefficients."""

    size: int = field(default=0, init=False)


@dataclass(frozen=True)
class Fixed(_Certain):
    """A known function, always: a wall at 300 K, a parabolic inflow. It has no coefficients, and nobody has to measure it.

    Args:
        function: a number, or a function of the local coordinates. It is called with a tensor ``(N, k)``, the coordinates in
            [0, 1], and returns one value per place, ``(N,)`` or ``(N, 1)``, or a number. It may be written in torch or in numpy; one
            in numpy is differentiated by central differences.

    Raises:
        ValueError: ``function`` is neither a finite number nor callable.

    Examples:
        >>> inflow = Fixed(lambda s: 4 * s[:, 0] * (1 - s[:, 0]))
        >>> inflow.evaluate(torch.empty(0), torch.tensor([[0.0], [0.5], [0.75]]))
        tensor([0.0000, 1.0000, 0.7500])
    """

    function: Known
    size: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        check_known("Fixed", "function", self.function)

    @property
    def mean(self) -> Known:  # type: ignore[override]
        return self.function


@dataclass(frozen=True)
class Tied(Family):
    """The function of another condition, times ``factor``: a correlation between two parts of the boundary.

    Where families have means, it is the deviations from them that are tied: the condition keeps the mean that it has in training.
    Has meaning in a shift only, where the family of the other condition is known (see `pinndd.pinn.declare.pde.Ensemble`).
    """

    to: str
    factor: float = 1.0
    size: int = 0

    def __post_init__(self) -> None:
        check_finite("Tied", factor=self.factor)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.zeros((count, 0), dtype=torch.float64)

    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        raise ValueError(f"Tied(to={self.to!r}) has no values of its own: evaluate it through the PDE's ensemble")
