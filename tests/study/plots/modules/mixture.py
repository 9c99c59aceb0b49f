"""Three substances that spread at different speeds on [-1, 1], in very different amounts.

u_t = k u_xx for each of three components, zero at both ends, u(x, 0) = start(x);   exact: a decaying exponential each
"""

import math

import deepxde as dde
import torch

from pinndd import PDE, Dirichlet, Initial, families

RATES = (0.05, 0.1, 0.4)
AMOUNTS = (1.0, 300.0, 2e-5)
ENDS = [
    Dirichlet(f"{side}-{c}", at={"x": x}, values=families.Zero(), component=c)
    for c in range(3)
    for side, x in (("left", -1), ("right", 1))
]
STARTS = [Initial(f"start-{c}", values=families.Sine(modes=2, amplitude=AMOUNTS[c]), component=c) for c in range(3)]


def residual(x, u):
    return [dde.grad.jacobian(u, x, i=c, j=1) - RATES[c] * dde.grad.hessian(u, x, component=c, i=0, j=0) for c in range(3)]


def reference(values, points):
    waves = math.pi * torch.arange(1, 3, dtype=points.dtype) / 2
    shapes = torch.sin(waves * (points[:, :1] + 1))
    coefficients = values.coefficients.reshape(-1, 3, 2)
    fields = [coefficients[:, c] @ (shapes * torch.exp(-RATES[c] * waves**2 * points[:, 1:])).T for c in range(3)]
    return torch.stack(fields, -1)


pde = PDE(
    name="mixture",
    domain=dde.geometry.GeometryXTime(dde.geometry.Interval(-1, 1), dde.geometry.TimeDomain(0, 2)),
    residual=residual,
    conditions=[*ENDS, *STARTS],
    reference=reference,
    outputs=("heat", "salt", "dye"),
    units={"x": "m", "t": "s", "heat": "K", "salt": "mol/m³"},
)
