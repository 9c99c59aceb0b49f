"""Fisher-KPP equation: a population spreads and saturates, with immigration through both ends.

    n_t = 0.05 n_xx + 2 n (1 - n),  n = 1/2 + u,    0 < x < 1,  0 < t < 1
    dn/dn(0, t) = left(t),  dn/dn(1, t) = right(t),  u(x, 0) = start(x)

u is the density above half the capacity, so that families of mean zero draw populations between none and the capacity. In
training the start is a constant plus three cosines, which have no slope at the ends, and the slopes at the ends (outward)
are two sines in time, zero at t = 0. The shifts ``amplitude`` (1.3 times as large, not trivial for a nonlinear equation),
``frequency`` (energy on the highest modes), ``sparse`` (one active coefficient a function) and ``correlated`` (what comes
in at the left leaves at the right) stay in the span of these functions; ``shape`` (a colony or a gap in
the middle, a burst of immigration at the left) leaves it.

Reference: Legendre-Galerkin in x with the slopes in the weak form (Canuto, Hussaini, Quarteroni and Zang, Spectral Methods,
2006) and exponential collocation in t (Hochbruck and Ostermann, 2005, doi:10.1016/j.apnum.2004.08.005). The stand-in is the
same on a coarse grid with a diffusivity of 0.06. Equation: Fisher, 1937, doi:10.1111/j.1469-1809.1937.tb02153.x.
"""

from dataclasses import replace
from typing import Any

import deepxde as dde
from torch import Tensor

from pinndd import PDE, BoundaryValues, Initial, Neumann, families
from pinndd.pinn.reference import solve_interval
from pinndd.pinn.reference.interval import SLOPE

DIFFUSIVITY, GROWTH = 0.05, 2.0

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))


def residual(x: Tensor, u: Tensor) -> Tensor:
    return dde.grad.jacobian(u, x, i=0, j=1) - DIFFUSIVITY * dde.grad.hessian(u, x, i=0, j=0) - grow(u)


def grow(u: Tensor) -> Tensor:
    return GROWTH * (0.5 + u) * (0.5 - u)


def solve(values: BoundaryValues, points: Tensor, diffusivity: float, **settings: Any) -> Tensor:
    return solve_interval(
        values["left"],
        values["right"],
        values["start"],
        points,
        diffusivity=diffusivity,
        ends=(SLOPE, SLOPE),
        nonlinearity=lambda u, u_x: grow(u),
        **settings,
    )


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve(values, points, DIFFUSIVITY, degree=64, slabs=32, order=6)


def stand_in(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve(values, points, 0.06, degree=12, slabs=6, order=3, tolerance=1e-4)


INFLUX = families.Sine(modes=2, amplitude=0.5)
LEVEL, WAVES = families.Chebyshev(degree=0, amplitude=0.08), families.Cosine(modes=3, amplitude=0.12)

pde = PDE(
    name="fisher_kpp",
    title="Fisher-KPP equation with immigration through both ends",
    domain=domain,
    residual=residual,
    conditions=[
        Neumann("left", at={"x": 0}, values=INFLUX),
        Neumann("right", at={"x": 1}, values=INFLUX),
        Initial("start", values=families.Sum(LEVEL, WAVES)),
    ],
    reference=reference,
    stand_in=stand_in,
    shifts={
        "amplitude": {
            "left": replace(INFLUX, amplitude=0.65),
            "right": replace(INFLUX, amplitude=0.65),
            "start": families.Sum(replace(LEVEL, amplitude=0.1), replace(WAVES, amplitude=0.16)),
        },
        "frequency": {
            "left": replace(INFLUX, weights=(0.3, 1.0)),
            "right": replace(INFLUX, weights=(0.3, 1.0)),
            "start": families.Sum(LEVEL, replace(WAVES, weights=(0.2, 0.4, 1.0))),
        },
        "sparse": {
            "left": replace(INFLUX, active=1),
            "right": replace(INFLUX, active=1),
            "start": families.Sum(LEVEL, replace(WAVES, active=1)),
        },
        "correlated": {"right": families.Tied(to="left", factor=-1.0)},
        "shape": {
            "left": families.Bump(amplitude=0.8, width=(0.1, 0.14), center=(0.4, 0.6)),
            "start": families.Bump(amplitude=0.4, width=(0.08, 0.1), center=(0.4, 0.6)),
        },
    },
)
