"""Heat equation on a rod whose two ends follow a prescribed temperature.

    u_t = 0.1 u_xx,    0 < x < 1,  0 < t < 1
    u(0, t) = left(t),  u(1, t) = right(t),  u(x, 0) = start(x)

In training the ends are a constant plus three slow waves in time and the start is three sines on top of the straight
line between the two ends. The shifts ``frequency`` (energy on the highest mode), ``sparse`` (one active coefficient a
function) and ``correlated`` (the right end mirrors the left one) stay in the span of these functions; ``steps`` (an end
that is switched) and ``shape`` (a bump, a Gaussian process) leave it.

Reference: Legendre collocation in x and exact integration of the resulting linear system in t, spectrally accurate (Canuto,
Hussaini, Quarteroni and Zang, Spectral Methods: Fundamentals in Single Domains, 2006).
"""

from dataclasses import replace

import deepxde as dde
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Initial, families
from pinndd.pinn.reference import solve_dirichlet

DIFFUSIVITY = 0.1

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))


def residual(x: Tensor, u: Tensor) -> Tensor:
    return dde.grad.jacobian(u, x, i=0, j=1) - DIFFUSIVITY * dde.grad.hessian(u, x, i=0, j=0)


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve_dirichlet(values["left"], values["right"], values["start"], points, diffusivity=DIFFUSIVITY)


END = families.Fourier(modes=3, amplitude=0.5, constant=1.0, period=2.0)
START = families.Sine(modes=3)
HIGH = (0.2, 0.4, 1.0)

pde = PDE(
    name="heat",
    title="Heat equation on a rod with prescribed end temperatures",
    domain=domain,
    residual=residual,
    conditions=[
        Dirichlet("left", at={"x": 0}, values=END),
        Dirichlet("right", at={"x": 1}, values=END),
        Initial("start", values=START, joins=("left", "right")),
    ],
    reference=reference,
    shifts={
        "frequency": {
            "left": replace(END, weights=HIGH),
            "right": replace(END, weights=HIGH),
            "start": replace(START, weights=HIGH),
        },
        "sparse": {"left": replace(END, active=1), "right": replace(END, active=1), "start": replace(START, active=1)},
        "correlated": {"right": families.Tied(to="left", factor=-1.0)},
        "steps": {"left": families.PiecewiseConstant(pieces=4, amplitude=0.7, smoothing=0.05)},
        "shape": {
            "right": families.GaussianProcess(length=0.2, size=8, amplitude=0.7),
            "start": families.Bump(amplitude=1.5),
        },
    },
    units={"u": "K", "x": "m", "t": "s"},
)
