"""Laplace's equation on the unit disk with prescribed values on the circle.

    u_xx + u_yy = 0,    x² + y² < 1
    u = circle(s)  at  (x, y) = (cos 2πs, sin 2πs)

In training the circle carries a constant plus eight waves. The shifts ``frequency`` (energy on the highest modes),
``sparse`` (two active coefficients) and ``uniform`` (uniform coefficients, flat spectrum) stay in the span of these
functions; ``bump`` (a bump on one side) and ``rough`` (a periodic Gaussian process) leave it.

Reference: exact. Poisson's integral as a Fourier series with 256 modes, ``c_k r^|k| exp(ikθ)`` (Evans, Partial Differential
Equations, 2010, section 2.2); values outside the span of the training family have such a series too.
"""

import math
from dataclasses import replace

import deepxde as dde
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, families
from pinndd.pinn.reference import laplace_on_disk

domain = dde.geometry.Disk([0, 0], 1)


def residual(x: Tensor, u: Tensor) -> Tensor:
    return dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return laplace_on_disk(values["circle"], points)


CIRCLE = families.Fourier(modes=8, decay=0.5, constant=0.5)

pde = PDE(
    name="laplace_disk",
    title="Laplace's equation on a disk",
    domain=domain,
    residual=residual,
    conditions=[Dirichlet("circle", at={"angle": (0, 2 * math.pi)}, values=CIRCLE)],
    reference=reference,
    shifts={
        "frequency": {"circle": replace(CIRCLE, weights=(0.1, 0.1, 0.2, 0.2, 0.5, 0.5, 1.0, 1.0))},
        "sparse": {"circle": replace(CIRCLE, active=2)},
        "uniform": {"circle": replace(CIRCLE, decay=0.0, amplitude=0.5, distribution="uniform")},
        "bump": {"circle": families.Bump(width=(0.05, 0.07), center=(0.4, 0.6))},
        "rough": {"circle": families.GaussianProcess(length=0.3, size=24, periodic=True)},
    },
    budget=(48, 24),
)
