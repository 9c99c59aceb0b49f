"""Conditions out to anybody's solver, and the solved fields back: plain CSV, or ``.npz`` without pickle."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.declare.tables import EntryError, numbers, read_csv
from pinndd.pinn.geometry.patches import TOLERANCE
from pinndd.pinn.models.solved_conditions import CONDITIONS
from pinndd.pinn.sets.condition_code import grid_values, patch_grid
from pinndd.storage.reading import FileError, Reading, as_numbers
from pinndd.storage.writing import write_atomically

CONDITIONS_FILE, VALUES_FILE = "conditions.csv", "boundary_values.csv"
_NODES = 101


class SolutionFileError(FileError):
    """Solved fields that cannot be used."""


@dataclass(frozen=True)
class Solutions:
    """Solved fields of all conditions at the same points.

    Attributes:
        points: ``(Q, d)``, float64.
        fields: ``(m, Q, outputs)``, float64.
    """

    points: Tensor
    fields: Tensor


def write_conditions(pde: PDE, data: SyntheticData, target: Path | str) -> tuple[Path, Path]:
    """Write the conditions of a distilled set for a solver.

    ``conditions.csv`` has one row per condition, its number and its coefficients (``start[0]``, …).
    ``boundary_values.csv`` has one row per condition and point: number, name of the condition, coordinates, value, on an
    equispaced grid of every patch.

    Args:
        pde: the equation that the set was distilled for.
        data: a set of the solved protocol.
        target: a folder, made if it is not there; or a file ``name.csv``, beside which ``name-boundary_values.csv`` is put.

    Returns:
        The two files.
    """
    codes, training = _conditions(pde, data), pde.ensemble()
    names = [f"{name}[{k}]" for name, family in training.families.items() for k in range(family.size)]
    rows: list[Sequence[object]] = [("condition", *names)]
    rows += [(i, *map(repr, code.tolist())) for i, code in enumerate(codes)]
    target = Path(target)
    beside = target.suffix == ".csv"
    first = _write(target if beside else target / CONDITIONS_FILE, rows)
    rows = [("condition", "name", *pde.box.names, "value")]
    values = grid_values(training, codes, _NODES)
    for i in range(len(codes)):
        for name, value in values.items():
            patch = pde.patches[name]
            places = patch.points(patch_grid(patch.dimension, _NODES))
            rows += [
                (i, name, *map(repr, place), repr(v)) for place, v in zip(places.tolist(), value[i].tolist(), strict=True)
            ]
    return first, _write(target.with_name(f"{target.stem}-{VALUES_FILE}") if beside else target / VALUES_FILE, rows)


def read_solutions(path: Path | str, pde: PDE, data: SyntheticData) -> Solutions:
    """Read solved fields.

    A CSV has the columns ``condition``, the coordinates, and the components of u by their names, one row per
    condition and point, in any order; the points are the same for all conditions. An ``.npz`` holds ``points`` ``(Q, d)``
    and ``solutions`` ``(m, Q)`` or ``(m, Q, outputs)``. Nothing is unpickled.

    Args:
        path: the file.
        pde: gives the names of the coordinates and the domain.
        data: the set whose conditions were solved, numbered from 0.

    Raises:
        FileNotFoundError: there is no such file.
        SolutionFileError: the file is damaged, columns or conditions are missing, a point lies outside the domain, a value
            is not finite, or points differ between conditions.
    """
    path, count = Path(path), len(_conditions(pde, data))
    if not path.exists():
        raise FileNotFoundError(f"no file {path}: solve the conditions of {CONDITIONS_FILE} and name the file of fields")
    points, fields = _from_npz(path) if path.suffix == ".npz" else _from_csv(path, pde, count)
    if fields.shape != (count, points.shape[0], pde.output_count) or points.shape[1:] != (pde.box.dimension,):
        raise SolutionFileError(
            f"{path}: points of shape {points.shape} and solutions of shape {fields.shape}, expected "
            f"(Q, {pde.box.dimension}) and ({count}, Q, {pde.output_count})"
        )
    _check_values(path, pde, points, fields)
    return Solutions(torch.from_numpy(points), torch.from_numpy(fields))


def _conditions(pde: PDE, data: SyntheticData) -> Tensor:
    if CONDITIONS not in data or data[CONDITIONS].shape[-1] != pde.ensemble().size:
        found = tuple(data[CONDITIONS].shape) if CONDITIONS in data else f"the fields {', '.join(data.fields)}"
        raise ValueError(
            f"the data set holds {found}, expected conditions of shape (m, {pde.ensemble().size}) for {pde.name!r}: distill "
            "with --protocol solved for this PDE"
        )
    return data[CONDITIONS].detach().cpu().double()


def _write(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    with write_atomically(path) as file:
        file.write(text.getvalue().encode())
    return path


def _from_npz(path: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    reading = Reading(path, "export the fields anew", SolutionFileError)
    arrays = reading.arrays()
    if lacking := [name for name in ("points", "solutions") if name not in arrays]:
        reading.fail(f"has no {lacking[0]!r}, expected the arrays 'points' and 'solutions'")
    points, fields = (as_numbers(reading, name, arrays[name]) for name in ("points", "solutions"))
    return points, fields[..., None] if fields.ndim == 2 else fields


def _from_csv(path: Path, pde: PDE, count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    table = _table(path, ["condition", *pde.box.names, *pde.components])
    number = table[:, 0]
    whole = np.isfinite(number) & (number == np.round(number)) & (number >= 0) & (number < count)
    if not whole.all():
        odd = number[~whole][0]
        raise SolutionFileError(f"{path}: condition {odd:g} is none of the {count} conditions, 0 to {count - 1}")
    missing = sorted(set(range(count)) - set(number.astype(int).tolist()))
    if missing:
        listed = ", ".join(map(str, missing[:8])) + (", …" if len(missing) > 8 else "")
        raise SolutionFileError(f"{path}: no solution of condition {listed}; all {count} are needed")
    d = pde.box.dimension
    blocks = [table[number == i, 1:] for i in range(count)]
    blocks = [block[np.lexsort(block[:, :d].T[::-1])] for block in blocks]
    points, slack = blocks[0][:, :d], TOLERANCE * (np.array(pde.box.high) - np.array(pde.box.low))
    for i, block in enumerate(blocks):
        if block.shape != blocks[0].shape or not bool((np.abs(block[:, :d] - points) <= slack).all()):
            raise SolutionFileError(
                f"{path}: condition {i} is given at other points than condition 0 ({len(block)} and {len(points)} rows): "
                "export all on the same points"
            )
    return np.ascontiguousarray(points), np.stack([block[:, d:] for block in blocks])


def _table(path: Path, names: Sequence[str]) -> np.ndarray[Any, Any]:
    """Read the named columns of a CSV, ``(rows, columns)``."""
    wanted = ", ".join(names)
    table = read_csv(path, f"expected the columns {wanted}", SolutionFileError)
    lacking = [name for name in names if name not in table.columns]
    if lacking or table.empty:
        what = f"has no column {lacking[0]!r}" if lacking else "has no rows"
        raise SolutionFileError(f"{path} {what}: expected the columns {wanted}, found {', '.join(table.columns)}")
    try:
        return numbers(table, names, finite=False)
    except EntryError as error:
        raise SolutionFileError(f"{path}, line {error.line}: {error}; expected a number in each of {wanted}") from error


def _check_values(path: Path, pde: PDE, points: np.ndarray[Any, Any], fields: np.ndarray[Any, Any]) -> None:
    outside = ~pde.box.inside(torch.from_numpy(points), -TOLERANCE).numpy()
    if outside.any():
        where = ", ".join(f"{n} = {v:g}" for n, v in zip(pde.box.names, points[outside][0], strict=True))
        raise SolutionFileError(f"{path}: the point {where} lies outside the domain, {pde.box.low} to {pde.box.high}")
    broken = ~np.isfinite(fields).all((1, 2))
    if broken.any():
        number = int(np.flatnonzero(broken)[0])
        raise SolutionFileError(f"{path}: the solution of condition {number} has a value that is not finite: solve it anew")
