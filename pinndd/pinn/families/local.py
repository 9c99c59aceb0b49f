"""Functions with a place: steps and bumps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from pinndd.pinn.families.base import Family, LinearFamily, check_draw, check_mean
from pinndd.pinn.families.known import Known


@dataclass(frozen=True)
class PiecewiseConstant(LinearFamily):
    """Constant on ``pieces`` equal pieces; ``smoothing`` > 0 turns each jump into a tanh of that width."""

    pieces: int = 4
    amplitude: float = 1.0
    smoothing: float = 0.0
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = None
    mean: Known | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.pieces < 1 or self.smoothing < 0:
            raise ValueError(
                f"PiecewiseConstant(pieces={self.pieces}, smoothing={self.smoothing}): expected at least one piece "
                "and no negative smoothing"
            )
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


@dataclass(frozen=True)
class Bump(Family):
    """One Gaussian bump of random height, place and width: a localised feature that no finite basis holds.

    Args:
        amplitude: the height is ± between half of it and all of it.
        width: range of the standard deviation of the bump.
        center: range of its place.
        pinned: subtract a straight line so that both ends are zero.
        mean: a known part, as in `Sine`.
    """

    amplitude: float = 1.0
    width: tuple[float, float] = (0.05, 0.1)
    center: tuple[float, float] = (0.25, 0.75)
    pinned: bool = True
    size: int = 3
    mean: Known | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_mean("Bump", self.mean)

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
        return self.about_mean(height * values, s)
