"""Seepage through a porous L-shaped block of varying permeability, out of wells and into a pit.

    (a u_x)_x + (a u_y)_y = 0,    a = exp(0.8 sin(3x) cos(3y)),    on [0, 1]² without the quarter x, y > 1/2
    u = pit_side(s), pit_top(s) on the two edges of that quarter, s running towards its corner (1/2, 1/2)
    ∂u/∂n = left(y), bottom(x) at x = 0 and y = 0;  ∂u/∂n = 0 at x = 1 and y = 1

In training the pressures in the pit are three cosines that vanish in its corner, and the wells are a constant plus two
cosines; all are flat where they meet other edges, so that the data agree there. The shifts ``frequency`` (energy on the highest
modes), ``sparse`` (one active mode an edge) and ``correlated`` (opposite pressures, equal wells) stay in the span of these
functions; ``steps`` (wells switched smoothly along the edge) and ``bump`` (a local pressure on each edge of the pit) leave it.

Reference: finite elements of degree 4 on a mesh refined towards the re-entrant corner, where the gradient grows like
r^(-1/3) (Grisvard, Elliptic Problems in Nonsmooth Domains, 1985; scikit-fem, doi:10.21105/joss.02369). Its relative
error is below 1e-5.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import deepxde as dde
import numpy as np
import torch
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Neumann, families
from pinndd.pinn.reference import LinearProblem, graded_mesh

CORNER = (0.5, 0.5)

domain = dde.geometry.Polygon([(0, 0), (1, 0), (1, 0.5), CORNER, (0.5, 1), (0, 1)])


def permeability(x: Tensor, y: Tensor) -> Tensor:
    return (0.8 * torch.sin(3 * x) * torch.cos(3 * y)).exp()


def residual(x: Tensor, u: Tensor) -> Tensor:
    along, up = 3 * x[:, 0:1], 3 * x[:, 1:2]
    spread = dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)
    # the gradient of log a carries u along
    drift_x = 2.4 * torch.cos(along) * torch.cos(up) * dde.grad.jacobian(u, x, i=0, j=0)
    drift_y = -2.4 * torch.sin(along) * torch.sin(up) * dde.grad.jacobian(u, x, i=0, j=1)
    return permeability(x[:, 0:1], x[:, 1:2]) * (spread + drift_x + drift_y)


@lru_cache(maxsize=4)
def problem(cells: int = 16, levels: int = 12) -> LinearProblem:
    from skfem import Basis, BilinearForm, ElementTriP4, MeshTri
    from skfem.helpers import dot, grad

    grid = np.linspace(0, 1, cells + 1)
    square = MeshTri.init_tensor(grid, grid)
    block = square.remove_elements(np.flatnonzero((square.p[:, square.t].mean(1) > 0.5).all(0)))
    basis = Basis(graded_mesh(block, [CORNER], levels=levels), ElementTriP4(), intorder=10)

    @BilinearForm
    def flow(u, v, w):  # type: ignore[no-untyped-def]
        x, y = (torch.from_numpy(np.asarray(c)) for c in w.x)
        return permeability(x, y).numpy() * dot(grad(u), grad(v))

    return LinearProblem(
        basis,
        flow.assemble(basis),
        pde.patches,
        given={"pit_side": 0, "pit_top": 0},
        natural={"left": 0, "bottom": 0},
        weight=permeability,
    )


def reference(values: BoundaryValues, points: Tensor) -> Tensor:
    return problem().solve(values, points)


@dataclass(frozen=True)
class Flat(families.LinearFamily):
    """Sum of ``cos(k π s)``, flat at s = 0; mode number j has standard deviation ``weights[j]``."""

    modes: tuple[float, ...]
    weights: tuple[float, ...] = (1.0, 0.5, 0.3)
    distribution: Literal["normal", "uniform"] = "normal"
    active: int | None = None

    @property
    def size(self) -> int:  # type: ignore[override]
        return len(self.modes)

    @property
    def scales(self) -> tuple[float, ...]:
        return self.weights

    def basis(self, s: Tensor) -> Tensor:
        return (s[..., :1] * math.pi * s.new_tensor(self.modes)).cos()


PRESSURE, WELL, TIGHT = Flat((0.5, 1.5, 2.5)), Flat((0.0, 1.0, 2.0), weights=(1.0, 1.0, 1.0)), families.Zero()
PIT = {"pit_side": {"from": (0.5, 1), "to": CORNER}, "pit_top": {"from": (1, 0.5), "to": CORNER}}
WELLS = {"left": {"from": (0, 0), "to": (0, 1)}, "bottom": {"from": (0, 0), "to": (1, 0)}}
FAMILIES = {**dict.fromkeys(PIT, PRESSURE), **dict.fromkeys(WELLS, WELL)}

pde = PDE(
    name="darcy",
    title="Darcy flow through an L-shaped block of varying permeability",
    domain=domain,
    residual=residual,
    conditions=[
        *(Dirichlet(name, at=at, values=PRESSURE) for name, at in PIT.items()),
        *(Neumann(name, at=at, values=WELL) for name, at in WELLS.items()),
        Neumann("right", at={"from": (1, 0), "to": (1, 0.5)}, values=TIGHT),
        Neumann("top", at={"from": (0, 1), "to": (0.5, 1)}, values=TIGHT),
    ],
    reference=reference,
    shifts={
        "frequency": {name: replace(f, weights=(0.2, 0.3, 1.0)) for name, f in FAMILIES.items()},
        "sparse": {name: replace(f, active=1) for name, f in FAMILIES.items()},
        "correlated": {"pit_top": families.Tied(to="pit_side", factor=-1.0), "bottom": families.Tied(to="left")},
        "steps": {name: families.PiecewiseConstant(pieces=3, smoothing=0.08) for name in WELLS},
        "bump": {name: families.Bump(width=(0.1, 0.12), center=(0.4, 0.6)) for name in PIT},
    },
    budget=(100, 60),
)
