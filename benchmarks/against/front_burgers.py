"""Burgers equation with a steep front, as the benchmark PINNacle has it (Burgers1d), for a family of starts.

    u_t + u u_x = 0.01/π u_xx,    -1 < x < 1,  0 < t < 1
    u(-1, t) = u(1, t) = 0,  u(x, 0) = start(x)

The benchmark's start is ``-sin(πx)``, which is the mean of the family: in training the start is that plus three random sines. Under
the shift ``amplitude`` these are twice as large; under ``sparse`` one of them is active.

Source: Hao et al., 2023, arXiv 2306.08827, whose best published relative L2 error on the one condition is 1.3e-2. Reference: the
transformation of Cole and Hopf, integrated by the trapezoidal rule (Cole, 1951, doi:10.1090/qam/42889).
"""

import math
from dataclasses import replace

import deepxde as dde
import numpy as np
import torch
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Initial, families

VISCOSITY = 0.01 / math.pi
NODES, REACH, CELLS, CHUNK = 4001, 20.0, 32768, 1000

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(-1, 1), dde.geometry.TimeDomain(0, 1))


def residual(x: Tensor, u: Tensor) -> Tensor:
    u_x = dde.grad.jacobian(u, x, i=0, j=0)
    return dde.grad.jacobian(u, x, i=0, j=1) + u * u_x - VISCOSITY * dde.grad.hessian(u, x, i=0, j=0)


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    # odd about both ends, so that the line has the solution of the interval; local coordinates have period 2, x has period 4
    local = torch.linspace(0, 1, CELLS // 2 + 1, dtype=torch.float64)
    inside = values["start"](local).numpy()
    start = np.concatenate((inside, -inside[:, -2::-1]), -1)
    step = 4 / CELLS
    potential = np.concatenate((np.zeros((len(start), 1)), np.cumsum((start[:, 1:] + start[:, :-1]) * step / 2, -1)), -1)
    nodes = np.linspace(-REACH, REACH, NODES)
    found = np.empty((len(start), len(points)))
    for first in range(0, len(points), CHUNK):
        x, t = points[first : first + CHUNK].numpy().T
        cell, rest = np.divmod(x[:, None] - np.sqrt(4 * VISCOSITY * t)[:, None] * nodes + 1, step)
        cell = cell.astype(int) % CELLS
        for k, (level, u) in enumerate(zip(potential, start, strict=True)):
            exact = level[cell] + rest * (u[cell] + (u[cell + 1] - u[cell]) * rest / (2 * step))
            exponent = -exact / (2 * VISCOSITY) - nodes**2
            weight = np.exp(exponent - exponent.max(-1, keepdims=True))
            moving = np.sqrt(4 * VISCOSITY / np.maximum(t, 1e-12)) * (weight @ nodes) / weight.sum(-1)
            found[k, first : first + CHUNK] = np.where(t > 1e-9, moving, np.interp(x, np.linspace(-1, 3, CELLS + 1), u))
    return torch.from_numpy(found)


def dip(s: Tensor) -> Tensor:
    """``-sin(πx)`` in the local coordinate ``s = (x + 1) / 2``."""
    return (2 * math.pi * s).sin()


START = families.Sine(modes=3, amplitude=0.2, mean=dip)
WALL = families.Zero()

pde = PDE(
    name="front_burgers",
    title="Burgers equation with a steep front",
    domain=domain,
    residual=residual,
    conditions=[
        Dirichlet("left", at={"x": -1}, values=WALL),
        Dirichlet("right", at={"x": 1}, values=WALL),
        Initial("start", values=START),
    ],
    reference=reference,
    shifts={
        "amplitude": {"start": replace(START, amplitude=0.4)},
        "sparse": {"start": replace(START, active=1)},
    },
)
