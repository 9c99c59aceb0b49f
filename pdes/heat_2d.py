"""Heat equation on a square plate, one edge of which is heated in pulses.

    u_t = 0.05 (u_xx + u_yy),    0 < x, y < 1,  0 < t < 1
    u(0, y, t) = left(y, t),  u = 0 on the other edges,  u(x, y, 0) = start(x, y)

In training the left edge and the start are products of two sines each, in y and t and in x and y; both vanish where they
meet other conditions. The shifts ``frequency`` (energy on the highest modes), ``sparse`` (one active product a
condition) and ``cold`` (no heated edge) stay in the span of these functions; ``pulse`` (rough in time) and ``modes`` (a third mode
at the start) leave it.

Reference: Legendre collocation in x and y, diagonalised, and exact integration of the decoupled modes in t, spectrally
accurate (Hochbruck and Ostermann, 2005, doi:10.1016/j.apnum.2004.08.005).
"""

from dataclasses import replace

import deepxde as dde
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Initial, families
from pinndd.pinn.reference import heat_on_square

DIFFUSIVITY = 0.05

domain = dde.geometry.GeometryXTime(dde.geometry.Rectangle([0, 0], [1, 1]), dde.geometry.TimeDomain(0, 1))


def residual(x: Tensor, u: Tensor) -> Tensor:
    spread = dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)
    return dde.grad.jacobian(u, x, i=0, j=2) - DIFFUSIVITY * spread


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return heat_on_square({"left": values["left"]}, values["start"], points, diffusivity=DIFFUSIVITY)


SINES = families.Sine(modes=2)
RISING = replace(SINES, weights=(0.3, 1.0))
EVEN, HIGH = families.Product(SINES, SINES), families.Product(RISING, RISING)
ROUGH = families.GaussianProcess(length=0.15, pinned=True)
THIRD = families.Sine(modes=(1, 3), weights=(1.0, 0.4))

pde = PDE(
    name="heat_2d",
    title="Heat equation on a square plate with one heated edge",
    domain=domain,
    residual=residual,
    conditions=[
        Dirichlet("left", at={"x": 0}, values=EVEN),
        Dirichlet("right", at={"x": 1}, values=families.Zero()),
        Dirichlet("bottom", at={"y": 0}, values=families.Zero()),
        Dirichlet("top", at={"y": 1}, values=families.Zero()),
        Initial("start", values=EVEN),
    ],
    reference=reference,
    shifts={
        "frequency": {"left": HIGH, "start": HIGH},
        "sparse": {"left": replace(EVEN, active=1), "start": replace(EVEN, active=1)},
        "cold": {"left": families.Zero()},
        "pulse": {"left": families.Product(SINES, ROUGH)},
        "modes": {"start": families.Product(THIRD, THIRD)},
    },
    budget=(150, 100),
    units={"u": "K", "x": "m", "y": "m", "t": "s"},
)
