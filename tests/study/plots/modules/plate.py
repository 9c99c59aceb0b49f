"""Laplace's equation on a plate three times as long as it is high, heated at its top.

u_xx + u_yy = 0 on [0, 3] × [0, 1],  u(x, 1) = top(x),  zero on the other edges;   exact: sin × sinh
"""

import math

import deepxde as dde
import torch

from pinndd import PDE, Dirichlet, families


def residual(x, u):
    return dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)


def reference(values, points):
    rates = math.pi * torch.arange(1, 4, dtype=points.dtype) / 3
    x, y = points[:, :1], points[:, 1:]
    return values.coefficients @ (torch.sin(rates * x) * torch.sinh(rates * y) / torch.sinh(rates)).T


pde = PDE(
    name="plate",
    domain=dde.geometry.Rectangle([0, 0], [3, 1]),
    residual=residual,
    conditions=[
        Dirichlet("top", at={"y": 1}, values=families.Sine(modes=3)),
        Dirichlet("bottom", at={"y": 0}, values=families.Zero()),
        Dirichlet("left", at={"x": 0}, values=families.Zero()),
        Dirichlet("right", at={"x": 3}, values=families.Zero()),
    ],
    reference=reference,
    units={"x": "m", "y": "m"},
)
