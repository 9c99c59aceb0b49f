"""Function families: draw coefficients, evaluate the functions, differentiably and on any device.

A family lives on the local coordinate ``s`` of a boundary patch, scaled to [0, 1] along every axis. Coefficients are drawn
with ``sample`` and functions are evaluated with ``evaluate``, which broadcasts: coefficients ``(..., size)`` against
coordinates ``(..., k)`` give values ``(...)``. So ``(B, 1, size)`` against ``(N, k)`` evaluates B functions at N points,
and ``(N, size)`` against ``(N, k)`` evaluates one function a point.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
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

    mean: float
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


def _mode_numbers(modes: int | tuple[int, ...]) -> tuple[int, ...]:
    numbers = tuple(range(1, modes + 1)) if isinstance(modes, int) else tuple(modes)
    if not numbers or min(numbers) < 1:
        raise ValueError(f"modes={modes!r}: expected a positive number of modes, or a tuple of mode numbers from 1")
    return numbers


def _check(distribution: str, active: int | None, size: int) -> None:
    if distribution not in ("normal", "uniform"):
        raise ValueError(f"distribution={distribution!r}: expected 'normal' or 'uniform'")
    if active is not None and not 1 <= active <= size:
        raise ValueError(f"active={active}: expected between 1 and the {size} coefficients of the family")


@dataclass(frozen=True)
class _Modes(LinearFamily):
    """Sums of waves by mode number; mode k has standard deviation ``amplitude · k^-decay``."""

    modes: int | tuple[int, ...] = 3
    amplitude: float = 1.0
    decay: float = 1.0
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = None
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        _check(self.distribution, self.active, self.size)
        if self.weights is not None and len(self.weights) != self.size:
            raise ValueError(f"weights={self.weights!r}: expected one factor for each of the {self.size} modes")

    @property
    def numbers(self) -> tuple[int, ...]:
        """The mode numbers."""
        return _mode_numbers(self.modes)

    @property
    def size(self) -> int:  # type: ignore[override]
        return len(self.numbers)

    @property
    def scales(self) -> tuple[float, ...]:
        factors = self.weights if self.weights is not None else tuple(k**-self.decay for k in self.numbers)
        return tuple(self.amplitude * f for f in factors)

    def _phases(self, s: Tensor) -> Tensor:
        return s[..., :1] * math.pi * s.new_tensor(self.numbers)


@dataclass(frozen=True)
class Sine(_Modes):
    """Sum of ``sin(k π s)``, zero at both ends; mode k has standard deviation ``amplitude · k^-decay``.

    Args:
        modes: how many modes, counted from 1, or the mode numbers themselves.
        amplitude: standard deviation of mode 1.
        decay: how fast the modes fall off; 0 gives a flat spectrum, a negative value a rising one.
        distribution: of each coefficient, ``"normal"`` or ``"uniform"`` (of the same standard deviation).
        active: draw only this many modes at a time, the others are zero (None: all).
        weights: a factor a mode in place of ``k^-decay``; 0 leaves a mode out but keeps its coefficient.
    """

    def basis(self, s: Tensor) -> Tensor:
        return self._phases(s).sin()


@dataclass(frozen=True)
class Cosine(_Modes):
    """Sum of ``cos(k π s)``, without slope at either end; arguments as in `Sine`."""

    def basis(self, s: Tensor) -> Tensor:
        return self._phases(s).cos()


@dataclass(frozen=True)
class Clamped(_Modes):
    """Sum of ``sin(π s) sin(k π s)``, zero at both ends with its slope; arguments as in `Sine`."""

    def basis(self, s: Tensor) -> Tensor:
        return (s[..., :1] * math.pi).sin() * self._phases(s).sin()


@dataclass(frozen=True)
class Fourier(LinearFamily):
    """Constant plus ``cos(2π k s / period)`` and ``sin(2π k s / period)``; mode k has deviation ``amplitude · k^-decay``.

    With ``period=1`` the functions are periodic on [0, 1]. The coefficients are the constant (unless ``constant=0``), then
    a cosine and a sine a mode.

    Args:
        modes: how many modes, counted from 1, or the mode numbers themselves.
        amplitude: standard deviation of mode 1.
        decay: how fast the modes fall off.
        constant: standard deviation of the constant, relative to ``amplitude``; 0 leaves it out.
        period: length of the slowest wave.
        distribution, active, weights: as in `Sine`; ``weights`` holds one factor a mode.
    """

    modes: int | tuple[int, ...] = 3
    amplitude: float = 1.0
    decay: float = 1.0
    constant: float = 0.0
    period: float = 1.0
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = None
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        _check(self.distribution, self.active, self.size)
        if self.weights is not None and len(self.weights) != len(self.numbers):
            raise ValueError(f"weights={self.weights!r}: expected one factor for each of the {len(self.numbers)} modes")

    @property
    def numbers(self) -> tuple[int, ...]:
        """The mode numbers."""
        return _mode_numbers(self.modes)

    @property
    def size(self) -> int:  # type: ignore[override]
        return 2 * len(self.numbers) + (self.constant > 0)

    @property
    def scales(self) -> tuple[float, ...]:
        factors = self.weights if self.weights is not None else tuple(k**-self.decay for k in self.numbers)
        waves = tuple(self.amplitude * f for f in factors for _ in range(2))
        return ((self.amplitude * self.constant,) if self.constant > 0 else ()) + waves

    def basis(self, s: Tensor) -> Tensor:
        phase = s[..., :1] * (2 * math.pi / self.period) * s.new_tensor(self.numbers)
        waves = torch.stack((phase.cos(), phase.sin()), -1).flatten(-2)
        return torch.cat((torch.ones_like(waves[..., :1]), waves), -1) if self.constant > 0 else waves


@dataclass(frozen=True)
class Chebyshev(LinearFamily):
    """Chebyshev polynomials T_0 … T_degree in ``2s - 1``; degree k has deviation ``amplitude · (k + 1)^-decay``."""

    degree: int = 4
    amplitude: float = 1.0
    decay: float = 1.0
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = None

    def __post_init__(self) -> None:
        if self.degree < 0:
            raise ValueError(f"degree={self.degree}: expected 0 or more")
        _check(self.distribution, self.active, self.size)

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.degree + 1

    @property
    def scales(self) -> tuple[float, ...]:
        return tuple(self.amplitude * (k + 1) ** -self.decay for k in range(self.degree + 1))

    def basis(self, s: Tensor) -> Tensor:
        x = 2 * s[..., 0] - 1
        values = [torch.ones_like(x), x]
        for _ in range(2, self.degree + 1):
            values.append(2 * x * values[-1] - values[-2])
        return torch.stack(values[: self.degree + 1], -1)


@dataclass(frozen=True)
class PiecewiseConstant(LinearFamily):
    """Constant on ``pieces`` equal pieces; ``smoothing`` > 0 turns each jump into a tanh of that width."""

    pieces: int = 4
    amplitude: float = 1.0
    smoothing: float = 0.0
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = None

    def __post_init__(self) -> None:
        if self.pieces < 1 or self.smoothing < 0:
            raise ValueError(
                f"PiecewiseConstant(pieces={self.pieces}, smoothing={self.smoothing}): expected at least one piece "
                "and no negative smoothing"
            )
        _check(self.distribution, self.active, self.size)

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.pieces

    @property
    def scales(self) -> tuple[float, ...]:
        return (self.amplitude,) * self.pieces

    def basis(self, s: Tensor) -> Tensor:
        edges = torch.arange(1, self.pieces, dtype=s.dtype, device=s.device) / self.pieces
        offset = s[..., :1] - edges
        above = (offset >= 0).to(s) if self.smoothing == 0 else (1 + (offset / self.smoothing).tanh()) / 2
        one, zero = torch.ones_like(s[..., :1]), torch.zeros_like(s[..., :1])
        return torch.cat((one, above), -1) - torch.cat((above, zero), -1)


@dataclass(frozen=True)
class GaussianProcess(LinearFamily):
    """Gaussian process of length scale ``length``, by its Karhunen-Loève expansion (kernel ``exp(-d²/2 length²)``).

    The eigenvectors of the kernel on a grid are continued to every ``s`` by Nyström's formula, so the draws are smooth.

    Args:
        length: length scale, on [0, 1].
        amplitude: standard deviation at a point.
        size: number of terms.
        pinned: condition the process to be zero at both ends.
        periodic: periodic on [0, 1] (kernel ``exp(-2 sin²(π d) / length²)``).
    """

    length: float = 0.2
    amplitude: float = 1.0
    size: int = 10
    pinned: bool = False
    periodic: bool = False
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = None

    def __post_init__(self) -> None:
        if self.length <= 0 or not 1 <= self.size <= _GRID:
            raise ValueError(
                f"GaussianProcess(length={self.length}, size={self.size}): expected a positive length and a size from 1 "
                f"to {_GRID}"
            )
        if self.pinned and self.periodic:
            raise ValueError("GaussianProcess: pinned and periodic exclude each other; choose one")
        _check(self.distribution, self.active, self.size)

    def _stationary(self, a: Tensor, b: Tensor) -> Tensor:
        d = a[..., None] - b
        if self.periodic:
            return (-2 * (math.pi * d).sin() ** 2 / self.length**2).exp()
        return (-(d**2) / (2 * self.length**2)).exp()

    def _kernel(self, a: Tensor, b: Tensor) -> Tensor:
        k = self._stationary(a, b)
        if not self.pinned:
            return k
        ends = torch.tensor([0.0, 1.0], dtype=a.dtype, device=a.device)
        given = torch.linalg.solve(self._stationary(ends, ends), self._stationary(ends, b))
        return k - torch.matmul(self._stationary(a, ends), given)

    @cached_property
    def _expansion(self) -> tuple[Tensor, Tensor, Tensor]:
        # cached: tensors made in inference mode would later refuse to be differentiated through
        with torch.inference_mode(False):
            grid = (torch.arange(_GRID, dtype=torch.float64) + 0.5) / _GRID
            values, vectors = torch.linalg.eigh(self._kernel(grid, grid) / _GRID)
            keep = values.argsort(descending=True)[: self.size]
            values = values[keep].clamp_min(1e-14)
            # the largest entry of each eigenvector is made positive: the same draw on every machine
            vectors = vectors[:, keep]
            vectors = vectors * vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()
            return grid, values, vectors

    @property
    def scales(self) -> tuple[float, ...]:
        return tuple(float(self.amplitude * v) for v in self._expansion[1].sqrt())

    def basis(self, s: Tensor) -> Tensor:
        # in double precision whatever s is: small eigenvalues would magnify rounding errors
        grid, values, vectors = (t.to(s.device) for t in self._expansion)
        return (self._kernel(s[..., 0].double(), grid) @ vectors / (values * math.sqrt(_GRID))).to(s.dtype)


_GRID = 128


@dataclass(frozen=True)
class Bump(Family):
    """One Gaussian bump of random height, place and width: a localised feature that no finite basis holds.

    Args:
        amplitude: the height is ± between half of it and all of it.
        width: range of the standard deviation of the bump.
        center: range of its place.
        pinned: subtract a straight line so that both ends are zero.
    """

    amplitude: float = 1.0
    width: tuple[float, float] = (0.05, 0.1)
    center: tuple[float, float] = (0.25, 0.75)
    pinned: bool = True
    size: int = 3

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        u = torch.rand((count, 4), generator=generator, dtype=torch.float64)
        height = self.amplitude * (0.5 + 0.5 * u[:, 0]) * torch.where(u[:, 3] < 0.5, -1.0, 1.0)
        center = self.center[0] + (self.center[1] - self.center[0]) * u[:, 1]
        width = self.width[0] + (self.width[1] - self.width[0]) * u[:, 2]
        return torch.stack((height, center, width), -1)

    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        height, center, width = coefficients.unbind(-1)

        def bump(at: Tensor) -> Tensor:
            return (-((at - center) ** 2) / (2 * width**2)).exp()

        x = s[..., 0]
        values = bump(x)
        if self.pinned:
            ends = bump(torch.zeros_like(x)), bump(torch.ones_like(x))
            values = values - (1 - x) * ends[0] - x * ends[1]
        return height * values


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
        _check(self.distribution, self.active, self.size)

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
        _check(self.distribution, None, 1)

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

    Has meaning in a shift only, where the family of the other condition is known (see `pinndd.pinn.pde.Ensemble`).
    """

    to: str
    factor: float = 1.0
    size: int = 0

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.zeros((count, 0), dtype=torch.float64)

    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        raise ValueError(f"Tied(to={self.to!r}) has no values of its own: evaluate it through the PDE's ensemble")
