"""Functions with a place: steps and bumps."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from pinndd.pinn.families.base import Family, LinearFamily, check_count, check_draw, check_finite, check_mean, check_positive
from pinndd.pinn.families.known import Known, is_number


@dataclass(frozen=True)
class PiecewiseConstant(LinearFamily):
    """Constant on equal pieces, with jumps between them, which may be smooth.

    Args:
        pieces: how many, from 1 on.
        amplitude: standard deviation of the value on each piece, positive, in the unit of the condition.
        smoothing: above 0, turns each jump into a tanh of that width, on [0, 1].
        distribution, active, mean: as in `Sine`.
    """

    pieces: int = 4
    amplitude: float = 1.0
    smoothing: float = 0.0
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = None
    mean: Known | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_count("PiecewiseConstant", 1, pieces=self.pieces)
        check_positive("PiecewiseConstant", amplitude=self.amplitude)
        check_finite("PiecewiseConstant", smoothing=self.smoothing)
        if self.smoothing < 0:
            raise ValueError(f"PiecewiseConstant(smoothing={self.smoothing}): expected a width of 0 (sharp jumps) or more")
        check_draw(self.distribution, self.active, self.size)
        check_mean("PiecewiseConstant", self.mean)

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


def _range(name: str, given: object) -> tuple[float, float]:
    """Return the two ends of a range, or twice the number that was given."""
    ends = (given, given) if is_number(given) else given
    if not isinstance(ends, tuple | list) or len(ends) != 2 or not all(is_number(e) and math.isfinite(e) for e in ends):
        raise ValueError(f"Bump({name}={given!r}): expected a number, or the two ends of a range, such as (0.25, 0.75)")
    low, high = ends
    if low > high:
        raise ValueError(f"Bump({name}={given!r}): expected the smaller end first, ({high}, {low})")
    return low, high


@dataclass(frozen=True)
class Bump(Family):
    """One Gaussian bump of random height, place and width: a localised feature that no finite basis holds.

    Args:
        amplitude: the height is ± between half of it and all of it; positive, in the unit of the condition.
        width: range ``(smallest, largest)`` of the standard deviation of the bump on [0, 1], or one number for a known width.
        center: range of its place within [0, 1], or one number for a known place.
        pinned: subtract a straight line so that both ends are zero.
        mean: a known part, as in `Sine`.
    """

    amplitude: float = 1.0
    width: float | tuple[float, float] = (0.05, 0.1)
    center: float | tuple[float, float] = (0.25, 0.75)
    pinned: bool = True
    size: int = field(default=3, init=False)
    mean: Known | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_positive("Bump", amplitude=self.amplitude)
        low, _ = _range("width", self.width)
        check_positive("Bump", width=low)
        if min(_range("center", self.center)) < 0 or max(_range("center", self.center)) > 1:
            raise ValueError(f"Bump(center={self.center!r}): expected places within [0, 1], the range of local coordinates")
        check_mean("Bump", self.mean)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        u = torch.rand((count, 4), generator=generator, dtype=torch.float64)
        height = self.amplitude * (0.5 + 0.5 * u[:, 0]) * torch.where(u[:, 3] < 0.5, -1.0, 1.0)
        (left, right), (narrow, wide) = _range("center", self.center), _range("width", self.width)
        center = left + (right - left) * u[:, 1]
        width = narrow + (wide - narrow) * u[:, 2]
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
        return self.about_mean(height * values, s)
