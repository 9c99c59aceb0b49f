"""Viscous Burgers equation on a ring with random initial data, as physics-informed DeepONets were measured on.

    u_t + u u_x = 0.01 u_xx,    0 < x < 1,  0 < t < 1,  periodic in x
    u(x, 0) = start(x)

The start is a Gaussian field without mean, of the covariance 625² (-d²/dx² + 25)^-4, cut after eight waves (wave nine has
less than a thousandth of the deviation of the first): wave k has deviation ``√2 · 625 / ((2πk)² + 25)²``. Under the shift
``amplitude`` it is 1.5 times as large, under ``rough`` waves two to four are three times as large.

Source: Wang, Wang and Perdikaris, 2021, doi:10.1126/sciadv.abi8605, whose published mean relative L2 error is 1.42e-2. Reference: as
`pdes/allen_cahn.py`.
"""

import math
from dataclasses import replace

import deepxde as dde
from torch import Tensor

from pinndd import PDE, BoundaryValues, Initial, Periodic, families
from pinndd.pinn.reference import solve_dispersive

VISCOSITY = 0.01
DEVIATIONS = tuple(math.sqrt(2) * 625 / ((2 * math.pi * k) ** 2 + 25) ** 2 for k in range(1, 9))

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))


def residual(x: Tensor, u: Tensor) -> Tensor:
    u_x = dde.grad.jacobian(u, x, i=0, j=0)
    return dde.grad.jacobian(u, x, i=0, j=1) + u * u_x - VISCOSITY * dde.grad.hessian(u, x, i=0, j=0)


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve_dispersive(
        values["start"],
        points,
        symbol=lambda k: -VISCOSITY * k**2,
        nonlinearity=lambda u: -(u**2) / 2,
        multiplier=lambda k: 1j * k,
        modes=96,
        slabs=64,
    ).real


WEIGHTS = tuple(d / DEVIATIONS[0] for d in DEVIATIONS)
START = families.Fourier(modes=8, amplitude=DEVIATIONS[0], decay=0.0, weights=WEIGHTS)

pde = PDE(
    name="random_burgers",
    title="Burgers equation on a ring, random initial data",
    domain=domain,
    residual=residual,
    conditions=[Periodic("ring", axis="x"), Initial("start", values=START)],
    reference=reference,
    shifts={
        "amplitude": {"start": replace(START, amplitude=1.5 * DEVIATIONS[0])},
        "rough": {"start": replace(START, weights=tuple(w * (3 if 1 <= k <= 3 else 1) for k, w in enumerate(WEIGHTS)))},
    },
)
