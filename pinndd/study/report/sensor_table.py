"""The table of sensors of the benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from pandas import DataFrame, concat

from pinndd.storage.reading import Reading
from pinndd.study.results.summary import comparisons, summary_from_json
from pinndd.study.results.table import DISTILLED, NO_SHIFT, rows_of
from pinndd.study.results.writing import markdown_table


class _Stored(msgspec.Struct):
    rows: list[dict[str, Any]]


def load_sensors(folder: Path) -> DataFrame:
    """Return the summary of the files ``PDE.json`` of a folder, by name; without files it is empty.

    Raises:
        FileError: one of them is damaged.
    """
    tables = [_load(path) for path in sorted(folder.glob("*.json"))]
    return concat(tables, ignore_index=True) if tables else summary_from_json([])


def _load(path: Path) -> DataFrame:
    reading = Reading(path, "measure it again: python benchmarks/sensors.py")
    rows = reading.typed(reading.json(reading.content()), _Stored).rows
    try:
        return summary_from_json(rows)
    except (KeyError, TypeError, ValueError) as error:
        reading.fail(f"is damaged ({type(error).__name__}: {error})", error)


def sensor_table(summary: DataFrame, shift: str = NO_SHIFT) -> str:
    """Return a Markdown table of the errors under one shift, one row per PDE and number of sensors.

    Args:
        summary: of one or several PDEs.
        shift: of the rows that are shown.
    """
    here = summary[summary["shift"] == shift]
    others = here[here["method"] != DISTILLED]
    rows = []
    for row in rows_of(comparisons(here)):
        same = others[(others["pde"] == row.pde) & (others["boundary_points"] == row.boundary_points)]
        rest = same[same["method"] != row.baseline]
        rows.append(
            {
                "PDE": row.pde,
                "sensors": row.boundary_points,
                "distilled, %": _percent(row.mean),
                "best baseline, %": f"{_percent(row.baseline_mean)} ({row.baseline})",
                "ratio (95 % interval)": f"{row.ratio:.2f} ({row.ratio_low:.2f}–{row.ratio_high:.2f})",
                "others, %": ", ".join(f"{r.method} {_percent(r.mean)}" for r in rows_of(rest)),
            }
        )
    return markdown_table(DataFrame(rows))


def _percent(error: float) -> str:
    """Two significant digits, in per cent, without an exponent."""
    return f"{100 * error:.2g}" if error < 0.995 else f"{100 * error:.0f}"
