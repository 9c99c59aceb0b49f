"""Heat in a rod with a front in a known place and an end that is switched at a known time: sensors belong close together there.

    u_t = 0.02 u_xx,    0 < x < 1,  0 < t < 1
    u(0, t) = switched(t),  u(1, t) = 0,  u(x, 0) = front(x)

In training the left end goes from 0 to a random level (tanh, width 0.05 to 0.06) at a time between t = 0.28 and 0.34, and the start
has a jump of that width between x = 0.62 and 0.68, a straight line taken off so that it vanishes at both ends. The right end is
known to be zero. The shifts leave that family: ``place`` moves front and switching by up to 0.12, ``wide`` makes both smoother,
``waves`` makes the left end two sines and the start three, and ``bumps`` puts a bump in the place of each.

Reference: Legendre collocation in x and exact integration of the resulting linear system in t, spectrally accurate (Canuto,
Hussaini, Quarteroni and Zang, Spectral Methods: Fundamentals in Single Domains, 2006).
"""

from dataclasses import dataclass, replace

import deepxde as dde
import torch
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Initial, families
from pinndd.pinn.reference import solve_dirichlet

DIFFUSIVITY = 0.02

domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))


@dataclass(frozen=True)
class Switch(families.Family):
    """A step ``(1 + tanh((s - place) / width)) / 2`` of random height, place and width, zero at s = 0, and at s = 1 if ``pinned``."""

    amplitude: float = 1.0
    width: tuple[float, float] = (0.05, 0.06)
    place: tuple[float, float] = (0.28, 0.34)
    pinned: bool = False
    size: int = 3

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        # as a bump: the height is ± between half the amplitude and all of it
        return families.Bump(self.amplitude, self.width, self.place).sample(count, generator)

    def evaluate(self, coefficients: Tensor, s: Tensor) -> Tensor:
        height, place, width = coefficients.unbind(-1)

        def step(at: Tensor) -> Tensor:
            return (1 + ((at - place) / width).tanh()) / 2

        x = s[..., 0]
        first, last = step(torch.zeros_like(x)), step(torch.ones_like(x))
        values = step(x) - first
        return height * (values - x * (last - first) if self.pinned else values)


def residual(x: Tensor, u: Tensor) -> Tensor:
    return dde.grad.jacobian(u, x, i=0, j=1) - DIFFUSIVITY * dde.grad.hessian(u, x, i=0, j=0)


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return solve_dirichlet(values["switched"], values["cold"], values["front"], points, diffusivity=DIFFUSIVITY)


SWITCHED = Switch()
FRONT = Switch(place=(0.62, 0.68), pinned=True)

pde = PDE(
    name="heat_switch",
    title="Heat in a rod with a front in a known place and an end switched at a known time",
    domain=domain,
    residual=residual,
    conditions=[
        Dirichlet("switched", at={"x": 0}, values=SWITCHED),
        Dirichlet("cold", at={"x": 1}, values=families.Zero()),
        Initial("front", values=FRONT),
    ],
    reference=reference,
    shifts={
        "place": {"switched": replace(SWITCHED, place=(0.34, 0.46)), "front": replace(FRONT, place=(0.5, 0.62))},
        "wide": {"switched": replace(SWITCHED, width=(0.08, 0.1)), "front": replace(FRONT, width=(0.08, 0.1))},
        "waves": {"switched": families.Sine(modes=2, amplitude=0.7), "front": families.Sine(modes=3, amplitude=0.7)},
        "bumps": {
            "switched": families.Bump(width=(0.07, 0.09), center=(0.28, 0.34)),
            "front": families.Bump(width=(0.07, 0.09), center=(0.62, 0.68)),
        },
    },
    units={"u": "K", "x": "m", "t": "s"},
)
