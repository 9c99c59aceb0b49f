"""Rows with missing cells: likelihood and expected counts, all rows that share a missing pattern in one contraction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.bayesnet.contraction import Contraction, Labels, plan
from pinndd.bayesnet.estimation import flat_index
from pinndd.bayesnet.inference import ImpossibleEvidenceError
from pinndd.bayesnet.network import BayesianNetwork, Structure
from pinndd.bayesnet.rows import MISSING, check_rows

_ROW = " row"

_FEW = 16
"""A missing pattern with fewer rows shares its contraction with the other rare ones."""


@dataclass(frozen=True)
class _Family:
    """How the table of a family is cut down to what the rows of one pattern say.

    Attributes:
        name: of the child.
        axes: of the table, recorded ones first.
        index: position of each row in the flattened recorded axes, ``(N,)``; None where nothing is recorded.
        shape: of the missing axes.
    """

    name: str
    axes: tuple[int, ...]
    index: Tensor | None
    shape: tuple[int, ...]

    def cut(self, table: Tensor) -> Tensor:
        """Return the entries of the table that agree with each row, ``(N, *missing)``, or ``(*missing)``."""
        if self.index is None:
            return table
        flat = table.permute(self.axes).reshape(-1, torch.Size(self.shape).numel())
        return flat.index_select(0, self.index).reshape(-1, *self.shape)


@dataclass(frozen=True)
class Pattern:
    """Rows in which the same cells are missing, or rows of several rare patterns.

    Attributes:
        structure: of the network.
        rows: their positions in the whole table, ``(N,)``.
        complete: for each row and each family that all the rows record, its entry in the tables laid end to end, ``(N, F)``.
        families: the others, each cut down to what all the rows record.
        likelihoods: of the variables that only some of the rows record, ``(N, K)``: one-hot, or ones where the cell is missing.
        contraction: of these, over the variables that are missing somewhere; None where none is.
    """

    structure: Structure
    rows: Tensor
    complete: Tensor
    families: tuple[_Family, ...]
    likelihoods: tuple[Tensor, ...]
    contraction: Contraction | None

    def log_likelihood(self, tables: Mapping[str, Tensor]) -> Tensor:
        """Return ``log P(recorded cells)`` of every row, ``(N,)``, differentiable in the tables."""
        entries = torch.cat([tables[name].reshape(-1) for name in self.structure.names])
        value = entries.index_select(0, self.complete.reshape(-1)).log().reshape(self.complete.shape).sum(-1)
        if self.contraction is None:
            return value
        cut = [family.cut(tables[family.name]) for family in self.families]
        return value + self.contraction([*cut, *(likelihood.to(cut[0]) for likelihood in self.likelihoods)]).log()


def patterns(structure: Structure, rows: Tensor) -> tuple[Pattern, ...]:
    """Group rows by which of their cells are missing, and plan a contraction for each group.

    Patterns of a few rows each are put together: there, a variable that some of the rows record stays in the contraction.

    Args:
        structure: of the variables.
        rows: codes, ``(N, V)``, `MISSING` where nothing was recorded.

    Raises:
        ValueError: the rows do not fit, there is none, or one has no recorded cell at all.
    """
    missing = check_rows(structure, rows) == MISSING
    if not len(rows):
        raise ValueError("there are no rows")
    if bool(missing.all(-1).any()):
        raise ValueError(f"row {int(missing.all(-1).nonzero()[0])} has no recorded cell: leave it out")
    _, group, count = torch.unique(missing, dim=0, return_inverse=True, return_counts=True)
    rare = count < _FEW
    members = [group == k for k in range(len(count)) if not rare[k]]
    if bool(rare.any()):
        members.append(rare[group])
    return tuple(_pattern(structure, rows, member.nonzero()[:, 0]) for member in members)


def _pattern(structure: Structure, rows: Tensor, positions: Tensor) -> Pattern:
    codes = rows[positions]
    missing = codes == MISSING
    unknown = {name for name, absent in zip(structure.names, missing.any(0).tolist(), strict=True) if absent}
    families: list[_Family] = []
    inputs: list[Labels] = []
    complete: list[Tensor] = []
    offset = 0
    for name in structure.names:
        family, shape = structure.family(name), structure.shape(name)
        known = [axis for axis, member in enumerate(family) if member not in unknown]
        free = [axis for axis, member in enumerate(family) if member in unknown]
        cells = codes[:, [structure.index(family[axis]) for axis in known]]
        index = flat_index(cells, tuple(shape[axis] for axis in known)) if known else None
        if index is not None and not free:
            complete.append(index + offset)
        else:
            families.append(_Family(name, (*known, *free), index, tuple(shape[axis] for axis in free)))
            inputs.append((*((_ROW,) if known else ()), *(family[axis] for axis in free)))
        offset += torch.Size(shape).numel()
    partly = [name for name in structure.names if name in unknown and not bool(missing[:, structure.index(name)].all())]
    likelihoods = tuple(_likelihood(codes[:, structure.index(name)], len(structure[name])) for name in partly)
    inputs += [(_ROW, name) for name in partly]
    sizes = [(name, len(structure[name])) for name in structure.names if name in unknown]
    output = (_ROW,) if any(_ROW in labels for labels in inputs) else ()
    contraction = plan(tuple(inputs), output, (*sizes, (_ROW, len(positions)))) if inputs else None
    places = torch.stack(complete, -1) if complete else positions.new_zeros((len(positions), 0))
    return Pattern(structure, positions, places, tuple(families), likelihoods, contraction)


def _likelihood(codes: Tensor, states: int) -> Tensor:
    """Return one-hot rows for codes, ones where a cell is missing."""
    return (torch.arange(states, device=codes.device) == codes[:, None]) | (codes == MISSING)[:, None]


def row_log_likelihood(tables: Mapping[str, Tensor], groups: tuple[Pattern, ...]) -> Tensor:
    """Return ``log P(recorded cells)`` of every row, ``(N,)``, differentiable in the tables.

    Args:
        tables: of one network.
        groups: the rows, from `patterns`.

    Raises:
        ImpossibleEvidenceError: a row has probability zero.
    """
    values = torch.cat([group.log_likelihood(tables) for group in groups])
    order = torch.cat([group.rows for group in groups])
    impossible = order[~torch.isfinite(values.detach())]
    if len(impossible):
        raise ImpossibleEvidenceError(
            f"row {int(impossible.min())} has probability zero in the network: start from positive tables, or add a prior"
        )
    return values[order.argsort()]


def log_likelihood(network: BayesianNetwork, rows: Tensor) -> Tensor:
    """Return ``log P(recorded cells)`` of every row, ``(N,)``, with the missing cells summed out.

    Args:
        network: whose tables the result is differentiable in.
        rows: codes, ``(N, V)``, `MISSING` where nothing was recorded.

    Raises:
        ValueError: the rows do not fit, or one has no recorded cell.
        ImpossibleEvidenceError: a row has probability zero.
    """
    return row_log_likelihood(network.tables, patterns(network.structure, rows))


def expected_counts(
    tables: Mapping[str, Tensor], groups: tuple[Pattern, ...], weights: Tensor | None = None
) -> tuple[float, dict[str, Tensor]]:
    """Return the log-likelihood and the expected counts of every family, given what each row records.

    The counts are ``θ ∂ log L / ∂θ``, entry by entry (Russell et al. 1995; Darwiche 2003): one contraction and its gradient.

    Args:
        tables: θ, of one network.
        groups: the rows, from `patterns`.
        weights: of the rows, ``(N,)``; None: one each.

    Returns:
        ``Σ_n w_n log P(row n)``, and for each variable the counts in the shape of its table.

    Raises:
        ImpossibleEvidenceError: a row has probability zero.
    """
    with torch.enable_grad():
        leaves = {name: table.detach().requires_grad_() for name, table in tables.items()}
        values = row_log_likelihood(leaves, groups)
        total = values.sum() if weights is None else (weights * values).sum()
        gradients = torch.autograd.grad(total, list(leaves.values()))
    return float(total.detach()), {
        name: leaf.detach() * gradient for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True)
    }
