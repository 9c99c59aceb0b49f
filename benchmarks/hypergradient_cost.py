"""What a hypergradient costs at the size of a PINN, relative to the training that it differentiates.

Ridge and Gauss-Newton: 64 + 30 points, 256 features, the batch of the outer loop. Unrolled: heat, tanh MLP 3x32, 100 + 40 points,
16 boundary conditions at once, 200 steps of Adam, float32, eager and compiled, with every state kept or every k-th; in time
against both the eager and the compiled training, in memory against naive unrolling through the graph of all (eager) steps.
Processor time of one thread, median of the rounds, all of a problem in turns; compiling is not counted. The targets are 3
(exact), 1.5 (implicit) and 3 (unrolled) times the training, and 50 times less memory than naive unrolling.

    python benchmarks/hypergradient_cost.py   # six minutes; writes benchmarks/results/hypergradient_cost.json
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from estimators import peak

from pinndd.hypergradients import Exact, Hypergradient, Implicit, UnrolledAdjoint
from pinndd.hypergradients.protocol import leaves
from pinndd.learners.adam import Adam
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.problem import DistillationProblem, Learner
from pinndd.study.protocols import protocol_named

RESULT = Path(__file__).parent / "results" / "hypergradient_cost.json"
ROUNDS = 5
STEPS = 200
KEEP_EVERY = (1, 3, 14)


def setting(name: str, points: int, boundary_points: int) -> tuple[Any, Any, DistillationProblem]:
    """Return data, a batch of episodes and the problem of the retrain protocol."""
    pde = load_pde(name)
    (bench,) = protocol_named("retrain").open(pde).benches(0)
    data = collocation_data(pde, *sample_points(pde, "sobol", points, boundary_points, 1), 100.0)
    problem = bench.problem_for(data)
    return data, problem.task.episodes(bench.outer.batch, torch.Generator().manual_seed(0)), problem


def seconds(run: Callable[[], object]) -> float:
    """Return processor time."""
    started = time.process_time()
    run()
    return time.process_time() - started


def in_turns(runs: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median time of each, in ms, after one call that is not counted."""
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            times[name].append(1e3 * seconds(run))
    return {name: statistics.median(column) for name, column in times.items()}


def plain(problem: DistillationProblem, data: Any, episodes: Any) -> None:
    """Train and answer, without any derivative in the data."""
    with torch.no_grad():
        problem.evaluate(data, episodes)


def naive(problem: DistillationProblem, data: Any, episodes: Any) -> None:
    """Differentiate through one graph of all steps."""
    tracked, fields = leaves(data)
    torch.autograd.grad(problem.evaluate(tracked, episodes), list(fields.values()))


def ratio(problem: DistillationProblem, estimator: Hypergradient, data: Any, episodes: Any) -> dict[str, float]:
    """Return the time of training and answering, and of the hypergradient."""
    runs = {
        "training_ms": partial(plain, problem, data, episodes),
        "hypergradient_ms": partial(estimator, problem, data, episodes),
    }
    times = in_turns(runs)
    return {**times, "ratio": times["hypergradient_ms"] / times["training_ms"]}


def unrolled() -> dict[str, dict[str, float]]:
    """Return a row for each way to train and to differentiate through it."""
    data, episodes, like = setting("heat", 100, 40)
    episodes = episodes[:16]
    problems, runs = {}, {}
    for way in ("eager", "compiled"):
        learner: Learner = Adam(MLPModel(load_pde("heat")), steps=STEPS, compile=way == "compiled")
        problems[way] = DistillationProblem(learner, like.task, like.distance, like.risk)
        runs[f"training, {way}"] = partial(plain, problems[way], data, episodes)
        for k in KEEP_EVERY:
            estimator = UnrolledAdjoint(compile=way == "compiled", keep_every=k)
            runs[f"adjoint, {way}, keep_every={k}"] = partial(estimator, problems[way], data, episodes)
    times, whole = in_turns(runs), peak(partial(naive, problems["eager"], data, episodes)) / 2**20
    rows = {"naive unrolling, eager": {"mib": whole}}
    for name, run in runs.items():
        held = peak(run) / 2**20
        rows[name] = {
            "ms": times[name],
            "times_eager_training": times[name] / times["training, eager"],
            "times_compiled_training": times[name] / times["training, compiled"],
            "mib": held,
            "less_memory_than_naive": whole / held,
        }
    return rows


def main() -> None:
    """Measure, print and write."""
    torch.set_num_threads(1)
    results: dict[str, dict[str, float]] = {}
    for label, name, estimator in (("exact (heat, ridge)", "heat", Exact()), ("implicit (burgers)", "burgers", Implicit())):
        data, episodes, problem = setting(name, 64, 30)
        results[label] = ratio(problem, estimator, data, episodes)
    results |= {f"unrolled (heat, MLP): {label}": row for label, row in unrolled().items()}
    for label, row in results.items():
        print(label.ljust(56), ", ".join(f"{k} {v:.3g}" for k, v in row.items()))
    RESULT.write_text(
        json.dumps({k: {n: float(f"{v:.4g}") for n, v in r.items()} for k, r in results.items()}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
