"""What each estimator of the hypergradient is worth: bias, spread, time and memory, on the small problems of its tests.

The problems are those of tests/hypergradients/test_estimators.py (so pytest must be installed): four points, or three with
labels, three episodes, float64. The gradient is measured in the free parameters, against that of the exact estimator of the
learner; of the estimators that draw categorical rows, against the gradient of the expected risk by enumeration.
Time and memory are relative to plain training; on problems this small both are mostly overhead, and say how the
estimators compare, not what a large problem will need.

    python benchmarks/estimators.py           # a minute; writes benchmarks/results/estimators.json
    python benchmarks/estimators.py --quick   # few draws, and nothing is written
"""

from __future__ import annotations

import argparse
import json
import platform
import runpy
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from pinndd.hypergradients import Exact, Hypergradient, Implicit, UnrolledAdjoint
from pinndd.hypergradients.protocol import FITTING, ZEROTH_ORDER, Gradient

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "estimators.json"
TESTS = ROOT / "tests" / "hypergradients" / "test_estimators.py"
ORACLES: dict[str, Hypergradient] = {"closed form": Exact(), "implicit": Implicit(), "unrolled": UnrolledAdjoint()}


@dataclass(frozen=True)
class Row:
    """One estimator on one problem.

    Attributes:
        estimator: its name, with the effort of a biased one.
        problem: how its learner is differentiated, or that its rows are categorical.
        bias: distance of the mean from the exact gradient, relative to the norm of that.
        bias_error: standard error of the mean, relative alike; 0 for a deterministic estimator.
        deviation: standard deviation of one call, relative alike.
        time: of one call, in plain trainings.
        memory: most memory held by tensors that one call made, in that of a plain training.
    """

    estimator: str
    problem: str
    bias: float
    bias_error: float
    deviation: float
    time: float
    memory: float


def rows(draws: int) -> Iterator[Row]:
    """Measure every estimator on every problem that it fits."""
    small = runpy.run_path(str(TESTS))
    episodes, flat, along = small["EPISODES"], small["flat"], small["along"]
    for name, case in small["CASES"].items():
        for label in ("categorical",) if case.draws_rows else ORACLES:
            problem, data = small["PROBLEMS"][label]
            if not case.draws_rows and case.name not in (*FITTING[label], *ZEROTH_ORDER):
                continue
            exact = (
                small["expected_risk"](problem, data, "levels")
                if case.draws_rows
                else ORACLES[label](problem, data, episodes)
            )

            def free(gradient: Gradient, data: Any = data, drawn: bool = case.draws_rows) -> Tensor:
                result: Tensor = flat(along(gradient, data) if drawn else gradient, data)
                return result

            for effort in case.efforts:
                seeds = range(draws) if case.promise in ("stochastic", "biased in mean") else [effort]
                found = [free(case.make(seed)(problem, data, episodes)[1]) for seed in seeds]
                title = f"{name}, {effort}" if len(case.efforts) > 1 else name
                quality = quality_of(torch.stack(found), free(exact[1]))
                estimate = partial(case.make(effort), problem, data, episodes)
                yield Row(title, label, *quality, *cost(estimate, partial(plain, problem, data, episodes)))


def plain(problem: Any, data: Any, episodes: Tensor) -> None:
    """Train and evaluate, without any derivative in the data."""
    with torch.no_grad():
        problem.evaluate(data, episodes)


def quality_of(found: Tensor, exact: Tensor) -> tuple[float, float, float]:
    """Return bias, its standard error and standard deviation of gradients ``(draws, entries)``, relative to the exact one."""
    size = float(exact.norm())
    deviation = float(found.std(0).norm()) / size if len(found) > 1 else 0.0
    return float((found.mean(0) - exact).norm()) / size, deviation / len(found) ** 0.5, deviation


def cost(estimate: Callable[[], object], training: Callable[[], object]) -> tuple[float, float]:
    """Return processor time and peak memory of ``estimate``, relative to those of ``training``; the two take turns."""
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(15):
        for ours, run in ((True, estimate), (False, training)):
            start = time.process_time()
            run()
            times[ours].append(time.process_time() - start)
    return statistics.median(times[True]) / statistics.median(times[False]), peak(estimate) / peak(training)


def peak(run: Callable[[], object]) -> int:
    """Return the most bytes that tensors made by ``run`` held at a time."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        run()
    assert recorded.profiler is not None
    assert recorded.profiler.kineto_results is not None
    events = [event for event in recorded.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most


def main() -> None:
    """Measure, print a table, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few draws, nothing written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    draws = 20 if quick else 400
    print(f"{'estimator':34} {'problem':12} {'relative bias':>18} {'deviation':>10} {'time':>7} {'memory':>7}")
    measured = []
    for row in rows(draws):
        bias = f"{row.bias:.1e}" + (f" ± {row.bias_error:.1e}" if row.bias_error else "")
        print(f"{row.estimator:34} {row.problem:12} {bias:>18} {row.deviation:10.2f} {row.time:7.1f} {row.memory:7.1f}")
        measured.append({name: float(f"{v:.3g}") if isinstance(v, float) else v for name, v in asdict(row).items()})
    if not quick:
        setting = {"draws": draws, "dtype": "float64", "threads": 1, "clock": "processor time of the process"}
        versions = {"python": platform.python_version(), "torch": torch.__version__}
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps({"setting": setting, "versions": versions, "estimators": measured}, indent=2) + "\n")
        print(f"written to {RESULT}")


if __name__ == "__main__":
    main()
