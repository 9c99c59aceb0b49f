"""Boundary values from files: measured samples or coefficients in a CSV, functions in a Python module, numbers by name."""

from __future__ import annotations

import re
import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinndd.pinn.declare.loading import line_of
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.declare.tables import EntryError, numbers, read_csv
from pinndd.pinn.solving.given import Given, GivenValueError, require_condition
from pinndd.pinn.solving.measured import Samples

if TYPE_CHECKING:
    import pandas as pd

CONDITION, VALUE, NOISE = "condition", "value", "noise"
_COEFFICIENT = re.compile(r"(.*\S)\s*\[(\d+)\]")
_WITH_UNIT = re.compile(r"(\w+)\s*[\[(](.*)[\])]")


def read_values(pde: PDE, sources: Sequence[str | Path]) -> dict[str, Given]:
    """Read boundary values of single conditions from several sources.

    Args:
        pde: the equation.
        sources: each one of

            - ``NAME=NUMBER`` or ``NAME=C1,C2,…``: a constant, or the coefficients of the family;
            - a ``.csv`` of measured samples, with the columns ``condition``, every coordinate, ``value`` and, if known, ``noise``
              (standard deviations); condition is a name; ``x [m]`` may stand for ``x`` where that is the unit of the PDE;
            - a ``.csv`` of coefficients, with the columns ``left[0]``, ``left[1]``, … of one or more conditions, one row per boundary
              condition;
            - a ``.py`` file, which is executed: its functions and numbers are taken that are named after conditions, with ``_`` for
              what no name in Python may contain.

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
        return _assignment(source)
    if not path.is_file():
        found = "a folder, not a file" if path.is_dir() else "no such file"
        raise FileNotFoundError(f"boundary values {path}: {found}; check the path, or write NAME=NUMBER")
    if path.suffix == ".py":
        return _from_module(pde, path)
    if path.suffix == ".csv":
        return _from_csv(pde, path)
    raise GivenValueError(f"{path}: boundary values are read from .csv and .py files, or written NAME=NUMBER")


def _assignment(text: str) -> dict[str, Given]:
    name, _, written = text.partition("=")
    try:
        given = [float(part) for part in written.split(",")]
    except ValueError as error:
        raise GivenValueError(f"{text!r}: {error}; expected NAME=NUMBER, or NAME=C1,C2,… with coefficients") from error
    return {name.strip(): given if len(given) > 1 else given[0]}


def _from_module(pde: PDE, path: Path) -> dict[str, Given]:
    try:
        names = runpy.run_path(str(path))
    except (Exception, SystemExit) as error:
        raise GivenValueError(
            f"{path}{line_of(error, str(path))}: {type(error).__name__}: {error}; correct the file and try again"
        ) from error
    known = {c.name: re.sub(r"\W", "_", c.name) for c in pde.valued}
    found = {name: names[written] for name, written in known.items() if written in names}
    if not found:
        raise GivenValueError(f"{path} defines none of {', '.join(known.values())}: write a function or a number of that name")
    return found


def _from_csv(pde: PDE, path: Path) -> dict[str, Given]:
    expected = "expected a line of column names, then a line per sample, with commas between entries"
    table = read_csv(path, expected, GivenValueError)
    if any(match and match.group(1) not in (*pde.box.names, VALUE, NOISE) for match in map(_COEFFICIENT.fullmatch, table.columns)):
        return _coefficients(pde, path, table)
    table.columns = [_without_unit(pde, path, column) for column in table.columns]
    return _samples(pde, path, table)


def _without_unit(pde: PDE, path: Path, column: str) -> str:
    """Take ``x [m]`` for ``x`` where the PDE says so."""
    match = _WITH_UNIT.fullmatch(column)
    name, unit = match.groups() if match else (column, None)
    if match is None or name not in (*pde.box.names, VALUE, NOISE):
        return column
    known = pde.units.get(name) if name in pde.box.names else _unit_of_values(pde)
    if unit != known:
        said = f"is in {known}" if known else "has no single unit that the PDE module says"
        raise GivenValueError(
            f"{path}: column {column!r}: {name} of PDE {pde.name!r} {said}; convert the numbers, and call the column {name!r}"
        )
    return name


def _unit_of_values(pde: PDE) -> str | None:
    """The unit of everything that is measured, if it is the same everywhere."""
    units = {pde.units.get(pde.components[c.component_number]) if c.gives_value else None for c in pde.valued}
    return units.pop() if len(units) == 1 else None


def _samples(pde: PDE, path: Path, table: pd.DataFrame) -> dict[str, Given]:
    columns = [CONDITION, *pde.box.names, VALUE]
    _require(pde, path, table, columns, [NOISE])
    if table.empty:
        raise GivenValueError(f"{path} has no samples: expected a line per sample with {', '.join(columns)}")
    for line, name in table[CONDITION].items():
        require_condition(pde, f"{path}, line {line}", name)
    read = _numbers(path, table, [*pde.box.names, VALUE, *([NOISE] if NOISE in table.columns else [])])
    found: dict[str, Given] = {}
    for name in dict.fromkeys(table[CONDITION]):
        mine = (table[CONDITION] == name).to_numpy()
        noise = read[mine, -1] if NOISE in table.columns else None
        d = pde.box.dimension
        found[name] = Samples(read[mine, :d], read[mine, d], noise)
    return found


def _coefficients(pde: PDE, path: Path, table: pd.DataFrame) -> dict[str, Given]:
    sizes = {c.name: c.values.size for c in pde.valued}
    found: dict[str, Given] = {}
    if table.empty:
        raise GivenValueError(f"{path} has no boundary conditions: expected a row of coefficients for each")
    for column in table.columns:
        match = _COEFFICIENT.fullmatch(column)
        if match is None:
            raise GivenValueError(f"{path}: column {column!r} has no meaning beside coefficients such as {pde.valued[0].name}[0]")
        name = match.group(1)
        require_condition(pde, f"{path}, column {column!r}", name)
        if int(match.group(2)) >= sizes[name]:
            raise GivenValueError(f"{path}: column {column!r}: {name} has {sizes[name]} coefficients; leave it out")
        if name not in found:
            wanted = [f"{name}[{k}]" for k in range(sizes[name])]
            lacking = [w for w in wanted if w not in table.columns]
            if lacking:
                raise GivenValueError(f"{path} has no column {lacking[0]!r}: {name} has the coefficients {wanted[0]} to {wanted[-1]}")
            found[name] = _numbers(path, table, wanted)
    return found


def _require(pde: PDE, path: Path, table: pd.DataFrame, needed: Sequence[str], optional: Sequence[str]) -> None:
    lacking = [name for name in needed if name not in table.columns]
    if lacking:
        raise GivenValueError(
            f"{path} has no column {lacking[0]!r}: expected {', '.join(needed)} for measured samples, or coefficients such as "
            f"{pde.valued[0].name}[0]; found {', '.join(table.columns)}"
        )
    odd = [name for name in table.columns if name not in (*needed, *optional)]
    if odd:
        raise GivenValueError(f"{path}: column {odd[0]!r} has no meaning here; expected {', '.join((*needed, *optional))}")


def _numbers(path: Path, table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray[Any, Any]:
    """Return columns as float64; the first entry that is no finite number is an error."""
    try:
        return numbers(table, columns, finite=True)
    except EntryError as error:
        hint = ": write it with a point" if re.fullmatch(r"-?\d+,\d+", error.entry) else ""
        said = repr(error.entry) if error.entry else "empty"
        raise GivenValueError(f"{path}, line {error.line}: {error.column} is {said}, expected a finite number{hint}") from error
