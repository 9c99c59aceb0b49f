"""Data frames as people and files take them: CSV, JSON records and Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pandas import DataFrame

from pinndd.storage.writing import write_atomically
from pinndd.study.results.table import RELATIVE_L2, named_for_files

Format = str | Callable[[Any], str]
"""How a cell is written: a format specification such as ``.2f``, or a function of the cell."""


def write_csv(results: DataFrame, path: Path, distance: str = RELATIVE_L2) -> None:
    """Write results atomically, one row per trained model and boundary condition; the error is named after the distance."""
    text = named_for_files(results, distance).to_csv(index=False, lineterminator="\n", na_rep="nan")
    with write_atomically(path) as file:
        file.write(text.encode(errors="surrogateescape"))


def json_records(frame: DataFrame) -> list[dict[str, Any]]:
    """Return one dictionary per row, of values that JSON has: what is missing or not finite is None."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): _finite(value) for name, value in row.items()} for row in rows]


def markdown_table(frame: DataFrame, formats: Mapping[str, Format] | None = None) -> str:
    """Return a frame as a Markdown table, one line per row: its columns in their order, without the index.

    Args:
        frame: the names of its columns are the head.
        formats: of some columns; the others are written as they are. A cell that is missing stays empty, but for a function,
            which is given it.
    """
    formats = formats or {}
    head = [str(name) for name in frame.columns]
    # by position: two columns of a table may have one head
    columns = [[_written(cell, formats.get(name, "")) for cell in frame.iloc[:, k]] for k, name in enumerate(head)]
    lines = [head, ["---"] * len(head), *zip(*columns, strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _written(cell: Any, how: Format) -> str:
    text = how(cell) if callable(how) else "" if pd.isna(cell) else format(cell, how)
    # a bar would end the cell
    return text.replace("|", "\\|")


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
