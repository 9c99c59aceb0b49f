"""Boundary values from files: measured samples or coefficients in a CSV, functions in a Python module, numbers by name."""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.solving.given import Given, GivenValueError
from pinndd.pinn.solving.measured import Samples

CONDITION, VALUE, NOISE = "condition", "value", "noise"


def read_values(pde: PDE, sources: Sequence[str | Path]) -> dict[str, Given]:
    """Read boundary values of single conditions from several sources.

    Args:
        pde: the equation.
        sources: each one of

            - ``NAME=NUMBER`` or ``NAME=C1,C2,…``: a constant, or the coefficients of the family;
            - a ``.csv`` of measured samples, with the columns ``condition``, every coordinate, ``value`` and, if known, ``noise``
              (standard deviations); condition is a name;
            - a ``.csv`` of coefficients, with the columns ``left[0]``, ``left[1]``, …, one row per boundary condition;
            - a ``.py`` file, which is executed: its functions and numbers are taken that are named after conditions.

    Returns:
        Condition name to what was given, for `pinndd.solve`.

    Raises:
        FileNotFoundError: there is no such file.
        GivenValueError: a source that cannot be used, or a condition that two of them give.
    """
    found: dict[str, Given] = {}
    for source in sources:
        read = _read_one(pde, source)
        twice = sorted(set(found) & set(read))
        if twice:
            raise GivenValueError(
                f"values of {twice[0]!r} are given twice, the second time by {source}: leave one of them out"
            )
        found |= read
    return found


def _read_one(pde: PDE, source: str | Path) -> dict[str, Given]:
    path = Path(source)
    if isinstance(source, str) and "=" in source and not path.exists():
        return _assignment(pde, source)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path} of boundary values: check the path, or write NAME=NUMBER")
    if path.suffix == ".py":
        return _from_module(pde, path)
    if path.suffix == ".csv":
        return _from_csv(pde, path)
    raise GivenValueError(f"{path}: boundary values are read from .csv and .py files, or written NAME=NUMBER")


def _assignment(pde: PDE, text: str) -> dict[str, Given]:
    name, _, written = text.partition("=")
    try:
        numbers = [float(part) for part in written.split(",")]
    except ValueError as error:
        raise GivenValueError(f"{text!r}: {error}; expected NAME=NUMBER, or NAME=C1,C2,… with coefficients") from error
    return {name.strip(): numbers if len(numbers) > 1 else numbers[0]}


def _from_module(pde: PDE, path: Path) -> dict[str, Given]:
    try:
        names = runpy.run_path(str(path))
    except Exception as error:
        raise GivenValueError(f"{path}: {type(error).__name__}: {error}; correct the file and try again") from error
    known = [c.name for c in pde.valued]
    found = {name: names[name] for name in known if name in names}
    if not found:
        raise GivenValueError(f"{path} defines none of {', '.join(known)}: write a function or a number of that name")
    return found


def _from_csv(pde: PDE, path: Path) -> dict[str, Given]:
    try:
        table = pd.read_csv(path, encoding="utf-8-sig", skipinitialspace=True)
    except (ValueError, UnicodeDecodeError) as error:
        raise GivenValueError(
            f"{path} is no CSV ({error}): expected a line of column names, then a line per sample"
        ) from error
    table.columns = table.columns.str.strip()
    if VALUE in table.columns:
        return _samples(pde, path, table)
    if any("[" in name for name in table.columns):
        return _coefficients(pde, path, table)
    wanted = ", ".join((CONDITION, *pde.box.names, VALUE))
    raise GivenValueError(
        f"{path}: columns {', '.join(table.columns)}; expected {wanted} for measured samples, or coefficients such as "
        f"{pde.valued[0].name}[0]"
    )


def _samples(pde: PDE, path: Path, table: pd.DataFrame) -> dict[str, Given]:
    columns = [CONDITION, *pde.box.names, VALUE]
    _require(path, table, columns, [NOISE])
    if table.empty:
        raise GivenValueError(f"{path} has no samples: expected a line per sample with {', '.join(columns)}")
    numbers = _numbers(path, table, [*pde.box.names, VALUE, *([NOISE] if NOISE in table.columns else [])])
    names = table[CONDITION].astype(str).str.strip()
    unknown = [(k, n) for k, n in enumerate(names) if n not in {c.name for c in pde.valued}]
    if unknown:
        line, name = unknown[0][0] + 2, unknown[0][1]
        known = [c.name for c in pde.valued]
        close = get_close_matches(name, known, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise GivenValueError(f"{path}, line {line}: condition {name!r} is none of {', '.join(known)}{hint}")
    found: dict[str, Given] = {}
    for name in dict.fromkeys(names):
        mine = (names == name).to_numpy()
        noise = numbers[mine, -1] if NOISE in table.columns else None
        d = pde.box.dimension
        found[name] = Samples(numbers[mine, :d], numbers[mine, d], noise)
    return found


def _coefficients(pde: PDE, path: Path, table: pd.DataFrame) -> dict[str, Given]:
    wanted = {c.name: [f"{c.name}[{k}]" for k in range(c.values.size)] for c in pde.valued if c.values.size}
    everything = [column for columns in wanted.values() for column in columns]
    _require(path, table, everything, [CONDITION])
    if table.empty:
        raise GivenValueError(f"{path} has no boundary conditions: expected a row of coefficients for each")
    return {name: _numbers(path, table, columns) for name, columns in wanted.items()}


def _require(path: Path, table: pd.DataFrame, needed: Sequence[str], optional: Sequence[str]) -> None:
    lacking = [name for name in needed if name not in table.columns]
    if lacking:
        raise GivenValueError(
            f"{path} has no column {lacking[0]!r}: expected {', '.join(needed)}, found {', '.join(table.columns)}"
        )
    odd = [name for name in table.columns if name not in (*needed, *optional)]
    if odd:
        raise GivenValueError(f"{path}: column {odd[0]!r} has no meaning here; expected {', '.join((*needed, *optional))}")


def _numbers(path: Path, table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray[Any, Any]:
    """Return columns as float64; the first entry that is no finite number is an error."""
    arrays = []
    for column in columns:
        array = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64)
        bad = ~np.isfinite(array)
        if bad.any():
            k = int(np.flatnonzero(bad)[0])
            raise GivenValueError(f"{path}, line {k + 2}: {column} is {table[column].iloc[k]!r}, expected a finite number")
        arrays.append(array)
    return np.stack(arrays, -1)
