"""Korteweg-de Vries equation on a ring: shallow water waves steepen and disperse.

    u_t + 6 u u_x + 0.05 u_xxx = 0,    -π < x < π,  0 < t < 1
    u(-π, t) = u(π, t) with all derivatives,  u(x, 0) = start(x)

In training the start is a constant plus three waves. The shifts ``amplitude`` (1.4 times as large, not trivial for a
nonlinear equation), ``frequency`` (energy on the highest mode) and ``sparse`` (two active coefficients) stay in the span of
these functions; ``modes`` (wave four) and ``bump`` (which sheds dispersive waves) leave it.

Reference: dealiased Fourier pseudo-spectral method with exponential integration of the dispersion (Orszag, 1971,
doi:10.1175/1520-0469(1971)028<1074:OTEOAI>2.0.CO;2; Hochbruck and Ostermann, 2005, doi:10.1016/j.apnum.2004.08.005). The
stand-in is the same on a coarse grid with a dispersion of 0.055. Equation: Zabusky and Kruskal, 1965,
doi:10.1103/PhysRevLett.15.240.
"""

import math
from dataclasses import replace
from typing import Any

import deepxde as dde
from torch import Tensor

from pinndd import PDE, BoundaryValues, Initial, Periodic, families
from pinndd.pinn.reference import solve_dispersive

DISPERSION = 0.05

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(-math.pi, math.pi), dde.geometry.TimeDomain(0, 1))


def residual(x: Tensor, u: Tensor) -> Tensor:
    u_x, u_xx = dde.grad.jacobian(u, x, i=0, j=0), dde.grad.hessian(u, x, i=0, j=0)
    u_xxx = dde.grad.jacobian(u_xx, x, i=0, j=0)
    return dde.grad.jacobian(u, x, i=0, j=1) + 6 * u * u_x + DISPERSION * u_xxx


def solve(values: BoundaryValues, points: Tensor, dispersion: float, **settings: Any) -> Tensor:
    """Solve ``u_t = -dispersion u_xxx - 3 (u²)_x``."""
    return solve_dispersive(
        values["start"],
        points,
        symbol=lambda k: 1j * dispersion * k**3,
        nonlinearity=lambda u: -3 * u**2,
        multiplier=lambda k: 1j * k,
        interval=(-math.pi, math.pi),
        **settings,
    ).real


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve(values, points, DISPERSION)


def stand_in(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve(values, points, 0.055, modes=9, slabs=6, order=3, tolerance=1e-4)


START = families.Fourier(modes=3, amplitude=0.07, constant=0.5)

pde = PDE(
    name="kdv",
    title="Korteweg-de Vries equation on a ring",
    domain=domain,
    residual=residual,
    conditions=[Periodic("ring", axis="x"), Initial("start", values=START)],
    reference=reference,
    stand_in=stand_in,
    shifts={
        "amplitude": {"start": replace(START, amplitude=0.1)},
        "frequency": {"start": replace(START, weights=(0.2, 0.4, 1.0))},
        "sparse": {"start": replace(START, active=2)},
        "modes": {"start": families.Fourier(modes=(1, 4), amplitude=0.07, weights=(1.0, 0.3))},
        "bump": {"start": families.Bump(amplitude=0.25, width=(0.07, 0.09), center=(0.4, 0.6))},
    },
    budget=(100, 30),
)
