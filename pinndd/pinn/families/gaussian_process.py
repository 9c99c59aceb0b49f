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


@dataclass(frozen=True)
class GaussianProcess(LinearFamily):
    """Gaussian process of length scale ``length``, by its Karhunen-Loève expansion (kernel ``exp(-d²/2 length²)``).

    The eigenvectors of the kernel on a grid are continued to every ``s`` by Nyström's formula, so the draws are smooth.

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
