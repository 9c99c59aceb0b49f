"""Euler-Bernoulli beam on two supports, displaced, struck, and bent at its ends.

    10 u_tt + 0.05 u_xxxx = 0,    0 < x < 1,  0 < t < 1
    u(0, t) = u(1, t) = 0,  0.05 u_xx = left-moment(t) at x = 0,  right-moment(t) at x = 1
    u(x, 0) = start(x),  u_t(x, 0) = velocity(x)

In training displacement and velocity are three sines each and the moments are two waves sin(πt) sin(kπt), which set in
without a jerk. The shifts ``frequency`` (energy on the highest modes), ``sparse`` (one active coefficient a function) and
``correlated`` (equal moments at both ends) stay in the span of these functions; ``modes`` (mode four at the start) and
``pulse`` (moments in a pulse) leave it.

Reference: modes of the supported beam, driven through Duhamel's integral, 48 terms on top of the beam at rest under the
same moments (Meirovitch, Fundamentals of Vibrations, 2001, chapter 8).
"""

from dataclasses import replace

import deepxde as dde
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Initial, Operator, families
from pinndd.pinn.reference import vibrating_beam

MASS, STIFFNESS = 10.0, 0.05

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))


def residual(x: Tensor, u: Tensor) -> Tensor:
    u_xx = dde.grad.hessian(u, x, i=0, j=0)
    return MASS * dde.grad.hessian(u, x, i=1, j=1) + STIFFNESS * dde.grad.hessian(u_xx, x, i=0, j=0)


def moment(x: Tensor, u: Tensor, normal: Tensor) -> Tensor:
    return STIFFNESS * dde.grad.hessian(u, x, i=0, j=0)


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return vibrating_beam(
        values["start"],
        values["velocity"],
        (lambda t: values["left-moment"](t) / STIFFNESS, lambda t: values["right-moment"](t) / STIFFNESS),
        points,
        stiffness=STIFFNESS / MASS,
    )


START = families.Sine(modes=3)
VELOCITY = families.Sine(modes=3, amplitude=1.5, decay=0.0)
MOMENT = families.Clamped(modes=2, amplitude=0.4)
HIGH = (0.2, 0.4, 1.0)

pde = PDE(
    name="beam",
    title="Euler-Bernoulli beam on two supports, bent at its ends",
    domain=domain,
    residual=residual,
    conditions=[
        Dirichlet("left", at={"x": 0}, values=families.Zero()),
        Dirichlet("right", at={"x": 1}, values=families.Zero()),
        Operator("left-moment", at={"x": 0}, operator=moment, values=MOMENT),
        Operator("right-moment", at={"x": 1}, operator=moment, values=MOMENT),
        Initial("start", values=START),
        Initial("velocity", values=VELOCITY, order=1),
    ],
    reference=reference,
    shifts={
        "frequency": {
            "start": replace(START, weights=HIGH),
            "velocity": replace(VELOCITY, weights=HIGH),
            "left-moment": replace(MOMENT, weights=(0.3, 1.0)),
            "right-moment": replace(MOMENT, weights=(0.3, 1.0)),
        },
        "sparse": {
            "start": replace(START, active=1),
            "velocity": replace(VELOCITY, active=1),
            "left-moment": replace(MOMENT, active=1),
            "right-moment": replace(MOMENT, active=1),
        },
        "correlated": {"right-moment": families.Tied(to="left-moment")},
        "modes": {"start": families.Sine(modes=(1, 4), weights=(1.0, 0.3))},
        "pulse": {
            "left-moment": families.Bump(amplitude=0.5, width=(0.1, 0.12), center=(0.45, 0.55)),
            "right-moment": families.Bump(amplitude=0.5, width=(0.1, 0.12), center=(0.45, 0.55)),
        },
    },
    budget=(80, 42),
)
