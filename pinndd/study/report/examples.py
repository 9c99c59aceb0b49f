"""The distilled examples of a stated task as a table of a report, where they are rows that a person can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pinndd.data import SyntheticData
from pinndd.stated.export import column_names
from pinndd.stated.task import StatedTask
from pinndd.study.results.words import significant

MOST_ROWS, MOST_COLUMNS = 30, 24


@dataclass(frozen=True)
class ExampleTable:
    """Rows of a distilled set.

    Attributes:
        columns: their names.
        rows: the cells, as text.
        total: examples of the set, of which the first are shown.
        units: of the cells, in words.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    total: int
    units: str


def example_table(task: StatedTask, data: SyntheticData) -> ExampleTable | None:
    """Return the first examples of a set, in the units of the data where the task has them.

    None of images, where the task keeps its examples in a form of its own, or where an example has too many entries.
    """
    entries = sum(value[0].numel() for value in data.fields.values())
    if task.data.pictures is not None or task.keep is not None or entries > MOST_COLUMNS:
        return None
    total = len(next(iter(data.fields.values())))
    shown = task.in_units(data).fields.values()
    flat = [value.detach().cpu()[:MOST_ROWS].reshape(min(total, MOST_ROWS), -1).tolist() for value in shown]
    rows = [[significant(float(cell), 3) for field in flat for cell in field[k]] for k in range(min(total, MOST_ROWS))]
    units = "of the data" if task.units is not None else "that the learner sees"
    return ExampleTable(column_names(task, data), rows, total, units)
