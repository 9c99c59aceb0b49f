"""Advection of a periodic profile.

    u_t + 0.5 u_x = 0,    0 < x < 1,  0 < t < 1
    u(0, t) = u(1, t),  u(x, 0) = start(x)

In training the start is three waves. The shifts ``frequency`` (energy on the highest mode), ``sparse`` (one active
coefficient) and ``uniform`` (uniform coefficients, flat spectrum) stay in the span of these functions; ``modes`` (waves
four and five) and ``bump`` leave it.

Reference: exact, ``u(x, t) = start(x - 0.5 t)`` (Evans, Partial Differential Equations, 2010, section 2.1).
"""

from dataclasses import replace

import deepxde as dde
from torch import Tensor

from pinndd import PDE, BoundaryValues, Initial, Periodic, families

SPEED = 0.5

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))


def residual(x: Tensor, u: Tensor) -> Tensor:
    return dde.grad.jacobian(u, x, i=0, j=1) + SPEED * dde.grad.jacobian(u, x, i=0, j=0)


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    x, t = points.double().unbind(-1)
    return values["start"]((x - SPEED * t) % 1.0).double()


START = families.Fourier(modes=3)

pde = PDE(
    name="advection",
    title="Advection of a periodic profile",
    domain=domain,
    residual=residual,
    conditions=[Periodic("ring", axis="x"), Initial("start", values=START)],
    reference=reference,
    shifts={
        "frequency": {"start": replace(START, weights=(0.2, 0.4, 1.0))},
        "sparse": {"start": replace(START, active=1)},
        "uniform": {"start": replace(START, decay=0.0, amplitude=0.6, distribution="uniform")},
        "modes": {"start": families.Fourier(modes=(1, 4, 5), weights=(1.0, 0.25, 0.2))},
        "bump": {"start": families.Bump(width=(0.08, 0.1), center=(0.4, 0.6))},
    },
)
