"""What sets of one learner are worth, family by family: beside designs, full data, fresh samples, and sets of another learner."""

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
}
"""Columns of ratios, and those of the errors that are divided by that of the distilled set: above 1 the distilled set is better."""


class Count(NamedTuple):
    """How many rows are above a bound, and how many there are."""

    above: int
    rows: int


def worth(runs: Sequence[BenchmarkRun], before: Sequence[BenchmarkRun] = ()) -> DataFrame:
    """Return one row per family in distribution and one under its shifts, with geometric means over them.

    Args:
        runs: of one learner.
        before: of another one, with sets of the same sizes.

    Returns:
        A table with the columns ``pde``, ``conditions``, the error ``distilled``, and the errors and ratios of `BESIDE`: error of the
        best design, of the dense set, of fresh samples at every step and of the other learner's set ÷ that of the distilled set.
        NaN where there is nothing to compare with.
    """
    others = {run.pde: _errors(run, DISTILLED) for run in before}
    found = [row for run in runs for row in _rows(run, others.get(run.pde, {}))]
    return DataFrame(found, columns=["pde", "conditions", "distilled", *BESIDE.values(), *BESIDE])


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


def _rows(run: BenchmarkRun, other: Mapping[str, float]) -> Sequence[dict[str, float | str]]:
    mine, ratios = _errors(run, DISTILLED), dict(zip(run.compared["shift"], run.compared["ratio"], strict=True))
    beside = {
        "best design": {s: mine[s] * r for s, r in ratios.items()},
        DENSE: _errors(run, DENSE),
        "fresh samples": _errors(run, FRESH),
        "other learner": other,
    }
    table = DataFrame({name: [errors.get(s, np.nan) for s in ratios] for name, errors in ({"distilled": mine} | beside).items()})
    for column, error in BESIDE.items():
        table[column] = table[error] / table["distilled"]
    kinds = np.where([s == NO_SHIFT for s in ratios], IN_DISTRIBUTION, SHIFTED)
    logs = table.transform(np.log).groupby(kinds, sort=False).mean()
    return [{"pde": run.pde, "conditions": str(kind), **np.exp(row).to_dict()} for kind, row in logs.iterrows()]
