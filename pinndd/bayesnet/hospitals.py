"""Hospitals that record different variables: their rows as one table, and complete data split into such hospitals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinndd.bayesnet.network import Structure, Variable
from pinndd.bayesnet.rows import MISSING, check_rows


@dataclass(frozen=True)
class Hospitals:
    """Rows of several hospitals as one table.

    Attributes:
        variables: of the columns.
        names: of the hospitals.
        rows: codes, ``(N, V)``, int64, `MISSING` where nothing was recorded.
        membership: position of the hospital of each row, ``(N,)``, int64.

    Raises:
        ValueError: the rows do not fit, there is no hospital or two have one name, a hospital is empty, or there are several and
            none of its recorded columns is recorded by another one.
    """

    variables: tuple[Variable, ...]
    names: tuple[str, ...]
    rows: Tensor
    membership: Tensor

    def __post_init__(self) -> None:
        check_rows(Structure(self.variables, {}), self.rows)
        if self.membership.shape != (len(self.rows),):
            raise ValueError(f"membership has shape {tuple(self.membership.shape)}, expected ({len(self.rows)},)")
        if not self.names or len(set(self.names)) < len(self.names):
            raise ValueError(f"hospitals {', '.join(self.names) or 'none'}: expected one or more, of different names")
        outside = (self.membership < 0) | (self.membership >= len(self.names))
        if bool(outside.any()):
            row = int(outside.nonzero()[0])
            raise ValueError(f"row {row}: hospital {int(self.membership[row])}, expected 0 to {len(self.names) - 1}")
        for k, name in enumerate(self.names):
            if not bool(self.records[k].any()):
                raise ValueError(f"hospital {name!r} is empty: it has no recorded cell; leave it out")
        for k, name in enumerate(self.names):
            if len(self.names) > 1 and not bool((self.records[k] & (self.records.sum(0) > 1)).any()):
                columns = ", ".join(self.columns(name))
                raise ValueError(
                    f"hospital {name!r} shares no column with another one (its columns: {columns}): rename columns that mean "
                    "the same, or leave the hospital out"
                )

    @cached_property
    def records(self) -> Tensor:
        """Whether a hospital has recorded a variable in at least one row, ``(H, V)``, bool."""
        counts = torch.zeros((len(self.names), len(self.variables)), dtype=torch.int64)
        return counts.index_add(0, self.membership, (self.rows != MISSING).long()) > 0

    @property
    def missing(self) -> float:
        """Share of the cells of the whole table that are missing."""
        return float((self.rows == MISSING).double().mean())

    def columns(self, name: str) -> tuple[str, ...]:
        """Return the variables that a hospital has recorded in at least one row."""
        recorded = self.records[self._position(name)].tolist()
        return tuple(variable.name for variable, present in zip(self.variables, recorded, strict=True) if present)

    def table(self, name: str) -> Tensor:
        """Return the rows of one hospital, ``(N, V)``, missing columns included."""
        return self.rows[self.membership == self._position(name)]

    def _position(self, name: str) -> int:
        if name not in self.names:
            raise ValueError(f"unknown hospital {name!r}; expected one of {', '.join(self.names)}")
        return self.names.index(name)


def split(
    variables: Sequence[Variable],
    rows: Tensor,
    subsets: Mapping[str, Sequence[str]],
    *,
    generator: torch.Generator | None = None,
) -> Hospitals:
    """Deal rows out to hospitals, in parts that differ by one row at most, and lose the columns that a hospital does not record.

    Args:
        variables: of the columns.
        rows: codes, ``(N, V)``.
        subsets: for each hospital the variables that it records; see `draw_subsets`.
        generator: shuffles the rows before they are dealt out; None: consecutive rows stay together.

    Raises:
        ValueError: the rows do not fit, a subset names an unknown variable, no hospital records a variable, there are fewer rows
            than hospitals, or see `Hospitals`.
    """
    structure = Structure(tuple(variables), {})
    check_rows(structure, rows)
    names = tuple(subsets)
    if len(rows) < len(names):
        raise ValueError(f"split: {len(rows)} rows are too few for {len(names)} hospitals")
    recorded = torch.zeros((len(names), len(structure.names)), dtype=torch.bool)
    for k, name in enumerate(names):
        for column in subsets[name]:
            try:
                recorded[k, structure.index(column)] = True
            except ValueError as error:
                raise ValueError(f"hospital {name!r}: {error}") from error
    if not bool(recorded.any(0).all()):
        lost = structure.names[int((~recorded.any(0)).nonzero()[0])]
        raise ValueError(f"variable {lost!r} is recorded by no hospital: add it to a subset, or take its column out")
    order = torch.arange(len(rows)) if generator is None else torch.randperm(len(rows), generator=generator)
    membership = torch.arange(len(rows)) * len(names) // max(len(rows), 1)
    dealt = torch.where(recorded[membership], rows[order], MISSING)
    return Hospitals(structure.variables, names, dealt, membership)


def draw_subsets(
    variables: Sequence[Variable],
    hospitals: int,
    missing: float,
    generator: torch.Generator,
    *,
    everywhere: Sequence[str] = (),
) -> dict[str, tuple[str, ...]]:
    """Draw which hospital records which variable.

    Columns are taken away from hospitals in random order, each unless it is the last place where a variable is recorded, or
    the last one that a hospital shares with another.

    Args:
        variables: to be recorded.
        hospitals: how many, at least two.
        missing: share of the (hospital, variable) pairs that are not recorded, rounded to a whole number of pairs.
        generator: of the draws.
        everywhere: variables that every hospital records, for example the disease.

    Returns:
        For each hospital, ``hospital 1`` and so on, the names of the variables, in their order.

    Raises:
        ValueError: there are fewer than two hospitals, a variable is unknown, or the share cannot be reached.
    """
    structure = Structure(tuple(variables), {})
    if hospitals < 2 or not 0 <= missing < 1:
        raise ValueError(f"draw_subsets: hospitals={hospitals} must be at least 2 and missing={missing} in [0, 1)")
    fixed = {structure.index(name) for name in everywhere}
    pairs = [(h, v) for h in range(hospitals) for v in range(len(structure.names)) if v not in fixed]
    wanted = round(missing * hospitals * len(structure.names))
    recorded = torch.ones((hospitals, len(structure.names)), dtype=torch.bool)
    taken = 0
    for k in torch.randperm(len(pairs), generator=generator).tolist():
        if taken == wanted:
            break
        recorded[pairs[k]] = False
        places = recorded.sum(0)
        if bool(places.all()) and bool((recorded & (places > 1)).any(1).all()):
            taken += 1
        else:
            recorded[pairs[k]] = True
    if taken < wanted:
        raise ValueError(
            f"draw_subsets: missing={missing} cannot be reached with {hospitals} hospitals that record every variable somewhere "
            f"and share columns: this draw ended at {taken / recorded.numel():.2f}"
        )
    return {
        f"hospital {h + 1}": tuple(n for n, present in zip(structure.names, recorded[h].tolist(), strict=True) if present)
        for h in range(hospitals)
    }
