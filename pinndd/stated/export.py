"""The examples of a set as a CSV file that other programs read."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pinndd.data import SyntheticData
from pinndd.stated.task import StatedTask
from pinndd.storage.writing import write_atomically


def column_names(task: StatedTask, data: SyntheticData) -> list[str]:
    """Return a name for every entry of an example, field by field: the task's own, else ``inputs_0``, ``inputs_1``, ...

    Raises:
        ValueError: the task has another number of names than an example has entries.
    """
    names: list[str] = []
    for field, value in data.fields.items():
        count = value[0].numel()
        own = list(task.columns.get(field, ()))
        if own and len(own) != count:
            raise ValueError(
                f"task {task.name!r}: columns of {field!r} are {len(own)} names, an example has {count} entries: name each, or none"
            )
        names += own or ([field] if count == 1 else [f"{field}_{k}" for k in range(count)])
    return names


def write_examples(task: StatedTask, data: SyntheticData, path: Path) -> None:
    """Write one line per example, atomically: as the task keeps them, else with all digits, in the units of the data.

    Raises:
        ValueError: see `column_names` and `StatedTask.in_units`.
        UserCodeError: what the module gives as ``units`` failed.
    """
    if task.keep is not None:
        task.keep(data, path)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column_names(task, data))
    flat = [value.detach().cpu().reshape(len(value), -1).tolist() for value in task.in_units(data).fields.values()]
    writer.writerows([entry for field in flat for entry in field[k]] for k in range(len(flat[0])))
    with write_atomically(path) as file:
        file.write(text.getvalue().encode())
