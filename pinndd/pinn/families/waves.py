"""Sums of waves, and polynomials."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from pinndd.pinn.families.base import (
    MOST_COEFFICIENTS,
    LinearFamily,
    check_count,
    check_draw,
    check_finite,
    check_mean,
    check_positive,
    check_weights,
)
from pinndd.pinn.families.known import Known, is_number

LARGEST_CONSTANT = 10
"""Largest constant of a `Fourier` family, relative to its amplitude: whoever says more means a value in units of their own."""


def _mode_numbers(modes: int | tuple[int, ...]) -> tuple[int, ...]:
    one = isinstance(modes, int) and not isinstance(modes, bool)
    if one and modes > MOST_COEFFICIENTS:  # type: ignore[operator]
        raise ValueError(f"modes={modes}: expected at most {MOST_COEFFICIENTS} modes, or a tuple of mode numbers from 1")
    numbers = tuple(range(1, modes + 1)) if one else modes  # type: ignore[operator]
    whole = isinstance(numbers, tuple | list) and all(isinstance(k, int) and not isinstance(k, bool) for k in numbers)
    if not whole or not numbers or min(numbers) < 1:  # type: ignore[arg-type]
        raise ValueError(f"modes={modes!r}: expected a positive number of modes, or a tuple of mode numbers from 1")
    return tuple(numbers)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Modes(LinearFamily):
    """Sums of waves by mode number; mode k has standard deviation ``amplitude · k^-decay``."""

    modes: int | tuple[int, ...] = 3
    amplitude: float = 1.0
    decay: float = 1.0
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = None
    weights: tuple[float, ...] | None = None
    mean: Known | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_draw(self.distribution, self.active, self.size)
        check_mean(type(self).__name__, self.mean)
        check_positive(type(self).__name__, amplitude=self.amplitude)
        check_finite(type(self).__name__, decay=self.decay)
        check_weights(self.weights, self.size)

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
        amplitude: standard deviation of mode 1, positive, in the unit of the condition.
        decay: how fast the modes fall off; 0 gives a flat spectrum, a negative value a rising one.
        distribution: of each coefficient, ``"normal"`` or ``"uniform"`` (of the same standard deviation).
        active: draw only this many modes at a time, the others are zero (None: all).
        weights: a factor per mode in place of ``k^-decay``; 0 leaves a mode out but keeps its coefficient.
        mean: a known part that is added to every function: a number, or a function of the local coordinates as in `Fixed` (None:
            none). It vanishes at the ends, or not, by itself.

    Examples:
        >>> profile = Sine(modes=2)
        >>> coefficients = torch.tensor([[1.0, 0.5]])
        >>> profile.evaluate(coefficients[:, None], torch.tensor([[0.0], [0.5], [0.25]])).round(decimals=3).abs()
        tensor([[0.0000, 1.0000, 1.2070]])
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
    a cosine and a sine per mode.

    Args:
        modes: how many modes, counted from 1, or the mode numbers themselves.
        amplitude: standard deviation of mode 1, positive, in the unit of the condition.
        decay: how fast the modes fall off.
        constant: how random the constant is, as a *factor on* ``amplitude``: its standard deviation is ``amplitude · constant``; from
            0, which leaves it out, to 10. It is no known value: that is ``mean``.
        period: length of the slowest wave, positive; [0, 1] is 1.
        distribution, active, weights, mean: as in `Sine`; ``weights`` holds one factor per mode.
    """

    modes: int | tuple[int, ...] = 3
    amplitude: float = 1.0
    decay: float = 1.0
    constant: float = 0.0
    period: float = 1.0
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = None
    weights: tuple[float, ...] | None = None
    mean: Known | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_positive("Fourier", amplitude=self.amplitude, period=self.period)
        check_finite("Fourier", decay=self.decay)
        if not is_number(self.constant) or not 0 <= self.constant <= LARGEST_CONSTANT:
            raise ValueError(
                f"Fourier(constant={self.constant!r}): expected a factor on amplitude={self.amplitude}, from 0 to "
                f"{LARGEST_CONSTANT}; for a known value say mean=..., for a larger random one "
                "Sum(Constant(amplitude=...), Fourier(...))"
            )
        check_draw(self.distribution, self.active, self.size)
        check_mean(type(self).__name__, self.mean)
        check_weights(self.weights, len(self.numbers))

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
    """Chebyshev polynomials T_0 … T_degree in ``2s - 1``; degree k has deviation ``amplitude · (k + 1)^-decay``.

    Args:
        degree: the highest, from 0 on.
        amplitude: standard deviation of the constant T_0, positive, in the unit of the condition.
        decay, distribution, active, mean: as in `Sine`.
    """

    degree: int = 4
    amplitude: float = 1.0
    decay: float = 1.0
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = None
    mean: Known | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_count("Chebyshev", 0, degree=self.degree)
        check_positive("Chebyshev", amplitude=self.amplitude)
        check_finite("Chebyshev", decay=self.decay)
        check_draw(self.distribution, self.active, self.size)
        check_mean(type(self).__name__, self.mean)

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
