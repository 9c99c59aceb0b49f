"""The counting learner: a table of soft, weighted or hard rows becomes the tables of a Bayesian network, in closed form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from pinndd.bayesnet.estimation import BDeu, Prior, estimate_tables
from pinndd.bayesnet.network import Structure
from pinndd.bayesnet.rows import check_complete, check_weights, soften
from pinndd.constraints import Constraint, Fixed, Positive, Simplex
from pinndd.data import SyntheticData
from pinndd.problem import Episodes

WEIGHTS = "row weights"
"""Field of the weights of the rows, ``(N,)``. Every other field is a variable."""


@dataclass(frozen=True)
class CountingLearner:
    """Count every family in the rows, add the prior, normalise: one network for all episodes.

    The tables are rational functions of the cells and of the weights, so that `pinndd.hypergradients.Exact` differentiates them.

    Args:
        structure: of the network.
        prior: positive where queries may meet a combination of states that no row holds; the default is one imagined row.
    """

    structure: Structure
    prior: Prior = field(default_factory=BDeu)
    ignores_questions: ClassVar[bool] = True

    @property
    def differentiation(self) -> str:
        """Training has a closed form."""
        return "closed form"

    def fit(self, data: SyntheticData, episodes: Episodes) -> dict[str, Tensor]:
        """Return the conditional tables of the network; the episodes do not matter.

        Args:
            data: one field per variable, ``(N, K)``: a distribution over its states per row (one-hot for hard rows), or ones where
                the cell is missing, so that the row counts in no family with it (available case); and perhaps `WEIGHTS`, ``(N,)``.
            episodes: of any task.

        Raises:
            ValueError: the fields do not fit the structure.
        """
        cells = {name: _recorded(value) for name, value in data.fields.items() if name != WEIGHTS}
        return estimate_tables(self.structure, cells, prior=self.prior, weights=data.fields.get(WEIGHTS))


def _recorded(cells: Tensor) -> Tensor:
    """Return cells ``(N, K)`` with zeros where one is missing."""
    return cells.masked_fill(cells.detach().sum(-1, keepdim=True) > 1.5, 0)


def table_of_rows(
    structure: Structure, rows: Tensor, *, learn_cells: bool = True, weights: Tensor | None = None, certainty: float = 1.0
) -> SyntheticData:
    """Return complete rows as a synthetic data set for `CountingLearner`.

    Args:
        structure: of the variables.
        rows: codes, ``(N, V)``, int64.
        learn_cells: whether the cells may change (a distribution each), or stay as they are.
        weights: positive, learnable, ``(N,)``; None: one each, not stored.
        certainty: probability of the given state of a cell, at most 1; the rest is spread evenly over all its states. A cell that
            the outer loop changes should start below 1: at a corner of the simplex the logits have no slope.

    Raises:
        ValueError: the rows or the weights do not fit, a cell is missing, or the certainty is not in (0, 1].
    """
    if not 0 < certainty <= 1:
        raise ValueError(f"table_of_rows: certainty={certainty} must lie in (0, 1]")
    if WEIGHTS in structure.names:
        raise ValueError(f"table_of_rows: a variable has the name {WEIGHTS!r}, which is that of the weights: rename it")
    fields = {name: certainty * cells + (1 - certainty) / cells.shape[-1] for name, cells in soften(structure, rows).items()}
    constraints: dict[str, Constraint] = {name: Simplex() if learn_cells else Fixed() for name in fields}
    if check_weights(weights, len(rows), leading=False) is not None:
        assert weights is not None
        fields[WEIGHTS], constraints[WEIGHTS] = weights, Positive()
    return SyntheticData(fields, constraints)


def rows_of_table(structure: Structure, data: SyntheticData, generator: torch.Generator | None = None) -> Tensor:
    """Return hard rows, ``(N, V)`` codes: the most likely state of every cell, or one drawn from its distribution.

    Args:
        structure: of the variables.
        data: one field per variable, ``(N, K)``.
        generator: of the draws; None: the most likely state.
    """
    columns = []
    for name in structure.names:
        cells = data[name].detach()
        drawn = cells.argmax(-1) if generator is None else torch.multinomial(cells, 1, generator=generator)[:, 0]
        columns.append(drawn)
    return check_complete(structure, torch.stack(columns, -1))
