"""A learner for small tables of rows with missing cells: expectation maximisation on many such tables in one batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from pinndd.bayesnet.contraction import Labels, plan
from pinndd.bayesnet.estimation import BDeu, Prior, family_counts
from pinndd.bayesnet.network import BayesianNetwork, Structure
from pinndd.bayesnet.rows import MISSING, check_rows
from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.problem import Episodes

_MODEL, _ROW = " model", " row"
"""Labels of the axes that are no variable."""


@dataclass(frozen=True)
class IncompleteLearner:
    """Train by expectation maximisation on rows with missing cells, many tables of rows at once.

    It is `pinndd.bayesnet.expectation_maximisation` with its own start, for small tables: all rows that lack a cell share one
    contraction, whatever their patterns are, and so do the tables of a batch.

    Args:
        structure: of the network.
        prior: with positive pseudocounts, so that no candidate row is impossible.
        tolerance: stop when an iteration gains less, in nats per row.
        most: iterations.

    Raises:
        ValueError: the prior adds nothing, or a setting is out of range.
    """

    structure: Structure
    prior: Prior = field(default_factory=BDeu)
    tolerance: float = 1e-5
    most: int = 300
    ignores_questions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.prior.pseudocount((2,)) > 0:
            raise ValueError(f"IncompleteLearner: prior={self.prior} adds nothing, expected positive counts, such as BDeu()")
        if self.most < 1 or self.tolerance < 0:
            raise ValueError(
                f"IncompleteLearner: most={self.most} must be at least 1, tolerance={self.tolerance} not negative"
            )

    @property
    def differentiation(self) -> str:
        """Training is an iteration that is not differentiated."""
        return "none"

    def fit(self, data: SyntheticData, episodes: Episodes) -> dict[str, Tensor]:
        """Return the conditional tables of the network; the episodes do not matter.

        Args:
            data: from `incomplete_table`.
            episodes: of any task.

        Raises:
            ValueError: the fields do not fit the structure.
        """
        odd = sorted(set(data.fields) ^ set(self.structure.names))
        if odd:
            raise ValueError(
                f"IncompleteLearner: {odd[0]!r} is only among the fields or only among the variables: use incomplete_table"
            )
        tables = self.train({name: data[name].detach()[None] for name in self.structure.names})
        return {name: table[0] for name, table in tables.items()}

    def network(self, rows: Tensor) -> BayesianNetwork:
        """Return the network of rows, ``(N, V)`` codes, `MISSING` where a cell is left out.

        Raises:
            ValueError: see `incomplete_table`.
        """
        return BayesianNetwork(self.structure, self.fit(incomplete_table(self.structure, rows), None))

    @torch.no_grad()
    def train(self, cells: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the tables of a batch, ``(B, *shape)``.

        Args:
            cells: for each variable ``(B, N, K)``: one-hot, or ones where it is missing.
        """
        known = {name: (value.sum(-1, keepdim=True) == 1) * value for name, value in cells.items()}
        lacking = torch.stack([value.sum(-1) == 0 for value in known.values()]).any(0)
        # rows that lack a cell come first; a table that has fewer of them than another fills up with complete rows
        order, width = lacking.long().argsort(dim=1, descending=True, stable=True), int(lacking.sum(1).max())
        count = lacking.shape[1]
        hidden = {name: _taken(value, order[:, :width]) for name, value in cells.items()}
        whole = family_counts(self.structure, {name: _taken(value, order[:, width:]) for name, value in known.items()})
        smooth = BDeu(1.0)
        tables = {
            name: smooth.table(counts + smooth.pseudocount(self.structure.shape(name)))
            for name, counts in family_counts(self.structure, known).items()
        }
        before = torch.full((len(order),), -math.inf, dtype=torch.float64)
        for _ in range(self.most):
            value, counts = self.expected(tables, hidden)
            counts = {name: counts[name] + whole[name] for name in counts}
            value = value + self._of_prior(tables) + _log_probability(tables, whole)
            moving = ~(value - before < self.tolerance * count)
            if not bool(moving.any()):
                break
            updated = self.maximised(counts)
            tables = {name: torch.where(_like(moving, new), new, tables[name]) for name, new in updated.items()}
            before = torch.where(moving, value, math.inf)
        return tables

    def expected(self, tables: Mapping[str, Tensor], cells: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the log-likelihood ``(B,)`` and the expected counts ``(B, *shape)`` of rows under a network each.

        Args:
            tables: θ, ``(B, *shape)``.
            cells: for each variable ``(B, M, K)``: one-hot, or ones where it is missing.
        """
        names = self.structure.names
        batch, rows, _ = cells[names[0]].shape
        if not rows:
            return torch.zeros(batch, dtype=torch.float64), {name: torch.zeros_like(table) for name, table in tables.items()}
        inputs: list[Labels] = [(_MODEL, *self.structure.family(name)) for name in names]
        inputs += [(_MODEL, _ROW, name) for name in names]
        sizes = [(name, len(self.structure[name])) for name in names]
        contraction = plan(tuple(inputs), (_MODEL, _ROW), (*sizes, (_MODEL, batch), (_ROW, rows)))
        with torch.enable_grad():
            leaves = [tables[name].detach().requires_grad_() for name in names]
            value = contraction([*leaves, *(cells[name] for name in names)]).log().sum(1)
            slopes = torch.autograd.grad(value.sum(), leaves)
        return value.detach(), {n: leaf.detach() * slope for n, leaf, slope in zip(names, leaves, slopes, strict=True)}

    def maximised(self, counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the tables of expected counts, ``(B, *shape)``."""
        return {n: self.prior.table(c + self.prior.pseudocount(self.structure.shape(n))) for n, c in counts.items()}

    def _of_prior(self, tables: Mapping[str, Tensor]) -> Tensor:
        amounts = {name: torch.full_like(t, self.prior.pseudocount(tuple(t.shape[1:]))) for name, t in tables.items()}
        return _log_probability(tables, amounts)


def incomplete_table(structure: Structure, rows: Tensor) -> SyntheticData:
    """Return rows as a synthetic data set for `IncompleteLearner`: a likelihood per cell, ones where it is missing.

    Args:
        structure: of the variables.
        rows: codes, ``(N, V)``, `MISSING` where a cell is left out.

    Raises:
        ValueError: the rows do not fit, there is none, or a row or a column has no recorded cell.
    """
    recorded = check_rows(structure, rows) != MISSING
    if not len(rows):
        raise ValueError("incomplete_table: there are no rows, expected at least one")
    if not bool(recorded.any(1).all()):
        raise ValueError(f"row {int((~recorded.any(1)).nonzero()[0])} has no recorded cell: leave it out")
    if not bool(recorded.any(0).all()):
        raise ValueError(f"variable {structure.names[int((~recorded.any(0)).nonzero()[0])]!r} is recorded in no row")
    cells = likelihoods(structure, rows[None])
    return SyntheticData({n: c[0] for n, c in cells.items()}, {name: Fixed() for name in structure.names})


def likelihoods(structure: Structure, rows: Tensor) -> dict[str, Tensor]:
    """Return a likelihood per cell, ``(..., K)``, of codes ``(..., V)``: one-hot, or ones where it is missing."""
    return {
        variable.name: ((torch.arange(len(variable)) == rows[..., k, None]) | (rows[..., k, None] == MISSING)).double()
        for k, variable in enumerate(structure.variables)
    }


def _taken(cells: Tensor, rows: Tensor) -> Tensor:
    """Return the chosen rows ``(B, M)`` of cells ``(B, N, K)``."""
    return cells.gather(1, rows[..., None].expand(-1, -1, cells.shape[-1]))


def _like(mask: Tensor, table: Tensor) -> Tensor:
    return mask.reshape(-1, *[1] * (table.ndim - 1))


def _log_probability(tables: Mapping[str, Tensor], counts: Mapping[str, Tensor]) -> Tensor:
    """Return ``Σ n log θ`` over all tables, ``(B,)``."""
    terms = [torch.xlogy(counts[name], table).flatten(1).sum(1) for name, table in tables.items()]
    return torch.stack(terms).sum(0)
