"""Tables of rows: hard rows as codes, soft rows as one distribution per cell, and the words that stand for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pinndd.bayesnet.network import Structure

MISSING = -1
"""Code of a cell that was not recorded."""


def encode(structure: Structure, columns: Mapping[str, Sequence[str | None]]) -> Tensor:
    """Return the codes of rows that are given as names of states.

    Args:
        structure: of the variables.
        columns: for each recorded variable one name of a state per row, or None where it is missing. A variable without a
            column is missing in every row.

    Returns:
        ``(N, V)``, int64, `MISSING` where nothing was recorded.

    Raises:
        ValueError: a column is no variable, the columns differ in length, or a cell holds an undeclared state.
    """
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"the columns must be of one length, at least one: {lengths}")
    rows = torch.full((next(iter(lengths.values())), len(structure.variables)), MISSING, dtype=torch.int64)
    for name, cells in columns.items():
        variable, column = structure[name], structure.index(name)
        for row, cell in enumerate(cells):
            if cell is not None:
                try:
                    rows[row, column] = variable.code(cell)
                except ValueError as error:
                    raise ValueError(f"row {row}: {error}") from error
    return rows


def decode(structure: Structure, rows: Tensor) -> dict[str, list[str | None]]:
    """Return the names of states for codes ``(N, V)``, None where a cell is missing; the inverse of `encode`.

    Raises:
        ValueError: the rows do not fit the structure.
    """
    codes = check_rows(structure, rows).tolist()
    return {
        variable.name: [variable.states[row[k]] if row[k] != MISSING else None for row in codes]
        for k, variable in enumerate(structure.variables)
    }


def soften(structure: Structure, rows: Tensor) -> dict[str, Tensor]:
    """Return complete hard rows ``(N, V)`` as soft ones: for each variable one-hot vectors, ``(N, K)``, float64.

    Raises:
        ValueError: the rows do not fit the structure, or a cell is missing.
    """
    complete = check_complete(structure, rows)
    return {
        variable.name: torch.nn.functional.one_hot(complete[:, k], len(variable)).double()
        for k, variable in enumerate(structure.variables)
    }


def check_rows(structure: Structure, rows: Tensor) -> Tensor:
    """Return ``rows`` if they are codes of the structure's states, `MISSING` among them.

    Raises:
        ValueError: the shape, the dtype or a code is wrong; the message names row and column.
    """
    width = len(structure.variables)
    if rows.ndim != 2 or rows.shape[1] != width or rows.dtype != torch.int64:
        raise ValueError(
            f"rows have shape {tuple(rows.shape)} and dtype {rows.dtype}, expected (N, {width}) and torch.int64"
        )
    wrong = (rows < MISSING) | (rows >= rows.new_tensor([len(variable) for variable in structure.variables]))
    if bool(wrong.any()):
        row, column = wrong.nonzero()[0].tolist()
        variable = structure.variables[column]
        raise ValueError(
            f"row {row}, column {variable.name!r}: code {int(rows[row, column])}, expected 0 to {len(variable) - 1}, "
            f"or {MISSING} for a missing cell"
        )
    return rows


def check_complete(structure: Structure, rows: Tensor) -> Tensor:
    """Return ``rows`` if no cell is missing either.

    Raises:
        ValueError: the rows do not fit the structure, or a cell is missing.
    """
    missing = check_rows(structure, rows) == MISSING
    if bool(missing.any()):
        row, column = missing.nonzero()[0].tolist()
        name = structure.variables[column].name
        raise ValueError(f"row {row}, column {name!r} is missing: use expectation_maximisation for incomplete rows")
    return rows


def check_weights(weights: Tensor | None, rows: int, *, leading: bool = True) -> Tensor | None:
    """Return ``weights``, ``(..., N)``, if each is finite and not negative, one for each row.

    Args:
        weights: of the rows, or None.
        rows: N.
        leading: whether there may be axes before the last one.

    Raises:
        ValueError: they are not.
    """
    if weights is None:
        return None
    if weights.ndim < 1 or weights.shape[-1] != rows or (weights.ndim > 1 and not leading):
        expected = f"(..., {rows})" if leading else f"({rows},)"
        raise ValueError(f"weights have shape {tuple(weights.shape)}, expected {expected}: one for each row")
    wrong = ~torch.isfinite(weights.detach()) | (weights.detach() < 0)
    if bool(wrong.any()):
        place = tuple(wrong.nonzero()[0].tolist())
        raise ValueError(
            f"the weight of row {place[-1]} is {float(weights.detach()[place]):g}: expected a non-negative number"
        )
    return weights
