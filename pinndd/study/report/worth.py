"""What sets are worth, family by family: beside designs, full data, fresh samples and other learners, and to other learners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas
from pandas import DataFrame

from pinndd.study.results.benchmark import BenchmarkRun
from pinndd.study.results.intervals import Interval, geometric_mean
from pinndd.study.results.selection import own_learner
from pinndd.study.results.table import DENSE, DISTILLED, FRESH, NO_SHIFT

IN_DISTRIBUTION, SHIFTED = "in distribution", "under shifts"
BESIDE = {
    "ratio": "best design",
    "kept": DENSE,
    "beside fresh samples": "fresh samples",
    "beside the other learner": "other learner",
    "beside any learner": "best design, any learner",
}
"""Columns of ratios, and those of the errors that are divided by that of the distilled set: above 1 the distilled set is better."""


Errors = Mapping[str, Mapping[str, float]]
"""Mean errors by PDE and shift."""

_JUDGES = dict.fromkeys(("ridge", "gauss-newton"), "random features")
"""What `transfer` calls learners that fit heads on random features, to linear and to other equations."""


class Count(NamedTuple):
    """How many rows are above a bound, and how many there are."""

    above: int
    rows: int


def worth(runs: Sequence[BenchmarkRun], others: Mapping[str, Errors] | None = None) -> DataFrame:
    """Return one row per family in distribution and one under its shifts, with geometric means over them.

    Args:
        runs: one per family.
        others: errors that the studies do not hold, by the name in `BESIDE`, see `of_sets` and `best_designs`.

    Returns:
        A table with the columns ``pde``, ``conditions``, the error ``distilled``, and the errors and ratios of `BESIDE`: error of the
        best design, of the dense set, of fresh samples at every step, of the other learner's set and of the best design with any
        learner ÷ that of the distilled set. NaN where there is nothing to compare with.
    """
    found = [row for run in runs for row in _rows(run, {name: e.get(run.pde, {}) for name, e in (others or {}).items()})]
    return DataFrame(found, columns=["pde", "conditions", "distilled", *BESIDE.values(), *BESIDE])


def of_sets(runs: Sequence[BenchmarkRun]) -> Errors:
    """Return the errors of distilled sets, with the learner that each was distilled for."""
    return {run.pde: _errors(run, DISTILLED) for run in runs}


def best_designs(runs: Sequence[BenchmarkRun]) -> Errors:
    """Return the least error of a tuned design with any of the learners that sets were distilled for."""
    found: dict[str, dict[str, float]] = {}
    for run in runs:
        least = found.setdefault(run.pde, {})
        for shift, error in _designs(run).items():
            least[shift] = min(error, least.get(shift, error))
    return found


def transfer(runs: Sequence[BenchmarkRun]) -> DataFrame:
    """Return what sets are worth to learners that they were not distilled for.

    Returns:
        One row per comparison with the columns ``pde``, ``conditions``, ``learner``, the ``ratio`` (error of the best tuned design
        with that learner ÷ error of the distilled set) and ``wins``, whether it is certainly above or below 1 (NA: neither).
    """
    if not runs:
        return DataFrame(columns=["pde", "conditions", "learner", "ratio", "wins"])
    rows = pandas.concat([run.rows.assign(pde=run.pde) for run in runs])
    judged = rows[(rows["method"] == DISTILLED) & (rows["learner"] != rows["distilled_with"]) & rows["ratio"].notna()]
    kinds = np.where(judged["shift"] == NO_SHIFT, IN_DISTRIBUTION, SHIFTED)
    return judged[["pde", "ratio", "wins"]].assign(conditions=kinds, learner=judged["learner"].replace(_JUDGES))


def means(table: DataFrame) -> dict[tuple[str, str], Interval]:
    """Return the geometric means over families by conditions and ratio of `BESIDE`, with intervals over families."""
    found = {}
    for conditions, rows in table.groupby("conditions", sort=False):
        for column in BESIDE:
            known = rows[rows[column].notna()]
            if len(known):
                found[str(conditions), column] = geometric_mean(known[column].tolist(), known["pde"].tolist())
    return found


def certain(runs: Sequence[BenchmarkRun]) -> Count:
    """Count the rows, one per family and shift, whose ratio to the best design is certainly above 1."""
    compared = pandas.concat([run.compared for run in runs])
    return Count(int(compared["wins"].fillna(False).sum()), len(compared))


def keeping(runs: Sequence[BenchmarkRun], share: float) -> Count:
    """Count the rows whose error of the dense set ÷ that of the distilled set is at least ``share``, of those with a dense set."""
    ratios = [
        dense[shift] / error
        for run in runs
        for dense in [_errors(run, DENSE)]
        for shift, error in _errors(run, DISTILLED).items()
        if shift in dense
    ]
    return Count(sum(ratio >= share for ratio in ratios), len(ratios))


def _errors(run: BenchmarkRun, method: str) -> dict[str, float]:
    """Return the mean error of a method by shift, of the learner that the set was distilled with."""
    rows = run.rows[(run.rows["method"] == method) & (run.rows["learner"] == own_learner(run.rows))]
    return dict(zip(rows["shift"], rows["mean"], strict=True))


def _designs(run: BenchmarkRun) -> dict[str, float]:
    """Return the error of the best tuned design by shift, of the learner that the set was distilled with."""
    mine = _errors(run, DISTILLED)
    return {shift: mine[shift] * ratio for shift, ratio in zip(run.compared["shift"], run.compared["ratio"], strict=True)}


def _rows(run: BenchmarkRun, others: Errors) -> Sequence[dict[str, float | str]]:
    designs = _designs(run)
    mine = {
        "distilled": _errors(run, DISTILLED),
        "best design": designs,
        DENSE: _errors(run, DENSE),
        "fresh samples": _errors(run, FRESH),
    }
    named: Errors = mine | {name: others.get(name, {}) for name in BESIDE.values() if name not in mine}
    table = DataFrame({name: [errors.get(s, np.nan) for s in designs] for name, errors in named.items()})
    for column, error in BESIDE.items():
        table[column] = table[error] / table["distilled"]
    kinds = np.where([s == NO_SHIFT for s in designs], IN_DISTRIBUTION, SHIFTED)
    logs = table.transform(np.log).groupby(kinds, sort=False).mean()
    return [{"pde": run.pde, "conditions": str(kind), **np.exp(row).to_dict()} for kind, row in logs.iterrows()]
