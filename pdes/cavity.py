"""Lid-driven cavity: steady viscous flow in a square box below a moving lid, at a Reynolds number of about 100.

    u u_x + v u_y + p_x = 0.01 (u_xx + u_yy),    u v_x + v v_y + p_y = 0.01 (v_xx + v_yy),    u_x + v_y = 0
    u = lid(x), v = 0 at y = 1;  u = v = 0 on the other walls;  p = 0 in the corner (0, 0),    0 < x, y < 1

The lid moves with ``sin²(πs) (c + profile(s))``, which vanishes with its slope at both ends, so that u, v and p are
continuous in the corners (the regularised cavity; Shen, 1991, doi:10.1016/0021-9991(91)90261-I). In training c is near 1 and the
profile is three sines. The shifts ``fast`` (c near 1.5: not trivial for a nonlinear equation), ``frequency`` (energy on
the highest mode) and ``sparse`` (one active mode) stay in the span of these functions; ``steps`` (a profile that jumps
smoothly) and ``rough`` (a Gaussian process) leave it.

Reference: a spectral stream function, 20 clamped Legendre polynomials along each axis, by Newton's method (Shen, 1994,
doi:10.1137/0915089); against 28 polynomials the relative error is about 1e-5 in u and v and 2e-4 in p. The stand-in is the
same with 10 polynomials.
"""

import math
from dataclasses import dataclass, replace

import deepxde as dde
import torch
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, families
from pinndd.pinn.reference import solve_cavity

VISCOSITY = 0.01
WALLS = {"left": {"x": 0}, "right": {"x": 1}, "bottom": {"y": 0}}

domain = dde.geometry.Rectangle([0, 0], [1, 1])


def residual(x: Tensor, u: Tensor) -> list[Tensor]:
    (u_x, u_y), (v_x, v_y), (p_x, p_y) = ([dde.grad.jacobian(u, x, i=c, j=j) for j in (0, 1)] for c in (0, 1, 2))
    drag_u, drag_v = (
        VISCOSITY * (dde.grad.hessian(u, x, component=c, i=0, j=0) + dde.grad.hessian(u, x, component=c, i=1, j=1))
        for c in (0, 1)
    )
    along, up = u[:, 0:1], u[:, 1:2]
    return [along * u_x + up * u_y + p_x - drag_u, along * v_x + up * v_y + p_y - drag_v, u_x + v_y]


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve_cavity(values["lid"], points, viscosity=VISCOSITY)


def stand_in(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve_cavity(values["lid"], points, viscosity=VISCOSITY, degree=10)


@dataclass(frozen=True)
class Lid(families.LinearFamily):
    """``sin²(πs) (c + profile(s))``; c is normal with mean ``speed`` and a fifth of it as standard deviation."""

    profile: families.LinearFamily
    speed: float = 1.0

    @property
    def size(self) -> int:  # type: ignore[override]
        return 1 + self.profile.size

    @property
    def scales(self) -> tuple[float, ...]:
        return (self.speed, *self.profile.scales)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        c = self.speed * (1 + 0.2 * torch.randn((count, 1), generator=generator, dtype=torch.float64))
        return torch.cat((c, self.profile.sample(count, generator)), -1)

    def basis(self, s: Tensor) -> Tensor:
        profile = self.profile.basis(s)
        return (math.pi * s[..., :1]).sin() ** 2 * torch.cat((torch.ones_like(profile[..., :1]), profile), -1)


PROFILE, STILL = families.Sine(modes=3, amplitude=0.5), families.Zero()
LID = Lid(PROFILE)

pde = PDE(
    name="cavity",
    title="Lid-driven cavity: steady Navier-Stokes flow at Re = 100",
    domain=domain,
    residual=residual,
    conditions=[
        Dirichlet("lid", at={"y": 1}, values=LID),
        Dirichlet("lid_v", at={"y": 1}, values=STILL, component="v"),
        *(Dirichlet(f"{name}_u", at=at, values=STILL) for name, at in WALLS.items()),
        *(Dirichlet(f"{name}_v", at=at, values=STILL, component="v") for name, at in WALLS.items()),
        Dirichlet("pressure", at={"x": 0, "y": 0}, values=STILL, component="p"),
    ],
    reference=reference,
    stand_in=stand_in,
    shifts={
        "fast": {"lid": replace(LID, speed=1.5)},
        "frequency": {"lid": Lid(replace(PROFILE, weights=(0.2, 0.4, 1.0)))},
        "sparse": {"lid": Lid(replace(PROFILE, active=1))},
        "steps": {"lid": Lid(families.PiecewiseConstant(pieces=3, amplitude=0.5, smoothing=0.16))},
        "rough": {"lid": Lid(families.GaussianProcess(length=0.15, amplitude=0.5))},
    },
    outputs=("u", "v", "p"),
    budget=(100, 90),
)
