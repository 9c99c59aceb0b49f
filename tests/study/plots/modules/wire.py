"""Heat conduction through a thin wall, 0.1 mm to 1 mm from an axis, over five minutes.

u_t = a u_xx,  u = 0 at both faces,  u(x, 0) = start(x);   exact: one decaying exponential per sine
"""

import math

import deepxde as dde
import torch

from pinndd import PDE, Dirichlet, Initial, families

LOW, HIGH, END = 1e-4, 1e-3, 300.0
DIFFUSIVITY = (HIGH - LOW) ** 2 / (math.pi**2 * END)


def residual(x, u):
    return dde.grad.jacobian(u, x, i=0, j=1) - DIFFUSIVITY * dde.grad.hessian(u, x, i=0, j=0)


def reference(values, points):
    modes = torch.arange(1, 4, dtype=points.dtype)
    s = (points[:, :1] - LOW) / (HIGH - LOW)
    decay = torch.exp(-DIFFUSIVITY * (math.pi * modes / (HIGH - LOW)) ** 2 * points[:, 1:])
    return values.coefficients @ (torch.sin(math.pi * modes * s) * decay).T


pde = PDE(
    name="wire",
    domain=dde.geometry.GeometryXTime(dde.geometry.Interval(LOW, HIGH), dde.geometry.TimeDomain(0, END)),
    residual=residual,
    conditions=[
        Dirichlet("inner", at={"x": LOW}, values=families.Zero()),
        Dirichlet("outer", at={"x": HIGH}, values=families.Zero()),
        Initial("start", values=families.Sine(modes=3, decay=0.0)),
    ],
    reference=reference,
    units={"u": "K", "x": "m", "t": "s"},
)
