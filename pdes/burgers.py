"""Viscous Burgers equation between two walls whose velocities drift.

    u_t + u u_x = 0.05 u_xx,    0 < x < 1,  0 < t < 1
    u(0, t) = left(t),  u(1, t) = right(t),  u(x, 0) = start(x)

In training the ends are small quadratic drifts in time and the start is five sines, on top of the straight line between
the ends; the waves steepen into fronts about 0.1 wide. The shifts ``amplitude`` (everything 1.5 times as large: steeper
fronts, not trivial here), ``corner`` (uniform coefficients, flat spectrum of the first modes), ``sparse`` (one active
mode) and ``correlated`` (equal ends) stay in the span of these functions; ``shape`` (a bump, a Gaussian process at one
end) leaves it.

Reference: Legendre collocation in x and exponential collocation in t (Hochbruck and Ostermann, 2005,
doi:10.1016/j.apnum.2004.08.005). The stand-in is the same on a coarse grid with a viscosity of 0.06.
"""

from dataclasses import replace

import deepxde as dde
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Initial, families
from pinndd.pinn.reference import solve_dirichlet

VISCOSITY = 0.05

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))


def residual(x: Tensor, u: Tensor) -> Tensor:
    u_x = dde.grad.jacobian(u, x, i=0, j=0)
    return dde.grad.jacobian(u, x, i=0, j=1) + u * u_x - VISCOSITY * dde.grad.hessian(u, x, i=0, j=0)


def advect(u: Tensor, u_x: Tensor) -> Tensor:
    return -u * u_x


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve_dirichlet(
        values["left"],
        values["right"],
        values["start"],
        points,
        diffusivity=VISCOSITY,
        nonlinearity=advect,
        degree=80,
        slabs=80,
        order=6,
        tolerance=1e-8,
    )


def stand_in(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve_dirichlet(
        values["left"],
        values["right"],
        values["start"],
        points,
        diffusivity=0.06,
        nonlinearity=advect,
        degree=24,
        slabs=24,
        order=3,
        tolerance=1e-4,
    )


END = families.Chebyshev(degree=2, amplitude=0.2)
START = families.Sine(modes=5)

pde = PDE(
    name="burgers",
    title="Viscous Burgers equation with drifting ends",
    domain=domain,
    residual=residual,
    conditions=[
        Dirichlet("left", at={"x": 0}, values=END),
        Dirichlet("right", at={"x": 1}, values=END),
        Initial("start", values=START, joins=("left", "right")),
    ],
    reference=reference,
    stand_in=stand_in,
    shifts={
        "amplitude": {
            "left": replace(END, amplitude=0.3),
            "right": replace(END, amplitude=0.3),
            "start": replace(START, amplitude=1.5),
        },
        "corner": {"start": replace(START, weights=(0.8, 0.6, 0.5, 0.4, 0.3), distribution="uniform")},
        "sparse": {"start": replace(START, amplitude=1.5, active=1)},
        "correlated": {"right": families.Tied(to="left")},
        "shape": {
            "left": families.GaussianProcess(length=0.3, size=6, amplitude=0.3),
            "start": families.Bump(amplitude=1.5, width=(0.06, 0.1)),
        },
    },
)
