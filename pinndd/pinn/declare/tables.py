"""Read CSV tables that a person or another program wrote, and say in which line they cannot be used."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


class EntryError(ValueError):
    """An entry of a table that is no number.

    Attributes:
        line: of the file.
        column: its name.
        entry: what stands there.
    """

    def __init__(self, line: int, column: str, entry: str, said: str) -> None:
        super().__init__(said)
        self.line, self.column, self.entry = line, column, entry


def read_csv(path: Path, expected: str, kind: type[ValueError]) -> pd.DataFrame:
    """Read a CSV as text; the index counts the lines of the file, and lines without any entry are left out.

    Args:
        path: of the file.
        expected: what it should be, for the message, such as ``"expected the columns x, u"``.
        kind: of the errors that are raised.

    Raises:
        ValueError: of that kind: the file is no CSV, has other separators, or lines of different lengths.
    """
    # pandas takes a third of a second to import
    import pandas as pd

    try:
        with warnings.catch_warnings():
            # a line that is longer than the first one is a mistake, such as a decimal comma
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table: pd.DataFrame = pd.read_csv(
                path,
                encoding="utf-8-sig",
                skipinitialspace=True,
                dtype=str,
                keep_default_na=False,
                skip_blank_lines=False,
                index_col=False,
            )
    except pd.errors.ParserWarning as error:
        raise kind(
            f"{path}: lines have more entries than there are columns: write commas between entries, and points in numbers"
        ) from error
    except (ValueError, UnicodeDecodeError) as error:
        raise kind(f"{path} is no CSV ({error}): {expected}") from error
    table = table.fillna("").apply(lambda column: column.str.strip())
    table.columns, table.index = table.columns.str.strip(), table.index + 2
    for mark, called in ((";", "semicolons"), ("\t", "tabs")):
        if len(table.columns) == 1 and mark in table.columns[0]:
            raise kind(f"{path} has {called} between its entries: write commas, and points in numbers")
    filled: pd.DataFrame = table.loc[(table != "").any(axis=1)]
    return filled


def numbers(table: pd.DataFrame, columns: Sequence[str], *, finite: bool) -> np.ndarray[Any, Any]:
    """Return columns of a table of text as numbers, ``(rows, columns)``, float64.

    Args:
        table: of `read_csv`.
        columns: their names.
        finite: whether ``nan`` and ``inf`` are errors too.

    Raises:
        EntryError: an entry is no number; the first such line of the first such column.
    """
    arrays = []
    for column in columns:
        entries = table[column].tolist()
        array = np.empty(len(entries))
        for k, entry in enumerate(entries):
            try:
                array[k] = float(entry)
            except ValueError as error:
                raise EntryError(table.index[k], column, entry, str(error)) from error
            if finite and not math.isfinite(array[k]):
                raise EntryError(table.index[k], column, entry, "not finite")
        arrays.append(array)
    return np.stack(arrays, -1)
