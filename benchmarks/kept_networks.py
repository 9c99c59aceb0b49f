"""What it changes to keep networks alive from one outer step to the next, instead of training all of them from scratch.

`MinimumNorm(alive=a)` replaces one network in a at every outer step and lets the others go on with the moved points. Sets are
distilled for the heat equation with networks of 2 x 16 neurons, 32 + 16 points, 24 networks a step, from the same start and
with the same episodes, for several a. For each: the processor time of a step; the risk that the outer loop saw in its last 20
steps; the risk of networks trained from scratch on the final set, on conditions and initial weights never seen, which is what
counts; and the cosine of the gradient of the living networks with that of the same conditions trained from scratch, at the
last step.

    python benchmarks/kept_networks.py           # some minutes; writes benchmarks/results/kept_networks.json
    python benchmarks/kept_networks.py --quick   # few steps; nothing is written
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.hypergradients import MinimumNorm
from pinndd.hypergradients.protocol import Gradient
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.outer_loop import OuterSettings, distill
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT, INTERIOR_WEIGHT, collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.problem import DistillationProblem, Episodes
from pinndd.risks import GeometricMean
from pinndd.tasks import BoundaryGeneralisation

RESULT = Path(__file__).parent / "results" / "kept_networks.json"
ALIVE, STEPS, BATCH, TESTED = (1, 4, 12), 80, 24, 64
HELD_OUT = 77


class Watched:
    """The estimator, which notes what it returns and what it takes."""

    def __init__(self, alive: int) -> None:
        self.estimator, self.risks, self.seconds = MinimumNorm(alive=alive), [], 0.0
        self.last: tuple[SyntheticData, Gradient] | None = None

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> Any:
        started = time.process_time()
        risk, gradient = self.estimator(problem, data, episodes)
        self.seconds += time.process_time() - started
        self.risks.append(float(risk))
        self.last = data, gradient
        return risk, gradient


def conditions(count: int, seed: int) -> BoundaryEpisodes:
    """Draw boundary conditions of the heat equation with their solutions."""
    pde = load_pde("heat")
    values = BoundaryValues(pde.ensemble(), pde.ensemble().sample(count, torch.Generator().manual_seed(seed)))
    asked = pde.box.scale(torch.rand((300, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    return BoundaryEpisodes(values, asked, pde.reference(values, asked)[..., None], seed=seed)


def cosine(first: Gradient, second: Gradient) -> float:
    """Return the cosine of two gradients in the positions."""
    both = [torch.cat([g[n].flatten() for n in first if n not in (BOUNDARY_WEIGHT, INTERIOR_WEIGHT)]) for g in (first, second)]
    return float(torch.nn.functional.cosine_similarity(*both, dim=0))


def trial(alive: int, steps: int) -> dict[str, float]:
    """Distill with networks that live for ``alive`` steps."""
    pde = load_pde("heat")
    start = collocation_data(pde, *sample_points(pde, "sobol", 32, 16, 1), 10.0)
    learner = LevenbergMarquardt(MLPModel(pde, (16, 16)))
    pool, held_out = conditions(256, 0), conditions(TESTED, HELD_OUT)
    problem = DistillationProblem(
        learner, BoundaryGeneralisation(pool, range(1000, 2000)), RelativeL2(), GeometricMean()
    )
    watched = Watched(alive)
    settings = OuterSettings(steps, BATCH, 0.01, dict.fromkeys((BOUNDARY_WEIGHT, INTERIOR_WEIGHT), 0.0), validate_every=steps)
    distill(problem, start, hypergradient=watched, validation=[held_out[:2]], settings=settings)
    assert watched.last is not None
    data, gradient = watched.last
    living = watched.estimator._pool.episodes if alive > 1 else pool[:BATCH]
    _, cold = MinimumNorm()(problem, data, living)
    with torch.no_grad():
        before, after = (problem.losses(each, held_out).log() for each in (start, data))
    seen = statistics.geometric_mean(watched.risks[-20:])
    reached = math.exp(float(after.mean()))
    return {
        "seconds_per_step": round(watched.seconds / steps, 3),
        "risk_at_start": math.exp(float(before.mean())),
        "risk_seen": seen,
        "risk_from_scratch": reached,
        "standard_error_of_its_logarithm": float(after.std() / TESTED**0.5),
        "seen_over_from_scratch": seen / reached,
        "cosine_with_from_scratch": cosine(gradient, cold) if alive > 1 else 1.0,
    }


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few steps; nothing is written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    rows = {}
    for alive in ALIVE:
        rows[f"alive={alive}"] = trial(alive, 4 if quick else STEPS)
        print(f"alive={alive}", json.dumps(rows[f"alive={alive}"], indent=1), flush=True)
    if quick:
        return
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    setting = {"steps": STEPS, "networks": BATCH, "tested": TESTED, "points": 32, "boundary_points": 16}
    RESULT.write_text(json.dumps({"setting": setting, "versions": versions, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
