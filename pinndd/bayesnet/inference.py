"""Exact inference for batches of queries ``P(target | evidence)``, all in one contraction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from pinndd.bayesnet.contraction import Contraction, Labels, plan
from pinndd.bayesnet.network import BayesianNetwork, Structure

_QUERY, _MODEL = " query", " model"
"""Labels of the axes that are no variable; they begin with a blank, so that a variable's label cannot be one of them."""

Evidence = str | Sequence[float]


class ImpossibleEvidenceError(ValueError):
    """Evidence, or a row of data, that has probability zero in a network."""


@dataclass(frozen=True)
class Query:
    """``P(target | evidence)``.

    Attributes:
        target: a variable.
        evidence: for each variable that something is known of, its state, or a likelihood: one non-negative number per
            state, not all zero (soft evidence in the sense of Pearl 1988, up to a factor).
    """

    target: str
    evidence: Mapping[str, Evidence] = field(default_factory=dict)

    def __str__(self) -> str:
        given = ", ".join(f"{k}={v if isinstance(v, str) else list(v)}" for k, v in self.evidence.items())
        return f"P({self.target} | {given})" if given else f"P({self.target})"


@dataclass(frozen=True)
class QueryBatch:
    """Queries prepared for many networks of one structure; targets and evidence may differ from query to query.

    Every query becomes one row for each state k of its target, in which the target is set to k. One contraction of the tables
    with one likelihood vector per variable gives ``P(target = k, evidence)`` of all rows; variables that no query touches,
    directly or through a descendant, are left out (they sum to one).

    Attributes:
        structure: of the networks.
        queries: at least one.

    Raises:
        ValueError: there is no query, or one names an unknown variable or state, has its target among its evidence, or a
            likelihood that does not fit.
    """

    structure: Structure
    queries: tuple[Query, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "queries", tuple(self.queries))
        if not self.queries:
            raise ValueError("QueryBatch: there is no query")
        for k, query in enumerate(self.queries):
            if query.target not in self.structure.names:
                names = ", ".join(self.structure.names)
                raise ValueError(f"query {k}, {query}: unknown variable {query.target!r}; expected one of {names}")
        _ = self.likelihoods

    @property
    def states(self) -> int:
        """Largest number of states of a target: the last axis of the answer."""
        return max(len(self.structure[query.target]) for query in self.queries)

    @cached_property
    def likelihoods(self) -> dict[str, Tensor]:
        """One likelihood per row for each variable that some query touches, ``(Q * states, K)``."""
        found: dict[str, Tensor] = {}
        states = self.states

        def of(name: str) -> Tensor:
            if name not in found:
                found[name] = torch.ones((len(self.queries), states, len(self.structure[name])), dtype=torch.float64)
            return found[name]

        for k, query in enumerate(self.queries):
            try:
                if query.target in query.evidence:
                    raise ValueError("the target is among the evidence")
                own = len(self.structure[query.target])
                of(query.target)[k] = torch.eye(states, own, dtype=torch.float64)
                for name, evidence in query.evidence.items():
                    of(name)[k] = _likelihood(self.structure, name, evidence)
            except ValueError as error:
                raise ValueError(f"query {k}, {query}: {error}") from error
        return {name: value.flatten(0, 1) for name, value in found.items()}

    @cached_property
    def _tables(self) -> tuple[str, ...]:
        return tuple(sorted(self.structure.ancestors(self.likelihoods)))

    def order(self, models: int | None = None) -> Contraction:
        """Return the order of contraction, for one network or for a batch of them."""
        model: Labels = () if models is None else (_MODEL,)
        inputs = [model + self.structure.family(name) for name in self._tables]
        inputs += [(_QUERY, name) for name in self.likelihoods]
        sizes = [(name, len(self.structure[name])) for name in self._tables]
        sizes += [(_QUERY, len(self.queries) * self.states)] + ([] if models is None else [(_MODEL, models)])
        return plan(tuple(inputs), (*model, _QUERY), tuple(sizes))

    def joint(self, tables: Mapping[str, Tensor]) -> Tensor:
        """Return ``P(target = k, evidence)`` of every query, ``(..., Q, states)``, zero beyond the states of its own target.

        Args:
            tables: the conditional tables of one network, or ``(..., *shape)`` of a batch of networks.
        """
        lead = self._lead(tables)
        model = (-1,) if lead else ()
        used = [tables[name].reshape(*model, *self.structure.shape(name)) for name in self._tables]
        contraction = self.order(used[0].shape[0] if lead else None)
        likelihoods = [value.to(used[0]) for value in self.likelihoods.values()]
        return contraction([*used, *likelihoods]).reshape(*lead, len(self.queries), self.states)

    def _lead(self, tables: Mapping[str, Tensor]) -> torch.Size:
        leads = {tables[name].shape[: tables[name].ndim - len(self.structure.family(name))] for name in self._tables}
        if len(leads) > 1:
            raise ValueError(f"the tables have different leading shapes: {sorted(tuple(lead) for lead in leads)}")
        return leads.pop()

    def __call__(self, tables: Mapping[str, Tensor]) -> Tensor:
        """Return ``P(target = k | evidence)``, ``(..., Q, states)``, differentiable in the tables.

        Args:
            tables: the conditional tables of one network, or ``(..., *shape)`` of a batch of networks.

        Raises:
            ImpossibleEvidenceError: the evidence of a query has probability zero, or one that is not a number.
        """
        joint = self.joint(tables)
        total = joint.sum(-1, keepdim=True)
        impossible = ~(total.detach() > 0).reshape(-1, len(self.queries)).all(0)
        if bool(impossible.any()):
            k = int(impossible.nonzero()[0])
            raise ImpossibleEvidenceError(f"query {k}, {self.queries[k]}: its evidence has probability zero in the network")
        return joint / total


def posterior(network: BayesianNetwork, queries: Sequence[Query]) -> Tensor:
    """Return ``P(target = k | evidence)`` of every query, ``(Q, states)``, zero beyond the states of its own target.

    A `QueryBatch` does the same for many networks without preparing the queries again.

    Raises:
        ValueError: see `QueryBatch`.
        ImpossibleEvidenceError: the evidence of a query has probability zero.
    """
    return QueryBatch(network.structure, tuple(queries))(network.tables)


def _likelihood(structure: Structure, name: str, evidence: Evidence) -> Tensor:
    variable = structure[name]
    if isinstance(evidence, str):
        return torch.eye(len(variable), dtype=torch.float64)[variable.code(evidence)]
    value = torch.as_tensor(evidence, dtype=torch.float64)
    if (
        value.shape != (len(variable),)
        or not bool(torch.isfinite(value).all())
        or bool((value < 0).any())
        or not value.any()
    ):
        raise ValueError(
            f"likelihood {value.tolist()} of {name!r} must be {len(variable)} non-negative numbers, not all zero"
        )
    return value
