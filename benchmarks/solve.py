"""How good `pinndd solve` is on the packaged PDEs, how far its estimate of the error is right, and how fast it is beside DeepXDE.

Every family: conditions in the training family and under every shift by turns, each solved by itself, as by a person with one
condition. The true error is that against the reference of the family, measured as the estimate is. Then seconds: a start from the
command line, a further condition, 100 new conditions at once. DeepXDE trains a network on one condition, by Adam and L-BFGS as
its own examples do. Seconds are processor time of one thread, since other programs may run beside.

    python benchmarks/solve.py                                  # all that is not in the file yet; two hours
    python benchmarks/solve.py --families heat burgers --again  # these anew
    python benchmarks/solve.py --deepxde heat                   # DeepXDE on one family, half an hour each
    python benchmarks/solve.py --deepxde heat --steps 2000 1000 # the same with fewer steps of Adam and L-BFGS
    python benchmarks/solve.py --print                          # the tables, in Markdown, from benchmarks/results/solve.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import PDE, BoundaryValues, pointwise_residual
from pinndd.pinn.deepxde.training import DeepXDETraining, train_deepxde
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.solving.given import GivenValues
from pinndd.pinn.solving.solution import Solution
from pinndd.pinn.solving.solver import probes, relative_gap, solve_given
from pinndd.pinn.solving.truth import solutions
from pinndd.storage.writing import write_json
from pinndd.study.results.writing import markdown_table

RESULT = Path(__file__).parent / "results" / "solve.json"
FAMILIES = {
    "heat": 20,
    "wave": 20,
    "poisson": 20,
    "helmholtz": 20,
    "advection": 20,
    "laplace_disk": 20,
    "convection_diffusion": 20,
    "beam": 15,
    "burgers": 15,
    "allen_cahn": 15,
    "fisher_kpp": 15,
    "elasticity": 8,
    "darcy": 8,
    "heat_2d": 8,
    "kdv": 8,
    "schrodinger": 4,
    "cavity": 2,
}
"""Conditions of every family; fewer where one takes long."""

RIVALS = {"heat": (2540, 240), "poisson": (1200, 240), "burgers": (2540, 240)}
"""Interior and boundary points of DeepXDE, as many as in its examples for such equations."""

ADAM, LBFGS = 15000, 15000
"""Steps of Adam and most of L-BFGS, as in DeepXDE's example of Burgers' equation."""

FACTOR, MANY = 3.0, 100
"""The estimate is right within this factor; conditions that are new at once."""

ASKED = 99
"""Seed of the places where errors are measured."""

COLD = "heat, command line"


def one_condition(pde: PDE, values: BoundaryValues) -> GivenValues:
    """Return drawn boundary values as those that a person gives."""
    return GivenValues({c.name: values[c.name] for c in pde.valued}, len(values), {})


def drawn(pde: PDE, shift: str, count: int, seed: int) -> BoundaryValues:
    """Draw conditions of a family."""
    ensemble = pde.ensemble(shift)
    return BoundaryValues(ensemble, ensemble.sample(count, torch.Generator().manual_seed(seed)))


def timed(run: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a function returns, and the processor time that it takes."""
    start = time.process_time()
    found = run()
    return found, time.process_time() - start


def true_error(pde: PDE, values: BoundaryValues, field: Callable[[torch.Tensor], torch.Tensor]) -> float:
    """Return the relative error of a solution against the reference, at fresh places."""
    where = probes(pde, ASKED)
    return float(relative_gap(pde, solutions(pde, values, where), field(where))[0])


def study(name: str, conditions: int) -> dict[str, Any]:
    """Solve conditions of a family one by one, then many at once where the PDE is linear."""
    pde, rows = load_pde(name), []
    shifts = ["none", *pde.shifts]
    for k in range(conditions):
        shift = shifts[k % len(shifts)]
        values = drawn(pde, shift, 1, 1000 + k)
        solution: Solution
        solution, seconds = timed(partial(solve_given, pde, one_condition(pde, values)))
        error = true_error(pde, values, solution.field)
        estimate = float(solution.error[0])
        rows.append({"shift": shift, "error": error, "estimate": estimate, "seconds": seconds})
        outside = "" if right(rows[-1]) else "  estimate off"
        print(f"{name:20} {shift:12} error {error:.1e}  estimate {estimate:.1e}  {seconds:.2f} s{outside}", flush=True)
    found: dict[str, Any] = {"linear": pointwise_residual(pde).is_linear(), "rows": rounded(rows)}
    if found["linear"]:
        _, seconds = timed(lambda: solve_given(pde, one_condition(pde, drawn(pde, "none", MANY, 7))))
        found["seconds_of_many"] = float(f"{seconds:.3g}")
    return found


def right(row: dict[str, Any]) -> bool:
    """Whether an estimate is within the factor."""
    return bool(1 / FACTOR <= row["estimate"] / row["error"] <= FACTOR)


def rounded(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep three digits of numbers."""
    return [{k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in row.items()} for row in rows]


def cold_start() -> dict[str, float]:
    """Run ``pinndd solve heat`` on a file of samples, with its picture, in a process of its own."""
    lines = ["condition,x,t,value"]
    lines += [f"left,0,{t},{0.3 * t}" for t in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    lines += [f"right,1,{t},{1 - t * t}" for t in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    lines += [f"start,{x},0,{x**2}" for x in (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)]
    with tempfile.TemporaryDirectory() as folder:
        samples = Path(folder) / "samples.csv"
        samples.write_text("\n".join(lines) + "\n")
        command = [sys.executable, "-m", "pinndd", "solve", "heat", "--values", str(samples), "--plot", f"{folder}/field.png"]
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return {"seconds": round(seconds, 2), "wall_seconds": round(wall, 2), "load": round(os.getloadavg()[0], 1)}


def rival(name: str, adam_steps: int, lbfgs_steps: int) -> dict[str, Any]:
    """Train DeepXDE on the first condition of a family, and solve the same one."""
    pde = load_pde(name)
    values = drawn(pde, "none", 1, 1000)
    data = collocation_data(pde, *sample_points(pde, "hammersley", *RIVALS[name], seed=0))
    training = DeepXDETraining(adam_steps=adam_steps, lbfgs_steps=lbfgs_steps)
    solve_given(pde, one_condition(pde, drawn(pde, "none", 1, 1)))  # what is imported late is not timed
    network, theirs = timed(lambda: train_deepxde(pde, data, values, 0, training, seed=0))

    def field(points: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return network(points.to(next(network.parameters())))[None].double()

    solution, ours = timed(lambda: solve_given(pde, one_condition(pde, values)))
    found: dict[str, Any] = {"error": true_error(pde, values, solution.field), "seconds": ours}
    found["steps"] = f"{adam_steps} Adam, {lbfgs_steps} L-BFGS"
    found |= {"deepxde_error": true_error(pde, values, field), "deepxde_seconds": theirs}
    if pointwise_residual(pde).is_linear():
        many = timed(lambda: solve_given(pde, one_condition(pde, drawn(pde, "none", MANY, 7))))[1]
        found["seconds_of_many"] = many
    print(name, found, flush=True)
    return rounded([found])[0]


def versions() -> dict[str, str]:
    """Return what the numbers depend on."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "deepxde": import_deepxde().__version__,
        "processor": f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, one thread",
    }


def tables(result: dict[str, Any]) -> str:
    """Return the tables, in Markdown."""
    lines, everything = [], []
    for name, found in result["families"].items():
        rows = found["rows"]
        everything += rows
        ratios = [row["estimate"] / row["error"] for row in rows]
        many = found.get("seconds_of_many")
        lines.append(
            {
                "PDE": name + ("" if found["linear"] else ", nonlinear"),
                "conditions": str(len(rows)),
                "median error": f"{statistics.median(row['error'] for row in rows):.1e}",
                "largest error": f"{max(row['error'] for row in rows):.1e}",
                "estimate ÷ error": f"{statistics.median(ratios):.2g} ({min(ratios):.2g}–{max(ratios):.2g})",
                f"within a factor of {FACTOR:g}": f"{100 * sum(map(right, rows)) / len(rows):.0f} %",
                "seconds": f"{statistics.median(row['seconds'] for row in rows):.2g}",
                f"seconds of {MANY} at once": f"{many:.2g}" if many else "–",
            }
        )
    parts = [markdown_table(pandas.DataFrame(lines))]
    share = 100 * sum(map(right, everything)) / len(everything)
    parts.append(f"In all: {len(everything)} conditions, {share:.0f} % of the estimates within a factor of {FACTOR:g}.")
    if COLD in result:
        cold = result[COLD]
        parts.append(
            f"`pinndd solve heat --values samples.csv --plot field.png` from a cold start: {cold['seconds']} s of processor time "
            f"({cold['wall_seconds']} s of wall time at a load of {cold['load']})."
        )
    versus = []
    for name, row in result["deepxde"].items():
        many = row.get("seconds_of_many", MANY * row["seconds"])
        versus.append(
            {
                "PDE": name,
                "DeepXDE takes": row["steps"],
                "error": f"{row['error']:.1e}",
                "DeepXDE": f"{row['deepxde_error']:.1e}",
                "seconds": f"{row['seconds']:.2g}",
                "DeepXDE, seconds": f"{row['deepxde_seconds']:.3g}",
                "times faster": f"{row['deepxde_seconds'] / row['seconds']:.0f}",
                f"{MANY} new conditions, times faster": f"{MANY * row['deepxde_seconds'] / many:.0f}",
            }
        )
    if versus:
        parts.append(markdown_table(pandas.DataFrame(versus)))
    return "\n\n".join(parts)


def main() -> None:
    """Measure what is asked for, write it, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="*", default=list(FAMILIES), choices=list(FAMILIES), help="which PDEs (all)")
    parser.add_argument("--conditions", type=int, help="of every family")
    parser.add_argument("--deepxde", nargs="*", choices=list(RIVALS), help="train DeepXDE on these, and solve no others")
    parser.add_argument("--steps", nargs=2, type=int, default=(ADAM, LBFGS), metavar=("ADAM", "LBFGS"), help="of DeepXDE")
    parser.add_argument("--again", action="store_true", help="measure anew what is in the file")
    parser.add_argument("--print", action="store_true", help="measure nothing")
    parser.add_argument("--out", type=Path, default=RESULT, help="file of the results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    result = json.loads(options.out.read_text()) if options.out.exists() else {"families": {}, "deepxde": {}}

    def keep() -> None:
        result["versions"] = versions()
        write_json(options.out, result)

    if not options.print:
        for name in options.families if options.deepxde is None else []:
            if options.again or name not in result["families"]:
                result["families"][name] = study(name, options.conditions or FAMILIES[name])
                keep()
        if options.deepxde is None and (options.again or COLD not in result):
            result[COLD] = cold_start()
            keep()
        for name in options.deepxde or []:
            if options.again or name not in result["deepxde"]:
                result["deepxde"][name] = rival(name, *options.steps)
                keep()
    print(tables(result))


if __name__ == "__main__":
    main()
