"""Diffusion and reaction under a random source, as physics-informed DeepONets were measured on.

    s_t = 0.01 s_xx + 0.01 s² + f(x),    0 < x < 1,  0 < t < 1
    s = 0 at x = 0, x = 1 and t = 0

What varies is the source, a Gaussian process of length scale 0.2. A source is a boundary value too: of a second component
that does not change in time, ``f_t = 0``, and starts as the source. Under the shift ``length`` its length scale is 0.12,
under ``amplitude`` it is twice as large.

Source: Wang, Wang and Perdikaris, 2021, doi:10.1126/sciadv.abi8605, whose published mean relative L2 error of s is 5.33e-3.
Reference: sines in x, exponential collocation in t (Hochbruck and Ostermann, 2005, doi:10.1016/j.apnum.2004.08.005).
"""

import math
from dataclasses import replace

import deepxde as dde
import torch
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Initial, families
from pinndd.pinn.reference.exponential import integrate, slab_boundaries

DIFFUSIVITY = RATE = 0.01
SINES = 255

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))


def residual(x: Tensor, y: Tensor) -> list[Tensor]:
    s, f = y[:, 0:1], y[:, 1:2]
    s_t, f_t = (dde.grad.jacobian(y, x, i=c, j=1) for c in (0, 1))
    return [s_t - DIFFUSIVITY * dde.grad.hessian(y, x, component=0, i=0, j=0) - RATE * s**2 - f, f_t]


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    k = torch.arange(1, SINES + 1, dtype=torch.float64)
    grid = (torch.arange(4 * SINES, dtype=torch.float64) + 0.5) / (4 * SINES)
    basis = (math.pi * grid[:, None] * k).sin()
    source = values["source"](grid)
    projected = 2 * source @ basis / len(grid)

    def forcing(_: Tensor, a: Tensor) -> Tensor:
        s = a @ basis.T
        return projected[:, None] + 2 * RATE * s**2 @ basis / len(grid)

    rates = DIFFUSIVITY * (math.pi * k) ** 2
    trajectory = integrate(rates, forcing, torch.zeros_like(projected), slab_boundaries(1.0, 16), order=6, tolerance=1e-10)
    s = trajectory.project(points[:, 1], (math.pi * points[:, :1] * k).sin())
    return torch.stack((s, values["source"](points[:, 0])), -1)


SOURCE = families.GaussianProcess(length=0.2, size=12)

pde = PDE(
    name="diffusion_reaction",
    title="Diffusion and reaction under a random source",
    domain=domain,
    residual=residual,
    outputs=("s", "f"),
    conditions=[
        Dirichlet("left", at={"x": 0}, values=families.Zero(), component="s"),
        Dirichlet("right", at={"x": 1}, values=families.Zero(), component="s"),
        Initial("start", values=families.Zero(), component="s"),
        Initial("source", values=SOURCE, component="f"),
    ],
    reference=reference,
    shifts={
        "length": {"source": replace(SOURCE, length=0.12, size=16)},
        "amplitude": {"source": replace(SOURCE, amplitude=2.0)},
    },
)
