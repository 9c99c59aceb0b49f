"""From one row per trained model to one row per method: means with intervals, and how the distilled set compares."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from pandas import DataFrame, Series

from pinndd.study.results.intervals import Array, Interval, mean_interval, ratio_interval
from pinndd.study.results.table import DENSE, DISTILLED, RELATIVE_L2, TRUTH_ERROR, component_columns, rows_of
from pinndd.study.results.writing import json_records

TERMS = ["pde", "protocol", "learner", "shift", "points", "boundary_points"]
"""What methods must have in common to be compared."""

_GROUP = [*TERMS[:4], "method", *TERMS[4:], "distilled_with"]
_FULL_TERMS = TERMS[:4]
"""What a distilled set must have in common with the dense one, which is larger."""
_RATIO = ["baseline", "ratio", "ratio_low", "ratio_high"]
KEPT = ("kept", "kept_low", "kept_high")
"""Columns of the share of the performance of the dense set that a distilled set keeps."""
UNSTORED = ("conditions", "distinct", "wins", "distance")
"""Columns that follow from others, or from the results, and are in no file."""
_NOT_COMPARED = ("", math.nan, math.nan, math.nan)

SUMMARY_COLUMNS: Mapping[str, str] = {
    "pde": "str",
    "protocol": "str",
    "learner": "str",
    "shift": "str",
    "method": "str",
    "points": "int64",
    "boundary_points": "int64",
    "mean": "float64",
    "low": "float64",
    "high": "float64",
    "median": "float64",
    "models": "int64",
    "failed": "int64",
    "conditions": "int64",
    "distinct": "int64",
    "seconds": "float64",
    "distilled_with": "str",
    "ceiling": "bool",
    "baseline": "str",
    "ratio": "float64",
    "ratio_low": "float64",
    "ratio_high": "float64",
    "wins": "boolean",
    "kept": "float64",
    "kept_low": "float64",
    "kept_high": "float64",
    "distance": "str",
}
"""Columns of a summary, in order, with their types.

``pde`` to ``boundary_points``, ``seconds``, ``distilled_with`` and ``ceiling`` are those of the results, the seconds a mean.
``mean, low, high``: mean error with its 95 % interval over seeds and episodes; infinite where one training failed.
``median``: a few bad runs rule a mean. ``models, failed``: number of trained models and boundary conditions behind the row,
and how many of them ended without a finite error. ``conditions, distinct``: number of test conditions, and of distinct errors
among them (to six digits, for the seed that has most): draws that are multiples of one another have the same relative error,
and an interval rests on no more than those that differ. Files do not hold these two; a summary that was read has zeros.
``baseline``: for the distilled set, the best baseline at equal terms, the lowest mean under this shift among the methods with
as many points that are no ceilings; empty for other methods, or where nothing can be compared. ``ratio, ratio_low,
ratio_high``: error of that baseline ÷ error of the distilled set, paired, with its 95 % interval; NaN where nothing is compared.
``wins``: whether the distilled set is better beyond doubt; missing where
that is not compared, or undecided. ``kept, kept_low, kept_high``: for the distilled set, the share of the performance of the dense
set that it keeps, which is the usual score of dataset distillation: error of ``dense`` with the same learner under the same shift ÷
error of the distilled set, paired, with its 95 % interval; above 1 where the distilled set is better than the dense one, NaN where
no dense set was run. ``distance``: the name of the one that errors are measured in, which has their unit.

A system of several components has a column for the mean error of each alone behind these, ``mean_u``: over the conditions where
it has one. Where the truth is estimated, ``truth_error`` is how far off it is by estimate, and ``wins`` is missing where the means
differ by no more than that.
"""


def summarise(results: DataFrame, distance: str = RELATIVE_L2) -> DataFrame:
    """Summarise results by PDE, protocol, learner, shift, method and size, in the order in which they first appear.

    Args:
        results: a table of results.
        distance: name of the distance that they are measured in.

    Returns:
        One row per group, with `SUMMARY_COLUMNS`; rows of the distilled set also hold the ratio to the best baseline under
        the same shift, learner and size.

    Examples:
        >>> from pinndd.study.results.table import as_table
        >>> common = {"pde": "heat", "protocol": "retrain", "learner": "ridge", "points": 64, "boundary_points": 30}
        >>> errors = {"distilled": (0.1, 0.2), "sobol": (0.3, 0.5)}
        >>> rows = [
        ...     {**common, "method": m, "shift": "none", "seed": 0, "episode": k, "error": e, "seconds": 0.1}
        ...     | {"distilled_with": "ridge" if m == "distilled" else ""}
        ...     for m, pair in errors.items()
        ...     for k, e in enumerate(pair)
        ... ]
        >>> summary = summarise(as_table(rows))
        >>> [(r.method, round(r.mean, 2), r.baseline, round(r.ratio, 2)) for r in summary.itertuples()][0]
        ('distilled', 0.15, 'sobol', 2.67)
    """
    groups = [group for _, group in results.groupby(_GROUP, sort=False)]
    rows = [_means(group) for group in groups]
    own = [component_mean(name) for name in component_columns(results)] + [TRUTH_ERROR] * (TRUTH_ERROR in results)
    summary = DataFrame(rows, columns=[*(c for c in SUMMARY_COLUMNS if c not in (*_RATIO, *KEPT, "wins", "distance")), *own])
    rivals, dense = _rivals(summary), _dense(summary)
    compared = [
        _ratio(groups, k, rivals.get(tuple(getattr(row, term) for term in TERMS), ()))
        if row.method == DISTILLED
        else _NOT_COMPARED
        for k, row in enumerate(rows_of(summary))
    ]
    kept = [
        _ratio(groups, k, dense.get(tuple(getattr(row, term) for term in _FULL_TERMS), ()))[1:]
        if row.method == DISTILLED
        else _NOT_COMPARED[1:]
        for k, row in enumerate(rows_of(summary))
    ]
    joined = summary.join(DataFrame(compared, columns=_RATIO)).join(DataFrame(kept, columns=list(KEPT)))
    return _completed(joined.assign(distance=distance))


def component_mean(name: str) -> str:
    """Return the column of a summary that holds the mean error of a component alone."""
    return f"mean_{name}"


def component_means(summary: DataFrame) -> dict[str, str]:
    """Return the columns of the mean errors of components alone, by the name of the component."""
    prefix = component_mean("")
    return {str(name).removeprefix(prefix): str(name) for name in summary.columns if str(name).startswith(prefix)}


def comparisons(summary: DataFrame) -> DataFrame:
    """Return the rows of the distilled sets with the baseline that each was compared with.

    Returns:
        The columns of the summary, ``baseline_mean`` and ``baseline_median`` (NaN where there is no baseline; of components
        ``baseline_mean_u``), and ``state``: ``win``, ``loss`` or ``draw``.
    """
    means = ["mean", "median", *component_means(summary).values()]
    of_baseline = {"method": "baseline"} | {name: f"baseline_{name}" for name in means}
    others = summary.loc[summary["method"] != DISTILLED, [*TERMS, *of_baseline]].rename(columns=of_baseline)
    distilled = summary[summary["method"] == DISTILLED]
    merged = distilled.merge(others.drop_duplicates([*TERMS, "baseline"]), on=[*TERMS, "baseline"], how="left")
    states = merged["wins"].astype(object).map({True: "win", False: "loss"})
    return merged.assign(state=states.fillna("draw").astype("str"))


def summary_to_json(summary: DataFrame) -> list[dict[str, Any]]:
    """Return the rows as JSON values: what is not finite is null, only rows of the distilled set have a ratio."""
    dropped = (*_RATIO, *KEPT, "distilled_with")
    return [
        row if row["method"] == DISTILLED else {k: v for k, v in row.items() if k not in dropped}
        for row in json_records(summary.drop(columns=list(UNSTORED)))
    ]


def summary_from_json(rows: Iterable[Mapping[str, Any]]) -> DataFrame:
    """Return the summary that `summary_to_json` wrote: an error that is null is infinite.

    Raises:
        KeyError: a column is missing.
    """
    errors = ["mean", "low", "high", "median"]
    missing = {"distilled_with": "", "baseline": "", "ceiling": False, "conditions": 0, "distinct": 0, "distance": RELATIVE_L2}
    frame = DataFrame([{**missing, **row} for row in rows])
    frame = frame if len(frame) else DataFrame(columns=list(SUMMARY_COLUMNS))
    frame = frame.assign(**{name: math.nan for name in (*_RATIO, *KEPT) if name not in frame})
    return _completed(frame.assign(**{name: frame[name].astype("float64").fillna(math.inf) for name in errors}))


def _completed(rows: DataFrame) -> DataFrame:
    """Put in order what is there, and say who wins."""
    typed = rows.astype({name: kind for name, kind in SUMMARY_COLUMNS.items() if name != "wins"})
    wins: Series[Any] = Series(None, index=typed.index, dtype="boolean")
    wins = wins.mask(typed["ratio_low"] > 1, True).mask(typed["ratio_high"] < 1, False)
    optional = [TRUTH_ERROR] if TRUTH_ERROR in rows else []
    if optional:
        wins = wins.mask(_within_the_truth(typed), None)
    return typed.assign(wins=wins)[[*SUMMARY_COLUMNS, *component_means(rows).values(), *optional]]


def _within_the_truth(rows: DataFrame) -> Series[bool]:
    """Whether a distilled set and its baseline differ by less than the truth may be off, which decides nothing."""
    others = rows[rows["method"] != DISTILLED].drop_duplicates([*TERMS, "method"])
    means = others[[*TERMS, "method", "mean"]].rename(columns={"method": "baseline", "mean": "of_baseline"})
    beside = rows.merge(means, on=[*TERMS, "baseline"], how="left").set_axis(rows.index)
    return (beside["of_baseline"] - beside["mean"]).abs() <= beside[TRUTH_ERROR]


def _rivals(summary: DataFrame) -> dict[tuple[Any, ...], list[int]]:
    """Rows of the baselines by their terms, the best one first."""
    baselines = summary[(summary["method"] != DISTILLED) & ~summary["ceiling"].astype(bool)]
    ordered = baselines.sort_values("mean", kind="stable")
    return {terms: list(rows.index) for terms, rows in ordered.groupby(TERMS, sort=False)}


def _dense(summary: DataFrame) -> dict[tuple[Any, ...], list[int]]:
    """Rows of the dense sets by PDE, protocol, learner and shift, the best one first; of one without any error nothing can be kept."""
    dense = (summary["method"] == DENSE) & summary["ceiling"].astype(bool) & (summary["mean"] > 0)
    ordered = summary[dense].sort_values("mean", kind="stable")
    return {terms: list(rows.index) for terms, rows in ordered.groupby(_FULL_TERMS, sort=False)}


def _matrix(group: DataFrame, seeds: Array, episodes: Array) -> Array:
    """Errors ``(seeds, episodes)``, NaN where there is none."""
    mine = group[group["seed"].isin(seeds) & group["episode"].isin(episodes)]
    matrix: Array = np.full((len(seeds), len(episodes)), np.nan)
    matrix[np.searchsorted(seeds, mine["seed"]), np.searchsorted(episodes, mine["episode"])] = mine["error"]
    return matrix


def _means(group: DataFrame) -> dict[str, Any]:
    errors = group["error"].to_numpy()
    failed = int((~np.isfinite(errors)).sum())
    if failed:
        interval = Interval(math.inf, math.inf, math.inf)
    else:
        interval = mean_interval(_matrix(group, np.unique(group["seed"]), np.unique(group["episode"])))
    row = {
        **group.iloc[0][[*_GROUP, "ceiling"]],
        "mean": interval.value,
        "low": interval.low,
        "high": interval.high,
        "median": float(np.median(np.where(np.isfinite(errors), errors, np.inf))),
        "models": len(group),
        "failed": failed,
        "conditions": group["episode"].nunique(),
        "distinct": _distinct(group),
        "seconds": float(np.mean(group["seconds"].to_numpy())),
    }
    own = {component_mean(name): float(group[column].mean()) for name, column in component_columns(group).items()}
    return row | own | ({TRUTH_ERROR: float(group[TRUTH_ERROR].mean())} if TRUTH_ERROR in group else {})


def _distinct(group: DataFrame) -> int:
    """Number of errors that differ in six digits, for the seed that has most."""
    digits = group["error"].map(lambda error: f"{error:.5e}")
    return int(digits.groupby(group["seed"]).nunique().max())


def _ratio(groups: Sequence[DataFrame], distilled: int, rivals: Sequence[int]) -> tuple[str, float, float, float]:
    """Return `_RATIO` to the best of ``rivals`` with which there are pairs; a failed training has an infinite error."""
    mine = groups[distilled]
    for rival in (groups[k] for k in rivals):
        seeds, episodes = (np.intersect1d(mine[axis], rival[axis]) for axis in ("seed", "episode"))
        above, below = _matrix(rival, seeds, episodes), _matrix(mine, seeds, episodes)
        if (np.isfinite(above) & ~np.isnan(below)).any():
            failed = not np.isfinite(mine["error"]).all()
            ratio = Interval(0.0, 0.0, 0.0) if failed else ratio_interval(above, below)
            return rival["method"].iloc[0], ratio.value, ratio.low, ratio.high
    return _NOT_COMPARED
