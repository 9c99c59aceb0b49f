"""Tables of a study on the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from pandas import DataFrame
from rich.table import Table

from pinndd.study.protocols import words_of
from pinndd.study.results import words
from pinndd.study.results.selection import one_set_each, sizes_studied
from pinndd.study.results.summary import comparisons, component_means
from pinndd.study.results.table import rows_of

_COLOURS = {"win": "green", "loss": "red", "draw": "yellow"}


def plain_table(columns: Sequence[str], rows: Iterable[Sequence[str]], wrapped: Sequence[str] = ()) -> Table:
    """Return a table without lines.

    Args:
        columns: names.
        rows: one text per column each.
        wrapped: columns that may be broken into lines.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column not in wrapped)
    for row in rows:
        table.add_row(*row)
    return table


def comparison_table(summary: DataFrame) -> Table:
    """Return one row per learner, shift and size: the distilled set against the best baseline and the dense set.

    Args:
        summary: of one protocol.
    """
    rows = list(rows_of(comparisons(one_set_each(summary))))
    sized = [words_of(rows[0].protocol).unit] if len(sizes_studied(summary)) > 1 else []
    columns = ("trained by", *sized, _heading(summary), "distilled", "best baseline", "ratio (95 %)", "of dense (95 %)")
    return plain_table(columns, (_compared(row, bool(sized)) for row in rows), wrapped=("best baseline", "of dense (95 %)"))


def component_table(summary: DataFrame) -> Table | None:
    """Return one row per learner, shift and size: the mean error of each component alone, distilled and best baseline.

    Args:
        summary: of one protocol, or of a set that was judged alone.

    Returns:
        None where there is but one component.
    """
    names = component_means(summary)
    if not names:
        return None
    rows = list(rows_of(comparisons(one_set_each(summary))))
    sized = [words_of(rows[0].protocol).unit] if len(sizes_studied(summary)) > 1 else []
    return plain_table(
        ("trained by", *sized, _heading(summary), *(f"error of {name}" for name in names)),
        (
            [
                row.learner,
                *([str(words_of(row.protocol).total(row))] if sized else []),
                _place(row),
                *(words.component_cell(row, column) for column in names.values()),
            ]
            for row in rows
        ),
    )


def error_table(summary: DataFrame, *, methods: bool = False) -> Table:
    """Return one row per learner and shift: mean error with interval, median and seconds; with ``methods`` one per method."""
    columns = ("trained by", *(["on"] if methods else []), _heading(summary), "mean error", "95 %", "median", "models", "time of one")
    return plain_table(
        columns,
        (
            (
                row.learner,
                *([row.method] if methods else []),
                _place(row),
                words.mean(row),
                words.interval(row),
                words.mean(row, "median"),
                str(row.models),
                words.seconds(row.seconds),
            )
            for row in rows_of(summary)
        ),
    )


def _place(row: Any) -> str:
    return words.shift_name(row.shift, words_of(row.protocol).inside)


def _heading(summary: DataFrame) -> str:
    return words_of(summary["protocol"].iloc[0]).heading if len(summary) else "conditions"


def _compared(row: Any, sized: bool) -> list[str]:
    size = [str(words_of(row.protocol).total(row))] if sized else []
    baseline = f"{words.mean(row, 'baseline_mean')} {row.baseline}" if row.baseline else ""
    colour = _COLOURS[row.state] if math.isfinite(row.mean) else "red"
    ratio = f"[{colour}]{words.ratio(row)}[/]"
    return [row.learner, *size, _place(row), words.mean(row), baseline, ratio, words.kept(row)]
