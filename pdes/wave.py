"""Wave equation: a string between two fixed ends, displaced and struck.

    u_tt = u_xx,    0 < x < 1,  0 < t < 1
    u = 0 at both ends, left and right,  u(x, 0) = start(x),  u_t(x, 0) = velocity(x)

In training displacement and velocity are three sines each. The shifts ``frequency`` (energy on the highest mode), ``sparse``
(one active coefficient a function) and ``correlated`` (velocity proportional to displacement, which no training draw has)
stay in the span of these functions; ``plucked`` (a bump and no velocity) and ``struck`` (no displacement, velocity in a
bump) leave it.

Reference: exact, Bernoulli's sine series with 128 terms (Evans, Partial Differential Equations, 2010, section 4.1).
"""

import math
from dataclasses import replace

import deepxde as dde
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Initial, families
from pinndd.pinn.reference import vibrating_string

SPEED = 1.0

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))


def residual(x: Tensor, u: Tensor) -> Tensor:
    return dde.grad.hessian(u, x, i=1, j=1) - SPEED**2 * dde.grad.hessian(u, x, i=0, j=0)


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return vibrating_string(values["start"], values["velocity"], points, speed=SPEED)


START = families.Sine(modes=3)
VELOCITY = families.Sine(modes=3, amplitude=math.pi, decay=0.0)
HIGH = (0.2, 0.4, 1.0)

pde = PDE(
    name="wave",
    title="Wave equation of a string, displaced and struck",
    domain=domain,
    residual=residual,
    conditions=[
        Dirichlet("left", at={"x": 0}, values=families.Zero()),
        Dirichlet("right", at={"x": 1}, values=families.Zero()),
        Initial("start", values=START),
        Initial("velocity", values=VELOCITY, order=1),
    ],
    reference=reference,
    shifts={
        "frequency": {"start": replace(START, weights=HIGH), "velocity": replace(VELOCITY, weights=HIGH)},
        "sparse": {"start": replace(START, active=1), "velocity": replace(VELOCITY, active=1)},
        "correlated": {"velocity": families.Tied(to="start", factor=4.0)},
        "plucked": {"start": families.Bump(amplitude=1.5, width=(0.1, 0.14)), "velocity": families.Zero()},
        "struck": {"start": families.Zero(), "velocity": families.Bump(amplitude=6.0, width=(0.1, 0.14))},
    },
)
