"""Means over few repetitions: Student's intervals, and differences between methods that were run alike."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import pandas as pd
from scipy import stats

from pinndd.study.results.intervals import LEVEL, Interval


def student_half(values: pd.Series[float]) -> float:
    """Return half the width of the 95 % interval of a mean, ``t s / √n`` (Student 1908); NaN for a single value."""
    return float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.sem()) if len(values) > 1 else float("nan")


def student_interval(values: pd.Series[float]) -> Interval:
    """Return the mean of some values with its 95 % interval; a single value has none."""
    mean, half = float(values.mean()), student_half(values)
    return Interval(mean, mean - half, mean + half) if half == half else Interval(mean, mean, mean)


def paired_differences(
    rows: pd.DataFrame, column: str, ours: str, other: str, *, by: str, common: Sequence[Hashable]
) -> pd.Series[float]:
    """Return by how much a column of one method is above that of another, one value per pair.

    Args:
        rows: of both.
        column: to compare.
        ours, other: the methods.
        by: column that holds their names.
        common: columns in which the rows of a pair are equal, such as the seed.

    Raises:
        ValueError: there is no pair.
    """
    mine, theirs = (rows[rows[by] == name].set_index(list(common))[column] for name in (ours, other))
    found = (mine - theirs).dropna()
    if found.empty:
        raise ValueError(f"{ours!r} and {other!r} have no {' and '.join(map(str, common))} in common: run both alike")
    return found


def per_cent(value: float, half: float) -> str:
    """Return ``94.5 ± 0.3``, or the number alone where it has no interval."""
    return f"{100 * value:.1f} ± {100 * half:.1f}" if half > 0 else f"{100 * value:.1f}"


def per_cents(summary: pd.DataFrame, column: str) -> list[str]:
    """Write a column of shares in per cent, each with half the width of its interval from the column ``<column>_half``."""
    return [per_cent(value, half) for value, half in zip(summary[column], summary[f"{column}_half"], strict=True)]
