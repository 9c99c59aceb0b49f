"""Convection-diffusion along a reactor: what flows in is carried to the outlet, where it meets a boundary layer.

    u_t + 2 u_x = 0.1 u_xx,    0 < x < 1,  0 < t < 1
    2 u - 0.1 u_x = 2 inflow(t) at x = 0,  u(1, t) = outlet(t),  u(x, 0) = start(x)

The inflow is Danckwerts' condition, of Robin type: what enters is carried in and diffuses on. The layer at the outlet is
0.1 / 2 = 0.05 thick. In training inflow and outlet are sines in time, zero at t = 0, and the start is three waves
sin(πx) sin(kπx), which meet both ends without a kink. The shifts ``frequency`` (energy on the highest mode), ``sparse``
(one active coefficient a function) and ``correlated`` (the outlet opposes the inflow) stay in the span of these functions;
``shape`` (a plug at the start, a pulse in the inflow) leaves it.

Reference: Legendre-Galerkin in x with the flux in the weak form (Canuto, Hussaini, Quarteroni and Zang, Spectral Methods,
2006) and exponential collocation in t (Hochbruck and Ostermann, 2005, doi:10.1016/j.apnum.2004.08.005). Condition at the
inflow: Danckwerts, 1953, doi:10.1016/0009-2509(53)80001-1.
"""

from dataclasses import replace

import deepxde as dde
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Initial, Robin, families
from pinndd.pinn.reference import solve_interval
from pinndd.pinn.reference.interval import VALUE

SPEED, DIFFUSIVITY = 2.0, 0.1
LAYER = DIFFUSIVITY / SPEED

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))


def residual(x: Tensor, u: Tensor) -> Tensor:
    u_t, u_x = dde.grad.jacobian(u, x, i=0, j=1), dde.grad.jacobian(u, x, i=0, j=0)
    return u_t + SPEED * u_x - DIFFUSIVITY * dde.grad.hessian(u, x, i=0, j=0)


def convect(u: Tensor, u_x: Tensor) -> Tensor:
    return -SPEED * u_x


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve_interval(
        values["inflow"],
        values["outlet"],
        values["start"],
        points,
        diffusivity=DIFFUSIVITY,
        ends=((1.0, LAYER), VALUE),
        nonlinearity=convect,
        degree=64,
        slabs=64,
        order=6,
    )


INFLOW = families.Sine(modes=3)
OUTLET = families.Sine(modes=3)
START = families.Clamped(modes=3)
HIGH = (0.2, 0.4, 1.0)

pde = PDE(
    name="convection_diffusion",
    title="Convection-diffusion with Robin inflow and a boundary layer",
    domain=domain,
    residual=residual,
    conditions=[
        Robin("inflow", at={"x": 0}, values=INFLOW, value=1.0, slope=LAYER),
        Dirichlet("outlet", at={"x": 1}, values=OUTLET),
        Initial("start", values=START),
    ],
    reference=reference,
    shifts={
        "frequency": {
            "inflow": replace(INFLOW, weights=HIGH),
            "outlet": replace(OUTLET, weights=HIGH),
            "start": replace(START, weights=HIGH),
        },
        "sparse": {name: replace(f, active=1) for name, f in (("inflow", INFLOW), ("outlet", OUTLET), ("start", START))},
        "correlated": {"outlet": families.Tied(to="inflow", factor=-1.0)},
        "shape": {
            "inflow": families.Bump(amplitude=1.5, width=(0.1, 0.14), center=(0.4, 0.6)),
            "start": families.Bump(amplitude=1.5, width=(0.08, 0.1), center=(0.4, 0.6)),
        },
    },
)
