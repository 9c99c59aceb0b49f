"""Adaptive collocation methods on cases of their own papers, at a small scale, against uniform points that stay where they are.

Burgers' equation with viscosity 0.01/pi (RAD, RAR-D and PACMANN; solution by the Cole-Hopf formula) and periodic convection
(R3; speed 10, where the paper has 30 and 50, which take some hundred thousand steps). In a case every method has as many points
at any time and takes as many steps of Adam on the same networks, a few at once; its points move every so many steps. Conditions
are met by penalty. The papers train ten to a hundred times as long, on up to ten times as many points.

    python benchmarks/adaptive.py   # some three minutes of one core; writes benchmarks/results/adaptive.json
"""

from __future__ import annotations

import json
import math
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import deepxde as dde
import numpy as np
import torch
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Initial, Periodic, families
from pinndd.learners.adam import Adam
from pinndd.pinn.adaptive import PACMANN, R3, RAD, RARD, AdaptiveMethod, train_adaptively
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.tasks.episodes import BoundaryEpisodes

RESULT = Path(__file__).parent / "results" / "adaptive.json"
NETWORKS = 3
HIDDEN = (20, 20, 20)
VISCOSITY = 0.01 / math.pi
SPEED = 10.0


@dataclass(frozen=True)
class Case:
    """An equation with one boundary condition.

    Attributes:
        pde: the equation; its first condition that is not zero has the coefficients 0 and 1.
        points, boundary_points: of every method.
        boundary_weight: for an interior weight of 1.
        steps: of Adam.
        rounds: how often the points move.
        methods: those whose paper has the case.
    """

    pde: PDE
    points: int
    boundary_points: int
    boundary_weight: float
    steps: int
    rounds: int
    methods: tuple[AdaptiveMethod, ...]


def burgers_residual(x: Tensor, u: Tensor) -> Tensor:
    """u_t + u u_x - VISCOSITY u_xx."""
    u_x = dde.grad.jacobian(u, x, i=0, j=0)
    return dde.grad.jacobian(u, x, i=0, j=1) + u * u_x - VISCOSITY * dde.grad.hessian(u, x, i=0, j=0)


def burgers_solution(values: BoundaryValues, points: Tensor) -> Tensor:
    """Start -sin(pi x), ends 0: the Cole-Hopf integral by Gauss-Hermite quadrature (Basdevant et al. 1986)."""
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite.hermgauss(200))
    y = points[:, :1] - 2 * (VISCOSITY * points[:, 1:]).sqrt() * nodes
    log = -(math.pi * y).cos() / (2 * math.pi * VISCOSITY)
    mass = weights * (log - log.amax(-1, keepdim=True)).exp()
    u = -((math.pi * y).sin() * mass).sum(-1) / mass.sum(-1)
    return u.expand(len(values), -1)


def convection_residual(x: Tensor, u: Tensor) -> Tensor:
    """u_t + SPEED u_x."""
    return dde.grad.jacobian(u, x, i=0, j=1) + SPEED * dde.grad.jacobian(u, x, i=0, j=0)


def convection_solution(values: BoundaryValues, points: Tensor) -> Tensor:
    """Start sin(x), carried along."""
    return (points[:, 0] - SPEED * points[:, 1]).sin().expand(len(values), -1)


def on_interval(low: float, high: float) -> dde.geometry.GeometryXTime:
    """Return an interval times 0 < t < 1."""
    return dde.geometry.GeometryXTime(dde.geometry.Interval(low, high), dde.geometry.TimeDomain(0, 1))


BURGERS = PDE(
    name="burgers-front",
    domain=on_interval(-1, 1),
    residual=burgers_residual,
    conditions=[
        Initial("start", values=families.Sine(modes=2)),
        Dirichlet("left", at={"x": -1}, values=families.Zero()),
        Dirichlet("right", at={"x": 1}, values=families.Zero()),
    ],
    reference=burgers_solution,
)
CONVECTION = PDE(
    name="fast-convection",
    domain=on_interval(0, 2 * math.pi),
    residual=convection_residual,
    conditions=[Initial("start", values=families.Sine(modes=2)), Periodic("around", axis="x")],
    reference=convection_solution,
)
CASES = (
    Case(BURGERS, 300, 60, 10.0, 5000, 7, (RAD(candidates=2000), RARD(candidates=2000), PACMANN(step=1e-3))),
    Case(CONVECTION, 150, 40, 100.0, 4000, 200, (R3(),)),
)


def run(case: Case, method: AdaptiveMethod | None) -> dict[str, float | list[float]]:
    """Train with one method (None: uniform points that stay); return errors and time of one network."""
    pde = case.pde
    values = BoundaryValues(pde.ensemble(), torch.tensor([[0.0, 1.0]], dtype=torch.float64).expand(NETWORKS, -1))
    grid = pde.box.scale(torch.cartesian_prod(*[torch.linspace(0, 1, 101, dtype=torch.float64)] * 2))
    truth = pde.reference(values, grid)
    episodes = BoundaryEpisodes(values, grid, truth[..., None], 0)
    rounds = 0 if method is None else case.rounds
    moving = method or R3()
    count = moving.sizes(case.points, rounds)[0]
    data = collocation_data(
        pde, *sample_points(pde, "uniform", count, case.boundary_points, 1), boundary_weight=case.boundary_weight
    )
    learner = Adam(MLPModel(pde, HIDDEN), steps=case.steps)
    started = time.process_time()
    fitted = train_adaptively(
        learner, moving, rounds, case.points, data, episodes, pde.box, torch.Generator().manual_seed(0)
    )
    seconds = (time.process_time() - started) / NETWORKS
    with torch.no_grad():
        difference = fitted(grid)[..., 0] - truth
    errors = (difference.norm(dim=-1) / truth.norm(dim=-1)).tolist()
    return {
        "geometric_mean": float(f"{math.exp(sum(map(math.log, errors)) / NETWORKS):.4g}"),
        "errors": [float(f"{e:.4g}") for e in errors],
        "seconds": float(f"{seconds:.3g}"),
    }


def main() -> None:
    """Measure, print and write."""
    torch.set_num_threads(1)
    rows = {}
    for case in CASES:
        for method in (None, *case.methods):
            name = f"{case.pde.name}, {method.name if method else 'uniform'}"
            rows[name] = run(case, method)
            print(name.ljust(28), rows[name], flush=True)
    settings = {
        case.pde.name: {k: v for k, v in vars(case).items() if k not in ("pde", "methods")}
        | {"networks": NETWORKS, "hidden": HIDDEN, "methods": [str(m) for m in case.methods]}
        for case in CASES
    }
    about = {"torch": torch.__version__.split("+")[0], "processor": platform.machine()}
    RESULT.write_text(json.dumps({"about": about, "cases": settings, "relative_l2": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
