"""Advection with a random speed, as physics-informed DeepONets were measured on.

    s_t + c(x) s_x = 0,    0 < x < 1,  0 < t < 1
    s(x, 0) = sin(πx),  s(0, t) = sin(πt/2)

What varies is the speed: a Gaussian process of length scale 0.2, lifted so that its least value is 1. It is the boundary value of a
second component that does not change in time, ``c_t = 0``. A kink runs along the characteristic from the corner. Under the shift
``length`` the length scale is 0.12, under ``amplitude`` the process is 1.5 times as large.

Source: Wang, Wang and Perdikaris, 2021, doi:10.1126/sciadv.abi8605, whose published mean relative L2 error of s is 2.39e-2.
Reference: characteristics, with the time of travel integrated by the trapezoidal rule on 4097 points.
"""

import math
from dataclasses import dataclass, replace

import deepxde as dde
import numpy as np
import torch
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Initial, families

STEPS = 4096

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))


@dataclass(frozen=True)
class Lifted(families.Family):
    """Functions of a family, lifted so that the least value on a grid of 257 points is 1."""

    inner: families.Family

    @property
    def size(self) -> int:
        return self.inner.size

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return self.inner.sample(count, generator)

    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        grid = torch.linspace(0, 1, 257, dtype=coefficients.dtype, device=coefficients.device)[:, None]
        lowest = self.inner.evaluate(coefficients[..., None, :], grid).amin(-1)
        return self.inner.evaluate(coefficients, s) - lowest + 1


def residual(x: Tensor, y: Tensor) -> list[Tensor]:
    c = y[:, 1:2]
    s_x, s_t = (dde.grad.jacobian(y, x, i=0, j=j) for j in (0, 1))
    return [s_t + c * s_x, dde.grad.jacobian(y, x, i=1, j=1)]


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    grid = torch.linspace(0, 1, STEPS + 1, dtype=torch.float64)
    slowness = 1 / values["speed"](grid)
    travel = torch.cumulative_trapezoid(slowness, grid, dim=-1)
    travel = torch.cat((torch.zeros_like(travel[:, :1]), travel), -1)
    x, t = points.T.numpy()
    found = []
    for times in travel.numpy():
        left = np.interp(x, grid.numpy(), times) - t
        origin = np.interp(left, times, grid.numpy())
        found.append(np.where(left >= 0, np.sin(math.pi * origin), np.sin(-math.pi / 2 * left)))
    return torch.stack((torch.from_numpy(np.stack(found)), values["speed"](points[:, 0])), -1)


def rising(t: Tensor) -> Tensor:
    return (math.pi / 2 * t).sin()


def hump(x: Tensor) -> Tensor:
    return (math.pi * x).sin()


PROCESS = families.GaussianProcess(length=0.2, size=12)

pde = PDE(
    name="variable_advection",
    title="Advection with a random speed",
    domain=domain,
    residual=residual,
    outputs=("s", "c"),
    conditions=[
        Dirichlet("left", at={"x": 0}, values=families.Fixed(rising), component="s"),
        Initial("start", values=families.Fixed(hump), component="s"),
        Initial("speed", values=Lifted(PROCESS), component="c"),
    ],
    reference=reference,
    shifts={
        "length": {"speed": Lifted(replace(PROCESS, length=0.12, size=16))},
        "amplitude": {"speed": Lifted(replace(PROCESS, amplitude=1.5))},
    },
)
