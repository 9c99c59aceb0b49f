"""What bodies are worth beside random features: errors of distilled sets, of the best design, and of a dense set, family by family.

    python benchmarks/bodies.py    # the tables, in Markdown, from the two files below

``benchmarks/results/bodies`` holds studies with the learner body, ``benchmarks/results/benchmark.json`` those of version 0.1.0 on
random features, of the same size and with the same baselines. The former are made by

    pinndd study --all --protocol retrain --seeds 3 --test-conditions 12 --no-judges --learner body \\
        --results benchmarks/results/bodies
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import pandas
from pandas import DataFrame

from pinndd.study.results.benchmark import FILE, BenchmarkRun, load_benchmark
from pinndd.study.results.table import DISTILLED, NO_SHIFT
from pinndd.study.results.writing import markdown_table

RESULTS = Path(__file__).resolve().parent / "results"
BODY, DRAWN = RESULTS / "bodies" / FILE, RESULTS / FILE
CEILING = "dense"



def runs_of(path: Path) -> dict[str, BenchmarkRun]:
    """Return the runs of the retrain protocol by PDE."""
    return {run.pde: run for run in load_benchmark(path) if run.protocol == "retrain"}


def errors(run: BenchmarkRun, method: str) -> dict[str, float]:
    """Return the mean error of a method by shift, of the learner that the set was distilled with."""
    rows: DataFrame = run.rows[(run.rows["method"] == method) & (run.rows["learner"] == learner_of(run))]
    return dict(zip(rows["shift"], rows["mean"], strict=True))


def learner_of(run: BenchmarkRun) -> str:
    """Return the learner that the set was distilled with."""
    return str(run.compared["learner"].iloc[0])


def geometric(values: Sequence[float]) -> float:
    """Return the geometric mean."""
    return math.exp(statistics.fmean(map(math.log, values)))


def rows_of(body: BenchmarkRun, drawn: BenchmarkRun | None) -> list[dict[str, float | str]]:
    """Return one row in distribution and one over the shifts of a family."""
    mine, dense = errors(body, DISTILLED), errors(body, CEILING)
    ratio = dict(zip(body.compared["shift"], body.compared["ratio"], strict=True))
    before = {} if drawn is None else errors(drawn, DISTILLED)
    found: list[dict[str, float | str]] = []
    for where, wanted in (("in distribution", lambda s: s == NO_SHIFT), ("under shifts", lambda s: s != NO_SHIFT)):
        shifts = [s for s in mine if wanted(s)]
        if not shifts:
            continue
        shared = [s for s in shifts if s in before]
        found.append(
            {
                "PDE": body.pde,
                "conditions": where,
                "distilled": geometric([mine[s] for s in shifts]),
                "best design": geometric([mine[s] * ratio[s] for s in shifts]),
                "ratio": geometric([ratio[s] for s in shifts]),
                "dense": geometric([dense[s] for s in shifts]) if dense else math.nan,
                "kept": geometric([dense[s] / mine[s] for s in shifts]) if dense else math.nan,
                "random features": geometric([before[s] for s in shared]) if shared else math.nan,
                "to random features": geometric([mine[s] / before[s] for s in shared]) if shared else math.nan,
            }
        )
    return found


def table(rows: Sequence[dict[str, float | str]]) -> DataFrame:
    """Return the rows for people: errors in per cent."""
    percent = ("distilled", "best design", "dense", "random features")
    return pandas.DataFrame(
        [{k: v if isinstance(v, str) else f"{100 * v:.2g} %" if k in percent else f"{v:.2g}" for k, v in row.items()} for row in rows]
    )


def main() -> None:
    """Print the tables."""
    body, drawn = runs_of(BODY), runs_of(DRAWN)
    rows = [row for name, run in body.items() if learner_of(run) == "body" for row in rows_of(run, drawn.get(name))]
    print(markdown_table(table(rows)))
    for where in ("in distribution", "under shifts"):
        chosen = [row for row in rows if row["conditions"] == where]
        for column in ("ratio", "kept", "to random features"):
            values = [float(row[column]) for row in chosen if not math.isnan(float(row[column]))]
            print(f"{where}: {column} {geometric(values):.2f} ({min(values):.2f} to {max(values):.2f}, {len(values)} families)")


if __name__ == "__main__":
    main()
