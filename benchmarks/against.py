"""Four problems on which others have published errors: the same equation, the same measure, our seconds on one thread.

    python benchmarks/against.py                      # everything; half an hour
    python benchmarks/against.py random_burgers       # one problem
    python benchmarks/against.py --print              # the table, in Markdown, from benchmarks/results/against.json

The problems are the modules in ``benchmarks/against/``, whose docstrings name the sources. Conditions are drawn from the
distribution of the source, and from two that nothing was made for. The error of a condition is the relative L2 error of the component
that the source measures, on a grid of 100 × 100 points; the figure is its mean over conditions. ``pinndd solve`` needs no training
beforehand; physics-informed DeepONets are trained for an hour or more, and answer in milliseconds from then on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas
import torch
from torch import Tensor

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import PDE, BoundaryValues
from pinndd.pinn.solving.given import GivenValues
from pinndd.pinn.solving.solver import solve_given
from pinndd.storage.writing import write_json
from pinndd.study.results.writing import markdown_table

MODULES = Path(__file__).parent / "against"
RESULT = Path(__file__).parent / "results" / "against.json"
GRID = 100
FIRST_SEED = 5000
IN_DISTRIBUTION = "none"


@dataclass(frozen=True)
class Published:
    """What others reached on a problem.

    Attributes:
        error: mean relative L2 error.
        method: what reached it, and where it is published.
        component: which component is measured.
        about: what the published figure is for, beside which the first row of the table stands.
        conditions: how many conditions we draw from every distribution.
    """

    error: float
    method: str
    component: int
    conditions: int
    about: str = "as published"


WANG = "PI-DeepONet (Wang et al. 2021)"
PROBLEMS = {
    "random_burgers": Published(1.42e-2, WANG, 0, 40),
    "diffusion_reaction": Published(5.33e-3, WANG, 0, 20),
    "variable_advection": Published(2.39e-2, WANG, 0, 4),
    "front_burgers": Published(1.3e-2, "best of PINNacle (Hao et al. 2023)", 0, 8, "around the published one"),
}


def grid(pde: PDE) -> Tensor:
    """Return the points on which errors are measured: ``(GRID², 2)``, x and t."""
    unit = torch.linspace(0, 1, GRID, dtype=torch.float64)
    return pde.box.scale(torch.cartesian_prod(unit, unit))


def measure(name: str, shift: str, published: Published) -> dict[str, Any]:
    """Solve conditions of one distribution, one by one as they come to a user, and return what it took and how good it was."""
    pde = load_pde(str(MODULES / f"{name}.py"))
    ensemble, places = pde.ensemble(shift), grid(pde)
    errors, seconds = [], []
    for k in range(published.conditions):
        values = BoundaryValues(ensemble, ensemble.sample(1, torch.Generator().manual_seed(FIRST_SEED + k)))
        given = GivenValues({c.name: values[c.name] for c in pde.valued}, 1, {})
        started = time.process_time()
        solution = solve_given(pde, given)
        seconds.append(time.process_time() - started)
        truth = pde.reference(values, places)
        truth = truth.reshape(*truth.shape[:2], -1)[..., published.component]
        gap = solution.field(places)[..., published.component] - truth
        errors.append(float(gap.norm() / truth.norm()))
    found = {
        "conditions": len(errors),
        "error": statistics.fmean(errors),
        "largest": max(errors),
        "seconds": statistics.median(seconds),
    }
    print(name, shift, found, flush=True)
    return {key: float(f"{value:.3g}") if isinstance(value, float) else value for key, value in found.items()}


def table(result: dict[str, Any]) -> str:
    """Return the table, in Markdown."""
    rows = []
    for name, found in result.items():
        published = PROBLEMS[name]
        for shift, row in found.items():
            rows.append(
                {
                    "problem": name,
                    "conditions": f"{row['conditions']}, " + (published.about if shift == IN_DISTRIBUTION else f"shift `{shift}`"),
                    "mean error": f"{100 * row['error']:.2g} %",
                    "largest error": f"{100 * row['largest']:.2g} %",
                    "seconds per condition": f"{row['seconds']:.2g}",
                    "published": f"{100 * published.error:.3g} %, {published.method}" if shift == IN_DISTRIBUTION else "–",
                }
            )
    return markdown_table(pandas.DataFrame(rows))


def main() -> None:
    """Measure what is asked for, write it, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", default=list(PROBLEMS), metavar="PROBLEM", help=f"of {', '.join(PROBLEMS)} (all)")
    parser.add_argument("--print", action="store_true", help="measure nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for name in [] if options.print else options.problems:
        shifts = (IN_DISTRIBUTION, *load_pde(str(MODULES / f"{name}.py")).shifts)
        result[name] = {shift: measure(name, shift, PROBLEMS[name]) for shift in shifts}
        write_json(RESULT, result)
    print(table(result))


if __name__ == "__main__":
    main()
