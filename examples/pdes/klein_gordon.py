"""Nonlinear Klein-Gordon equation: a field between two walls, given as it starts and as it starts to move.

    u_tt = u_xx - u - u³,    0 < x < 1,  0 < t < 2
    u = 0 at both walls,  u(x, 0) = start(x),  u_t(x, 0) = velocity(x)

In training start and velocity are three sines each. The shift ``strong`` begins with fields 1.5 times as large, ``bump`` with one
bump.
"""

from dataclasses import replace

import deepxde as dde

from pinndd import PDE, Dirichlet, Initial, families

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 2))


def residual(x, u):
    return dde.grad.hessian(u, x, i=1, j=1) - dde.grad.hessian(u, x, i=0, j=0) + u + u**3


START = families.Sine(modes=3)
VELOCITY = families.Sine(modes=3, amplitude=3.0)

pde = PDE(
    name="klein_gordon",
    title="Nonlinear Klein-Gordon equation between two walls",
    domain=domain,
    residual=residual,
    conditions=[
        Dirichlet("left", at={"x": 0}, values=families.Zero()),
        Dirichlet("right", at={"x": 1}, values=families.Zero()),
        Initial("start", values=START),
        Initial("velocity", values=VELOCITY, order=1),
    ],
    shifts={
        "strong": {"start": replace(START, amplitude=1.5), "velocity": replace(VELOCITY, amplitude=4.5)},
        "bump": {"start": families.Bump(width=(0.1, 0.15))},
    },
)
