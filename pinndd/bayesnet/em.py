"""Tables from rows with missing cells, by expectation maximisation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.bayesnet.estimation import BDeu, MaximumLikelihood, Prior, available_case
from pinndd.bayesnet.network import BayesianNetwork, Structure
from pinndd.bayesnet.patterns import Pattern, expected_counts, patterns
from pinndd.bayesnet.rows import MISSING, check_rows, check_weights


@dataclass(frozen=True)
class EMFit:
    """What expectation maximisation found.

    Attributes:
        network: the last iterate.
        objective: what is maximised, before each iteration and after the last: the log-likelihood of the recorded cells in
            nats, plus ``Σ a log θ`` over all tables where the prior adds a pseudocount a. It never decreases.
        converged: whether the last iteration gained less than the tolerance.
    """

    network: BayesianNetwork
    objective: tuple[float, ...]
    converged: bool

    @property
    def iterations(self) -> int:
        """Number of times that the tables were changed."""
        return len(self.objective) - 1


@torch.no_grad()
def expectation_maximisation(
    structure: Structure,
    rows: Tensor,
    *,
    prior: Prior | None = None,
    weights: Tensor | None = None,
    start: BayesianNetwork | None = None,
    tolerance: float = 1e-5,
    most: int = 300,
) -> EMFit:
    """Fit the tables to incomplete rows (Dempster, Laird & Rubin 1977; Lauritzen 1995 for Bayesian networks).

    Each iteration spreads every row over the joint states of its missing cells, with their probabilities under the current
    tables, and estimates the tables from those expected counts. Cells have to be missing at random.

    Args:
        structure: of the network.
        rows: codes, ``(N, V)``, `MISSING` where nothing was recorded.
        prior: None: `MaximumLikelihood`. With a pseudocount a, the mode under a Dirichlet prior of parameters a + 1.
        weights: of the rows, ``(N,)``; None: one each.
        start: first iterate, positive wherever the rows need it; None: each table from the rows that record its whole family,
            smoothed by one imagined row.
        tolerance: stop when an iteration gains less, in nats per row.
        most: iterations.

    Raises:
        ValueError: the rows, the weights or the settings do not fit, every weight is zero, a row has no recorded cell, or a variable
            is recorded in no row of positive weight and there is no start (states of such a variable are interchangeable: a
            symmetric start would never leave).
        ImpossibleEvidenceError: a row has probability zero under the start.
    """
    if most < 1 or not tolerance >= 0:
        raise ValueError(f"expectation_maximisation: most={most} must be at least 1 and tolerance={tolerance} not negative")
    prior = prior or MaximumLikelihood()
    groups = patterns(structure, rows)
    check_weights(weights, len(rows), leading=False)
    mass = len(rows) if weights is None else float(weights.sum())
    if not mass > 0:
        raise ValueError("expectation_maximisation: all weights are zero, so no row counts: give at least one a positive weight")
    tables = _available_case(structure, rows, weights) if start is None else _started(structure, start)
    objective: list[float] = []
    for _ in range(most):
        value, counts = _expectation(tables, groups, weights, prior)
        objective.append(value)
        if len(objective) > 1 and objective[-1] - objective[-2] < tolerance * mass:
            return EMFit(BayesianNetwork(structure, tables), tuple(objective), True)
        tables = {name: prior.table(count + prior.pseudocount(count.shape)) for name, count in counts.items()}
    objective.append(_expectation(tables, groups, weights, prior)[0])
    converged = objective[-1] - objective[-2] < tolerance * mass
    return EMFit(BayesianNetwork(structure, tables), tuple(objective), converged)


def _expectation(
    tables: dict[str, Tensor], groups: tuple[Pattern, ...], weights: Tensor | None, prior: Prior
) -> tuple[float, dict[str, Tensor]]:
    """Return the objective and the expected counts."""
    value, counts = expected_counts(tables, groups, weights)
    amounts = {name: prior.pseudocount(table.shape) for name, table in tables.items()}
    return value + sum(amounts[name] * float(tables[name].log().sum()) for name in tables if amounts[name]), counts


def _started(structure: Structure, start: BayesianNetwork) -> dict[str, Tensor]:
    if start.structure != structure:
        raise ValueError("expectation_maximisation: the start has another structure than the network to be fitted")
    return {name: table.detach() for name, table in start.tables.items()}


def _available_case(structure: Structure, rows: Tensor, weights: Tensor | None) -> dict[str, Tensor]:
    """Estimate each table from the rows that record its whole family, if every variable is recorded somewhere."""
    counted = check_rows(structure, rows) if weights is None else check_rows(structure, rows)[weights > 0]
    recorded = (counted != MISSING).any(0)
    for name in structure.names:
        if not bool(recorded[structure.index(name)]):
            which = "no row" if weights is None else "no row of positive weight"
            raise ValueError(f"variable {name!r} is recorded in {which}: give a start whose states of it differ")
    return dict(available_case(structure, rows, prior=BDeu(1.0), weights=weights).tables)
