"""Poisson equation on the unit square with a fixed source and prescribed values on four edges.

    -(u_xx + u_yy) = 10 sin(πx) sin(πy),    0 < x, y < 1
    u = left(y), right(y), bottom(x), top(x) on the edges

In training each edge is a sum of four sines, which vanish at the corners. The shifts ``frequency`` (energy on the
highest modes), ``sparse`` (one active mode an edge) and ``correlated`` (opposite edges equal) stay in the span of these
functions; ``shape`` (a bump on every edge) leaves it.

Reference: exact, by separation of variables, each edge expanded in 256 sines; the source adds (5 / π²) sin(πx) sin(πy)
(Haberman, Applied Partial Differential Equations, 2013, chapter 2).
"""

import math
from dataclasses import replace

import deepxde as dde
import torch
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, families
from pinndd.pinn.reference import laplace_on_square

SOURCE = 10.0
EDGES = {"left": {"x": 0}, "right": {"x": 1}, "bottom": {"y": 0}, "top": {"y": 1}}

domain = dde.geometry.Rectangle([0, 0], [1, 1])


def waves(x: Tensor) -> Tensor:
    return torch.sin(math.pi * x[:, 0:1]) * torch.sin(math.pi * x[:, 1:2])


def residual(x: Tensor, u: Tensor) -> Tensor:
    return dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1) + SOURCE * waves(x)


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    edges = {name: values[name] for name in EDGES}
    return laplace_on_square(edges, points) + SOURCE / (2 * math.pi**2) * waves(points).squeeze(-1)


EDGE = families.Sine(modes=4)

pde = PDE(
    name="poisson",
    title="Poisson equation on the unit square with a fixed source",
    domain=domain,
    residual=residual,
    conditions=[Dirichlet(name, at=at, values=EDGE) for name, at in EDGES.items()],
    reference=reference,
    shifts={
        "frequency": {name: replace(EDGE, weights=(0.1, 0.2, 0.5, 1.0)) for name in EDGES},
        "sparse": {name: replace(EDGE, active=1) for name in EDGES},
        "correlated": {"right": families.Tied(to="left"), "top": families.Tied(to="bottom")},
        "shape": {name: families.Bump(width=(0.12, 0.18)) for name in EDGES},
    },
)
