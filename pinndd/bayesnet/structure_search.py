"""A learner that does not know the graph: it searches one in the rows, then counts. A black box for the outer loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from pinndd.bayesnet.counting import WEIGHTS, rows_of_table
from pinndd.bayesnet.estimation import BDeu, Prior, estimate
from pinndd.bayesnet.network import BayesianNetwork, Structure, Variable
from pinndd.bayesnet.structure import hill_climb
from pinndd.data import SyntheticData
from pinndd.problem import Episodes


@dataclass(frozen=True)
class StructureSearchLearner:
    """Search a graph by hill climbing on the Bayesian information criterion, then estimate its tables, from the same rows.

    The graph jumps when a row changes, so that nothing can be differentiated; see `pinndd.learners.black_box.BlackBox` for the
    estimators that fit. Each fit returns a network with a graph of its own, which
    `pinndd.tasks.ConditionalMarginals` asks its queries. Cells that are not one-hot count as their most
    likely state: the criterion is about rows. Weights count as they are.

    Args:
        variables: of the columns.
        prior: of the tables; positive, since the graph may make any combination of states a condition.
        most_parents: of one variable; None: no limit.
        patience: changes without a new best graph before the search ends, see `pinndd.bayesnet.hill_climb`.

    Raises:
        ValueError: a setting is negative; at fitting: the fields do not fit the variables.
    """

    variables: tuple[Variable, ...]
    prior: Prior = field(default_factory=BDeu)
    most_parents: int | None = None
    patience: int = 0
    ignores_questions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", tuple(self.variables))
        if self.patience < 0 or (self.most_parents is not None and self.most_parents < 0):
            raise ValueError(
                f"StructureSearchLearner: patience={self.patience} and most_parents={self.most_parents} must not be negative"
            )

    @property
    def differentiation(self) -> str:
        """Nothing differentiates the training."""
        return "none"

    def fit(self, data: SyntheticData, episodes: Episodes) -> BayesianNetwork:
        """Return the network that the rows give; the episodes do not matter.

        Args:
            data: one field per variable, ``(N, K)``, and perhaps `WEIGHTS`, ``(N,)``, as for `CountingLearner`.
            episodes: of any task.
        """
        empty = Structure(self.variables, {})
        odd = sorted(set(data.fields) - {WEIGHTS} ^ set(empty.names))
        if odd:
            raise ValueError(
                f"StructureSearchLearner: {odd[0]!r} is only one of field and variable: make data with table_of_rows"
            )
        for variable in self.variables:
            cells = data[variable.name]
            if cells.ndim != 2 or cells.shape[-1] != len(variable):
                raise ValueError(
                    f"StructureSearchLearner: field {variable.name!r} has shape {tuple(cells.shape)}, "
                    f"expected (N, {len(variable)})"
                )
        with torch.no_grad():
            rows, weights = rows_of_table(empty, data), data.fields.get(WEIGHTS)
            found = hill_climb(self.variables, rows, weights=weights, most_parents=self.most_parents, patience=self.patience)
            return estimate(found.structure, rows, prior=self.prior, weights=weights)
