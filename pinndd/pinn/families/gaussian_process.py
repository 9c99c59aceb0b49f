"""Smooth random functions with a length scale."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from pinndd.pinn.families.base import LinearFamily, check_count, check_draw, check_mean, check_positive
from pinndd.pinn.families.known import Known

_GRID = 128

_LEAST = 1e-14
"""Smallest eigenvalue that is told from rounding; the kernel has a trace of 1."""


@dataclass(frozen=True)
class GaussianProcess(LinearFamily):
    """Gaussian process of length scale ``length``, by its Karhunen-Loève expansion (kernel ``exp(-d²/2 length²)``).

    The eigenvectors of the kernel on a grid are continued to every ``s`` by Nyström's formula, so the draws are smooth. Where several
    would do, which one is said here and not by rounding, so that a seed draws the same functions on every processor.

    Args:
        length: length scale, on [0, 1], positive.
        amplitude: standard deviation at a point, positive, in the unit of the condition.
        size: number of terms.
        pinned: condition the process to be zero at both ends.
        periodic: periodic on [0, 1] (kernel ``exp(-2 sin²(π d) / length²)``).
        distribution, active, mean: as in `Sine`.
    """

    length: float = 0.2
    amplitude: float = 1.0
    size: int = 10
    pinned: bool = False
    periodic: bool = False
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = None
    mean: Known | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_positive("GaussianProcess", length=self.length, amplitude=self.amplitude)
        check_count("GaussianProcess", 1, size=self.size)
        if self.size > _GRID:
            raise ValueError(f"GaussianProcess(size={self.size}): expected a size from 1 to {_GRID}")
        if self.pinned and self.periodic:
            raise ValueError("GaussianProcess: pinned and periodic exclude each other; choose one")
        check_draw(self.distribution, self.active, self.size)
        check_mean("GaussianProcess", self.mean)

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
            kernel = self._kernel(grid, grid) / _GRID
            values, vectors = _waves(kernel, grid) if self.periodic else torch.linalg.eigh(kernel)
            keep = values.argsort(descending=True, stable=True)[: self.size]
            return grid, values[keep].clamp_min(_LEAST), _upward(vectors[:, keep])

    @property
    def scales(self) -> tuple[float, ...]:
        return tuple(float(self.amplitude * v) for v in self._expansion[1].sqrt())

    def basis(self, s: Tensor) -> Tensor:
        # in double precision whatever s is: small eigenvalues would magnify rounding errors
        grid, values, vectors = (t.to(s.device) for t in self._expansion)
        return (self._kernel(s[..., 0].double(), grid) @ vectors / (values * math.sqrt(_GRID))).to(s.dtype)


def _waves(kernel: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues ``(n,)`` of a symmetric circulant kernel and its eigenvectors ``(n, n)``: cosines and sines.

    Every eigenvalue but that of the constant belongs to two waves, of which a numerical solver returns any rotation.
    """
    count = len(grid)
    numbers = torch.arange(1, count // 2)
    phase = 2 * math.pi * grid[:, None] * numbers
    waves = torch.stack((phase.cos(), phase.sin()), -1).flatten(-2) * (2 / count) ** 0.5
    vectors = torch.cat((torch.full_like(waves[:, :1], count**-0.5), waves), -1)
    values = torch.fft.rfft(kernel[0]).real[: count // 2]
    return torch.cat((values[:1], values[1:].repeat_interleave(2))), vectors


def _upward(vectors: Tensor) -> Tensor:
    """Return eigenvectors, the columns, with the sign by which each goes up first, coming from the left.

    Eigenvectors of a kernel that is symmetric about the middle are even or odd, so that the sign of the largest entry of an odd one,
    of which there are two, would be that of a rounding error.
    """
    large = vectors.abs() > 0.1 * vectors.abs().amax(0)
    return vectors * vectors.gather(0, large.long().argmax(0, keepdim=True)).sign()
