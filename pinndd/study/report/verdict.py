"""The result of a protocol in plain words: how much better, when to use the distilled set, and when not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pandas import DataFrame

from pinndd.study.protocols import words_of
from pinndd.study.report.cost import worth_in_points
from pinndd.study.results import words
from pinndd.study.results.selection import SIZE, has_size, of_size, sizes_studied
from pinndd.study.results.summary import comparisons
from pinndd.study.results.table import NO_SHIFT, first_row, rows_of

FEW_CEILINGS = 2
"""Methods with more data that are told of in a sentence each."""


@dataclass(frozen=True)
class Verdict:
    """What a protocol's numbers say.

    Attributes:
        headline: one or two sentences per size, with the ratio and its interval.
        use: when the distilled set is the right choice, a sentence each.
        avoid: when it is not.
    """

    headline: str
    use: tuple[str, ...]
    avoid: tuple[str, ...]


def verdict(summary: DataFrame, learner: str, all_sizes: DataFrame) -> Verdict:
    """Say in words what the summary of one protocol says.

    Args:
        summary: of one protocol at the sizes studied, one distilled set per learner, shift and size.
        learner: the one that the set was distilled with.
        all_sizes: the same with other sizes, where they were run.
    """
    compared = comparisons(summary)
    own = compared[compared["learner"] == learner]
    inside = own[own["shift"] == NO_SHIFT]
    if inside.empty:
        return Verdict("There is no distilled set to judge in distribution.", (), ())
    sentences = []
    for row in rows_of(inside):
        shifted = own[(own["shift"] != NO_SHIFT) & has_size(own, (row.points, row.boundary_points))]
        sentences += [_inside(row), _outside(shifted)]
    ceilings = [s for row in rows_of(inside) for s in _ceilings(row, of_size(summary, (row.points, row.boundary_points)))]
    use = [*_wins(compared), *(s for row in rows_of(inside) for s in _worth(row, all_sizes))]
    return Verdict(" ".join(filter(None, sentences)), tuple(use), (*_losses(compared), *dict.fromkeys(ceilings)))


def _inside(row: Any) -> str:
    size = words_of(row.protocol).size_of(row)
    text = f"Trained by {row.learner} on {size}, the error on {words_of(row.protocol).unseen} is {words.mean(row)}"
    if not row.baseline:
        return text + "; no baseline of that size was run."
    other = f"the best baseline {words_of(row.protocol).inside} ({row.baseline}, {words.mean(row, 'baseline_mean')})"
    if row.ratio is not None and row.ratio >= 1:
        return text + f": {words.ratio(row)} times smaller than with {other}."
    return text + f", larger than with {other}: the ratio is {words.ratio(row)}."


def _outside(rows: DataFrame) -> str:
    ordered = list(rows_of(rows[rows["ratio"].notna()].sort_values("ratio", kind="stable")))
    if not ordered:
        return ""
    worst, best = ordered[0], ordered[-1]
    if len(ordered) == 1:
        return f"Under the shift {worst.shift} the ratio is {words.ratio(worst)}."
    return (
        f"Under the shifts the ratio runs from {words.ratio(worst)} ({worst.shift}) to {words.ratio(best)} ({best.shift})."
    )


def _by_learner(rows: DataFrame, several: bool) -> Iterator[tuple[str, DataFrame]]:
    """The rows of every learner and size, with what to call it."""
    for _, group in rows.groupby(["learner", *SIZE], sort=False):
        row = first_row(group)
        yield row.learner + (f" on {words_of(row.protocol).size_of(row)}" if several else ""), group


def _wins(rows: DataFrame) -> Iterator[str]:
    for who, won in _by_learner(rows[rows["state"] == "win"], len(sizes_studied(rows)) > 1):
        least = words.significant(won["ratio"].min())
        yield f"You train with {who}: the distilled set wins {_where(won)}, by {least} times or more."


def _losses(rows: DataFrame) -> Iterator[str]:
    several = len(sizes_studied(rows)) > 1
    for who, lost in _by_learner(rows[rows["state"] == "loss"], several):
        worst = first_row(lost.sort_values("ratio", kind="stable"))
        factor = words.significant(1 / worst.ratio) if worst.ratio else "many"
        yield (
            f"You train with {who}: a baseline is better {_where(lost)}, at worst {factor} times "
            f"({worst.baseline}, {words.shift_name(worst.shift, words_of(worst.protocol).inside)})."
        )
    for who, open_ in _by_learner(rows[(rows["state"] == "draw") & rows["ratio"].notna()], several):
        yield f"You train with {who}: {_where(open_)} the interval of the ratio holds 1, so nothing is decided."


def _where(rows: DataFrame) -> str:
    inside = [words_of(str(name)).inside for name in rows.loc[rows["shift"] == NO_SHIFT, "protocol"].unique()]
    shifts = rows.loc[rows["shift"] != NO_SHIFT, "shift"].tolist()
    if shifts:
        inside.append(f"under the shift{'s' if len(shifts) > 1 else ''} {words.listed(shifts)}")
    return words.listed(inside)


def _worth(row: Any, all_sizes: DataFrame) -> Iterator[str]:
    """What the set saves in points, if another size was run."""
    match, said = worth_in_points(all_sizes, row), words_of(row.protocol)
    if match is not None and said.total(match) > said.total(row):
        factor = words.significant(said.total(match) / said.total(row))
        yield (
            f"Every {said.one} costs you something ({said.dear}): the smallest other set that was run "
            f"with at most this error, {match.method}, has {said.total(match)} {said.unit}, {factor} times as many."
        )


def _ceilings(row: Any, rows: DataFrame) -> Iterator[str]:
    said = words_of(row.protocol)
    same = rows["ceiling"] & (rows["learner"] == row.learner) & (rows["shift"] == NO_SHIFT)
    better = list(rows_of(rows[same & (rows["mean"] < row.mean)]))
    for other in better[:FEW_CEILINGS]:
        yield (
            f"{said.one.capitalize()}s cost you nothing: {other.method} with {other.points} "
            f"{said.one}s reaches {words.mean(other)} in {words.seconds(other.seconds)} of training per "
            f"{said.each} ({words.seconds(row.seconds)} on the distilled set)."
        )
    if further := better[FEW_CEILINGS:]:
        named = ", ".join(f"{other.method} ({words.mean(other)} in {words.seconds(other.seconds)})" for other in further)
        yield f"The same holds of {named}."
