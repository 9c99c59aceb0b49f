"""What a hypergradient costs at the size of a PINN, relative to the training that it differentiates.

Ridge and Gauss-Newton: 64 + 30 points, 256 features, the batch of the outer loop. Unrolled: heat, tanh MLP 3x32, 100 + 40 points,
16 boundary conditions at once, 200 steps of Adam, float32; its memory against that of naive unrolling through the graph of all
steps. Processor time of one thread, median of the rounds. The targets are 3 (exact), 1.5 (implicit) and 3 (unrolled) times the
training, and 50 times less memory than naive unrolling.

    python benchmarks/hypergradient_cost.py   # two minutes; writes benchmarks/results/hypergradient_cost.json
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from estimators import peak

from pinndd.hypergradients import Exact, Hypergradient, Implicit, UnrolledAdjoint
from pinndd.hypergradients.protocol import leaves
from pinndd.learners.adam import Adam
from pinndd.pinn.collocation import collocation_data
from pinndd.pinn.loading import load_pde
from pinndd.pinn.mlp_model import MLPModel
from pinndd.pinn.samplers import sample_points
from pinndd.problem import DistillationProblem, Learner
from pinndd.study.outcome import StudySettings
from pinndd.study.retrain_setup import make_setup

RESULT = Path(__file__).parent / "results" / "hypergradient_cost.json"
ROUNDS = 7
STEPS = 200


def setting(name: str, points: int, boundary_points: int) -> tuple[Any, Any, DistillationProblem]:
    """Return data, a batch of episodes and the problem of the retrain protocol."""
    pde = load_pde(name)
    setup = make_setup(pde, StudySettings(), 0)
    data = collocation_data(pde, *sample_points(pde, "sobol", points, boundary_points, 1), 100.0)
    return data, setup.problem.task.episodes(setup.outer.batch, torch.Generator().manual_seed(0)), setup.problem


def seconds(run: Callable[[], object]) -> float:
    """Return processor time."""
    started = time.process_time()
    run()
    return time.process_time() - started


def ratio(problem: DistillationProblem, estimator: Hypergradient, data: Any, episodes: Any) -> dict[str, float]:
    """Return the time of training and answering, and of the hypergradient, in turns."""

    def train() -> None:
        with torch.no_grad():
            problem.evaluate(data, episodes)

    def differentiate() -> None:
        estimator(problem, data, episodes)

    train(), differentiate()
    pairs = [(seconds(train), seconds(differentiate)) for _ in range(ROUNDS)]
    training, whole = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {"training_ms": 1e3 * training, "hypergradient_ms": 1e3 * whole, "ratio": whole / training}


def unrolled_memory(problem: DistillationProblem, data: Any, episodes: Any) -> dict[str, float]:
    """Return the peak memory, in MiB, of the adjoint and of naive unrolling."""

    def naive() -> None:
        tracked, fields = leaves(data)
        torch.autograd.grad(problem.evaluate(tracked, episodes), list(fields.values()))

    adjoint = peak(lambda: UnrolledAdjoint()(problem, data, episodes)) / 2**20
    whole = peak(naive) / 2**20
    return {"adjoint_mib": adjoint, "naive_mib": whole, "memory_ratio": whole / adjoint}


def main() -> None:
    """Measure, print and write."""
    torch.set_num_threads(1)
    results: dict[str, dict[str, float]] = {}
    for label, name, estimator in (("exact (heat, ridge)", "heat", Exact()), ("implicit (burgers)", "burgers", Implicit())):
        data, episodes, problem = setting(name, 64, 30)
        results[label] = ratio(problem, estimator, data, episodes)
    data, episodes, problem = setting("heat", 100, 40)
    episodes = episodes[:16]
    learner: Learner = Adam(MLPModel(load_pde("heat")), steps=STEPS)
    unrolled = DistillationProblem(learner, problem.task, problem.distance, problem.risk)
    results["unrolled (heat, MLP)"] = ratio(unrolled, UnrolledAdjoint(), data, episodes)
    results["unrolled (heat, MLP)"] |= unrolled_memory(unrolled, data, episodes)
    for label, row in results.items():
        print(label.ljust(24), ", ".join(f"{k} {v:.3g}" for k, v in row.items()))
    RESULT.write_text(json.dumps({k: {n: float(f"{v:.4g}") for n, v in r.items()} for k, r in results.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
