"""Which rows of a summary a picture, a page or a verdict is about."""

from __future__ import annotations

import numpy as np
from pandas import DataFrame, Series

from pinndd.study.results.table import DISTILLED, NO_SHIFT

SIZE = ["points", "boundary_points"]
"""Columns that say how large a set is."""


def own_learner(results: DataFrame) -> str:
    """Return the learner that the sets were distilled with; where it did not judge, the first that did, or nobody.

    Args:
        results: a table of results, or its summary.
    """
    judged = results["learner"].drop_duplicates()
    own = results.loc[(results["method"] == DISTILLED) & results["distilled_with"].isin(judged), "distilled_with"]
    return next(iter([*own.head(1), *judged.head(1)]), "")


def one_set_each(summary: DataFrame) -> DataFrame:
    """Keep one distilled set per learner, shift and size: that distilled with the learner itself, or else the first."""
    distilled = summary["method"] == DISTILLED
    own = (summary["distilled_with"] == summary["learner"])[distilled].sort_values(ascending=False, kind="stable")
    kept = summary.loc[own.index].drop_duplicates(["learner", "shift", *SIZE])
    return summary[~distilled | summary.index.isin(kept.index)]


def sizes_studied(rows: DataFrame) -> list[tuple[int, int]]:
    """Return the sizes of the distilled sets of results or a summary, interior and boundary points each, in their order."""
    sizes = rows.loc[rows["method"] == DISTILLED, SIZE].drop_duplicates()
    return list(zip(sizes["points"].tolist(), sizes["boundary_points"].tolist(), strict=True))


def of_size(summary: DataFrame, size: tuple[int, int]) -> DataFrame:
    """Return the rows of one size, and those of the ceilings, whatever their size."""
    return summary[summary["ceiling"] | has_size(summary, size)]


def has_size(summary: DataFrame, size: tuple[int, int]) -> Series[bool]:
    """Return which rows are of one size."""
    return (summary["points"] == size[0]) & (summary["boundary_points"] == size[1])


def transfer_cells(summary: DataFrame, *, worst_shift: bool) -> DataFrame:
    """Return one row per pair (distilled with, trained with): in distribution, or of the shift with the lowest ratio."""
    compared = (summary["method"] == DISTILLED) & summary["ratio"].notna() & ((summary["shift"] != NO_SHIFT) == worst_shift)
    mine = summary[compared]
    named = mine.assign(distilled_with=mine["distilled_with"].where(mine["distilled_with"] != "", mine["learner"]))
    return named.loc[named.groupby(["distilled_with", "learner"], sort=False)["ratio"].idxmin()]


def frontier(summary: DataFrame) -> DataFrame:
    """Return the rows that no other row beats in both error and seconds, fastest first.

    Wall times that differ by less than a quarter count as equal.
    """
    errors, seconds = summary["mean"].to_numpy(), summary["seconds"].to_numpy()
    beaten = (errors < errors[:, np.newaxis]) & (seconds <= 1.25 * seconds[:, np.newaxis])
    return summary[Series(~np.any(beaten, axis=1), index=summary.index)].sort_values(["seconds", "mean"], kind="stable")


def shifts_with_sizes(summary: DataFrame, size: str = "points") -> list[str]:
    """Return the shifts under which methods were run at several sizes.

    Args:
        summary: of one protocol.
        size: the column that holds it.
    """
    found = summary[~summary["ceiling"]].groupby("shift", sort=False)[size].nunique()
    return list(found.index[found > 1])
