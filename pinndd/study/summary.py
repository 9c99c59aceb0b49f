"""From one row a trained model to one row a method: means with intervals, and how the distilled set compares."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pinndd.study.bootstrap import Array, Interval, mean_interval, ratio_interval
from pinndd.study.outcome import DISTILLED, Result


@dataclass(frozen=True)
class SummaryRow:
    """Error of one method under one shift: one row of ``summary.json``.

    Attributes:
        pde, protocol, learner, shift, method, points, boundary_points, distilled_with, ceiling: as in `Result`.
        mean, low, high: mean relative L2 error and its 95 % interval over seeds and episodes; infinite where one failed.
        median: median relative L2 error (a few bad runs rule a mean).
        models: number of trained models and boundary conditions behind the row.
        failed: how many of them ended without a finite error.
        seconds: mean wall time of training one model.
        baseline: for the distilled set, the best baseline at equal terms: the lowest mean under this shift among the methods
            with as many points that are no ceilings. Empty for other methods, or where nothing can be compared.
        ratio, ratio_low, ratio_high: error of that baseline ÷ error of the distilled set, paired, with its 95 % interval.
    """

    pde: str
    protocol: str
    learner: str
    shift: str
    method: str
    points: int
    boundary_points: int
    mean: float
    low: float
    high: float
    median: float
    models: int
    failed: int
    seconds: float
    distilled_with: str = ""
    ceiling: bool = False
    baseline: str = ""
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None

    @property
    def wins(self) -> bool | None:
        """Whether the distilled set beats the best baseline beyond doubt (None: not compared, or undecided)."""
        if self.ratio_low is None or self.ratio_high is None:
            return None
        if self.ratio_low > 1:
            return True
        return False if self.ratio_high < 1 else None

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values: what is not finite is null, only rows of the distilled set have a ratio."""
        row = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in vars(self).items()}
        if self.method != DISTILLED:
            for name in ("baseline", "ratio", "ratio_low", "ratio_high", "distilled_with"):
                row.pop(name)
        return row

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SummaryRow:
        """Return the row that `to_json` wrote: an error that is null is infinite."""
        errors = {k: math.inf for k in ("mean", "low", "high", "median") if values[k] is None}
        return cls(**{**values, **errors})


Key = tuple[str, str, str, str, str, int, int, str]


def summarise(results: Iterable[Result]) -> list[SummaryRow]:
    """Summarise trained models by PDE, protocol, learner, shift, method and size, in the order in which they first appear.

    Args:
        results: one a trained model and boundary condition.

    Returns:
        One row a group; rows of the distilled set also hold the ratio to the best baseline under the same shift, learner
        and size.
    """
    groups: dict[Key, list[Result]] = {}
    for r in results:
        groups.setdefault(_key(r), []).append(r)
    rows = {key: _row(group) for key, group in groups.items()}
    return [
        row if row.method != DISTILLED else _compared(row, groups[key], _rivals(row, rows), groups)
        for key, row in rows.items()
    ]


def best_baseline(rows: Sequence[SummaryRow], distilled: SummaryRow) -> SummaryRow | None:
    """Return the row of the best baseline that ``distilled`` was compared with."""
    return next((r for r in rows if r.method == distilled.baseline and _terms(r) == _terms(distilled)), None)


def _key(r: Result) -> Key:
    return (r.pde, r.protocol, r.learner, r.shift, r.method, r.points, r.boundary_points, r.distilled_with)


def _terms(r: SummaryRow) -> tuple[str, str, str, str, int, int]:
    return (r.pde, r.protocol, r.learner, r.shift, r.points, r.boundary_points)


def _rivals(row: SummaryRow, rows: Mapping[Key, SummaryRow]) -> list[Key]:
    """Keys of the baselines at equal terms, the best one first."""
    keys = [k for k, r in rows.items() if r.method != DISTILLED and not r.ceiling and _terms(r) == _terms(row)]
    return sorted(keys, key=lambda k: rows[k].mean)


def _matrix(group: Sequence[Result], seeds: Sequence[int], episodes: Sequence[int]) -> Array:
    at_seed, at_episode = {s: i for i, s in enumerate(seeds)}, {e: i for i, e in enumerate(episodes)}
    matrix: Array = np.full((len(seeds), len(episodes)), np.nan)
    for r in group:
        if r.seed in at_seed and r.episode in at_episode:
            matrix[at_seed[r.seed], at_episode[r.episode]] = r.relative_l2
    return matrix


def _row(group: Sequence[Result]) -> SummaryRow:
    first = group[0]
    errors = np.array([r.relative_l2 for r in group])
    failed = int((~np.isfinite(errors)).sum())
    if failed:
        interval = Interval(math.inf, math.inf, math.inf)
    else:
        interval = mean_interval(_matrix(group, sorted({r.seed for r in group}), sorted({r.episode for r in group})))
    return SummaryRow(
        first.pde,
        first.protocol,
        first.learner,
        first.shift,
        first.method,
        first.points,
        first.boundary_points,
        interval.value,
        interval.low,
        interval.high,
        float(np.median(np.where(np.isfinite(errors), errors, np.inf))),
        len(group),
        failed,
        float(np.mean([r.seconds for r in group])),
        first.distilled_with,
        first.ceiling,
    )


def _compared(
    row: SummaryRow, group: Sequence[Result], rivals: Sequence[Key], groups: Mapping[Key, Sequence[Result]]
) -> SummaryRow:
    """Add the ratio to the best of ``rivals`` with which there are pairs; a failed training counts as an infinite error."""
    for key in rivals:
        rival = groups[key]
        seeds = sorted({r.seed for r in group} & {r.seed for r in rival})
        episodes = sorted({r.episode for r in group} & {r.episode for r in rival})
        above, below = _matrix(rival, seeds, episodes), _matrix(group, seeds, episodes)
        if (np.isfinite(above) & ~np.isnan(below)).any():
            ratio = Interval(0.0, 0.0, 0.0) if row.failed else ratio_interval(above, below)
            return replace(row, baseline=rival[0].method, ratio=ratio.value, ratio_low=ratio.low, ratio_high=ratio.high)
    return row
