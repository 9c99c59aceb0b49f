"""Helmholtz equation on the unit square with prescribed values on four edges.

    u_xx + u_yy + 64 u = 0,    0 < x, y < 1
    u = left(y), right(y), bottom(x), top(x) on the edges

The wave number 8 lies between two resonances of the square, π √5 = 7.02 and π √8 = 8.89. In training each edge is
a sum of four sines, which vanish at the corners. The shifts ``frequency`` (energy on the highest modes), ``sparse`` (one
active mode an edge) and ``correlated`` (opposite edges mirror each other) stay in the span of these functions; ``modes``
(a fifth mode) and ``shape`` (a bump on every edge) leave it.

Reference: exact, by separation of variables, each edge expanded in 256 sines that decay or oscillate away from it (Morse
and Feshbach, Methods of Theoretical Physics, 1953, chapter 5).
"""

from dataclasses import replace

import deepxde as dde
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, families
from pinndd.pinn.reference import helmholtz_on_square

WAVE_NUMBER = 8.0
EDGES = {"left": {"x": 0}, "right": {"x": 1}, "bottom": {"y": 0}, "top": {"y": 1}}

domain = dde.geometry.Rectangle([0, 0], [1, 1])


def residual(x: Tensor, u: Tensor) -> Tensor:
    return dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1) + WAVE_NUMBER**2 * u


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return helmholtz_on_square({name: values[name] for name in EDGES}, points, wave_number=WAVE_NUMBER)


EDGE = families.Sine(modes=4)

pde = PDE(
    name="helmholtz",
    title="Helmholtz equation on the unit square between two resonances",
    domain=domain,
    residual=residual,
    conditions=[Dirichlet(name, at=at, values=EDGE) for name, at in EDGES.items()],
    reference=reference,
    shifts={
        "frequency": {name: replace(EDGE, weights=(0.1, 0.2, 0.5, 1.0)) for name in EDGES},
        "sparse": {name: replace(EDGE, active=1) for name in EDGES},
        "correlated": {"right": families.Tied(to="left", factor=-1.0), "top": families.Tied(to="bottom", factor=-1.0)},
        "modes": {name: families.Sine(modes=(1, 2, 5), weights=(1.0, 0.5, 0.2)) for name in EDGES},
        "shape": {name: families.Bump(width=(0.12, 0.18)) for name in EDGES},
    },
)
