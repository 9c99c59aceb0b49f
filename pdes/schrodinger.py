"""Cubic Schrödinger equation on a ring: two outputs, the real and the imaginary part of a wave function.

    i ψ_t + ψ_xx / 2 + |ψ|² ψ = 0,  ψ = u + i v,    -π < x < π,  0 < t < 1
    ψ(-π, t) = ψ(π, t) with all derivatives,  u(x, 0) = real(x),  v(x, 0) = imaginary(x)

In training both parts are a constant plus two waves. The shifts ``amplitude`` (1.3 times as large, not trivial for a
nonlinear equation), ``frequency`` (energy on the highest mode), ``sparse`` (two active coefficients a part) and
``correlated`` (both parts equal: a standing wave packet) stay in the span of these functions; ``modes`` (wave three) and
``bump`` leave it.

Reference: dealiased Fourier pseudo-spectral method with exponential integration of the dispersion (Orszag, 1971,
doi:10.1175/1520-0469(1971)028<1074:OTEOAI>2.0.CO;2; Hochbruck and Ostermann, 2005, doi:10.1016/j.apnum.2004.08.005). The
stand-in is the same on a coarse grid with 1.1 times the dispersion. Equation as in Raissi, Perdikaris and Karniadakis, 2019,
doi:10.1016/j.jcp.2018.10.045.
"""

import math
from dataclasses import replace
from typing import Any

import deepxde as dde
import torch
from torch import Tensor

from pinndd import PDE, BoundaryValues, Initial, Periodic, families
from pinndd.pinn.reference import solve_dispersive

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(-math.pi, math.pi), dde.geometry.TimeDomain(0, 1))


def residual(x: Tensor, u: Tensor) -> list[Tensor]:
    real, imaginary = u[:, 0:1], u[:, 1:2]
    density = real**2 + imaginary**2
    u_t, v_t = dde.grad.jacobian(u, x, i=0, j=1), dde.grad.jacobian(u, x, i=1, j=1)
    u_xx, v_xx = dde.grad.hessian(u, x, component=0, i=0, j=0), dde.grad.hessian(u, x, component=1, i=0, j=0)
    return [u_xx / 2 + density * real - v_t, v_xx / 2 + density * imaginary + u_t]


def solve(values: BoundaryValues, points: Tensor, dispersion: float, **settings: Any) -> Tensor:
    """Solve ``ψ_t = i dispersion ψ_xx + i |ψ|² ψ``."""
    wave = solve_dispersive(
        lambda s: torch.complex(values["real"](s), values["imaginary"](s)),
        points,
        symbol=lambda k: -1j * dispersion * k**2,
        nonlinearity=lambda psi: psi.abs().square() * psi,
        multiplier=lambda k: 1j * torch.ones_like(k),
        interval=(-math.pi, math.pi),
        **settings,
    )
    return torch.view_as_real(wave)


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve(values, points, 0.5, modes=47)


def stand_in(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve(values, points, 0.55, modes=9, slabs=6, order=3, tolerance=1e-4)


PART = families.Fourier(modes=2, amplitude=0.4, constant=1.0)
PARTS = ("real", "imaginary")

pde = PDE(
    name="schrodinger",
    title="Cubic Schrödinger equation on a ring, two outputs",
    domain=domain,
    residual=residual,
    outputs=("u", "v"),
    conditions=[
        Periodic("ring", axis="x"),
        Initial("real", values=PART, component="u"),
        Initial("imaginary", values=PART, component="v"),
    ],
    reference=reference,
    stand_in=stand_in,
    shifts={
        "amplitude": {name: replace(PART, amplitude=0.52) for name in PARTS},
        "frequency": {name: replace(PART, weights=(0.3, 1.0)) for name in PARTS},
        "sparse": {name: replace(PART, active=2) for name in PARTS},
        "correlated": {"imaginary": families.Tied(to="real")},
        "modes": {name: families.Fourier(modes=(1, 3), amplitude=0.4, constant=1.0, weights=(1.0, 0.4)) for name in PARTS},
        "bump": {"real": families.Bump(width=(0.08, 0.1), center=(0.4, 0.6))},
    },
)
