"""Allen-Cahn equation on a ring: two phases separate from smooth initial data.

    u_t = 0.01 u_xx + 2 (u - u³),    0 < x < 1,  0 < t < 1
    u(0, t) = u(1, t),  u_x(0, t) = u_x(1, t),  u(x, 0) = start(x)

In training the start is a constant plus three waves. The shifts ``amplitude`` (1.5 times as large, not trivial for a
nonlinear equation), ``frequency`` (energy on the highest mode) and ``sparse`` (two active coefficients) stay in the
span of these functions; ``modes`` (waves four and five) and ``bump`` leave it.

Reference: Fourier collocation in x and exponential collocation in t (Hochbruck and Ostermann, 2005,
doi:10.1016/j.apnum.2004.08.005). The stand-in is the same on a coarse grid with a diffusivity of 0.0125.
"""

from dataclasses import replace

import deepxde as dde
from torch import Tensor

from pinndd import PDE, BoundaryValues, Initial, Periodic, families
from pinndd.pinn.reference import solve_periodic

DIFFUSIVITY, RATE = 0.01, 2.0

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))


def residual(x: Tensor, u: Tensor) -> Tensor:
    u_t, u_xx = dde.grad.jacobian(u, x, i=0, j=1), dde.grad.hessian(u, x, i=0, j=0)
    return u_t - DIFFUSIVITY * u_xx - react(u)


def react(u: Tensor) -> Tensor:
    return RATE * (u - u**3)


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve_periodic(values["start"], points, diffusivity=DIFFUSIVITY, nonlinearity=react)


def stand_in(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve_periodic(
        values["start"], points, diffusivity=0.0125, nonlinearity=react, modes=10, slabs=8, order=3, tolerance=1e-4
    )


START = families.Fourier(modes=3, amplitude=0.5, constant=0.5)

pde = PDE(
    name="allen_cahn",
    title="Allen-Cahn equation on a ring",
    domain=domain,
    residual=residual,
    conditions=[Periodic("ring", axis="x"), Initial("start", values=START)],
    reference=reference,
    stand_in=stand_in,
    shifts={
        "amplitude": {"start": replace(START, amplitude=0.75)},
        "frequency": {"start": replace(START, weights=(0.2, 0.4, 1.0))},
        "sparse": {"start": replace(START, active=2)},
        "modes": {"start": families.Fourier(modes=(1, 4, 5), amplitude=0.5, weights=(1.0, 0.25, 0.2))},
        "bump": {"start": families.Bump(width=(0.05, 0.07), center=(0.35, 0.65))},
    },
)
