"""Lid-driven cavity judged by COMSOL: a set that is distilled on some lids trains PINNs for others, and `solve` meets the fields.

    u u_x + v u_y + p_x = 0.01 (u_xx + u_yy),    u v_x + v v_y + p_y = 0.01 (v_xx + v_yy),    u_x + v_y = 0
    u = a x (1 - x), v = 0 at y = 1;  u = v = 0 on the other walls

The solved fields for a = 2, 4, 8 and 16 are those of PINNacle (Hao et al. 2024, arXiv 2306.08827), whose published networks are off by
2.35e-2 to 4.7e-2 in u at a = 4. Nobody solves the training conditions: the fast solver stands in for a reference there.

Prints for every lid the error of `pinndd.solve` in u (below 2e-2 with 400 features, and below 5e-3 with --fine), and the errors of PINNs
that were trained on a distilled set and on a midpoint grid of as many points.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import deepxde as dde
import numpy as np
import torch
from torch import Tensor

import pinndd
from pinndd import PDE, Dirichlet, families

DATA = Path(__file__).resolve().parent / "data"
LIDS = (2.0, 4.0, 8.0, 16.0)
WALLS = {"left": {"x": 0}, "right": {"x": 1}, "bottom": {"y": 0}}
VISCOSITY = 0.01


@dataclass(frozen=True)
class Parabola(families.LinearFamily):
    """``a s (1 - s)`` with one coefficient a, uniform between 1 and 16."""

    size: int = 1
    scales: tuple[float, ...] = (9.0,)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        return 1 + 15 * torch.rand((count, 1), generator=generator, dtype=torch.float64)

    def basis(self, s: Tensor) -> Tensor:
        return s * (1 - s)


def residual(x: Tensor, w: Tensor) -> list[Tensor]:
    (u_x, u_y), (v_x, v_y), (p_x, p_y) = ([dde.grad.jacobian(w, x, i=c, j=j) for j in (0, 1)] for c in (0, 1, 2))
    drag_u, drag_v = (
        VISCOSITY * (dde.grad.hessian(w, x, component=c, i=0, j=0) + dde.grad.hessian(w, x, component=c, i=1, j=1))
        for c in (0, 1)
    )
    u, v = w[:, 0:1], w[:, 1:2]
    return [u * u_x + v * u_y + p_x - drag_u, u * v_x + v * v_y + p_y - drag_v, u_x + v_y]


pde = PDE(
    name="comsol_cavity",
    title="Lid-driven cavity, judged by COMSOL",
    domain=dde.geometry.Rectangle([0, 0], [1, 1]),
    residual=residual,
    outputs=("u", "v", "p"),
    up_to_constant=("p",),
    conditions=[
        Dirichlet("lid", {"y": 1}, Parabola()),
        Dirichlet("lid_v", {"y": 1}, families.Zero(), component="v"),
        *(Dirichlet(f"{name}_{c}", at, families.Zero(), component=c) for name, at in WALLS.items() for c in ("u", "v")),
    ],
    reference=pinndd.solutions_from({DATA / f"lid_driven_a{a:g}.npz": {"lid": [a]} for a in LIDS}),
)


def solved(fine: bool, lids: Sequence[float] = (4.0, 16.0)) -> dict[float, float]:
    """Solve for some lids, print the error in u and its estimate, and return the errors."""
    errors = {}
    for a in lids:
        recorded = np.load(DATA / f"lid_driven_a{a:g}.npz")
        found = pinndd.solve(pde, {"lid": lambda x, a=a: a * x * (1 - x)}, tolerance=3e-2 if fine else None)
        u = found(recorded["points"])[0, :, 0]
        errors[a] = float(np.linalg.norm(u - recorded["u"]) / np.linalg.norm(recorded["u"]))
        print(f"solve, a = {a:g}: error in u {errors[a]:.1e} with {found.features} features, {found.seconds:.0f} s")
    return errors


def distilled(effort: float) -> dict[str, float]:
    """Distill points on lids between 1 and 16, judge them on the recorded lids, and return the mean error in u of two methods."""
    settings = pinndd.StudySettings(effort=effort, test_conditions=4)
    size = pinndd.RetrainSettings(points=100, boundary_points=60)
    found = pinndd.distill_set(pde, "retrain", size, settings=settings)
    grid = midpoint_grid(size.points, size.boundary_points).with_header(**found.data.header)
    errors = {}
    for name, data in (("distilled", found.data), ("midpoint-grid", grid)):
        errors[name] = float(pinndd.evaluate(data, pde, settings=settings)["error_u"].mean())
        print(f"trained on {name}: mean error in u on the recorded lids {errors[name]:.1%}")
    return errors
