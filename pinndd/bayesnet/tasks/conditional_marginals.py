"""Conditional marginals: what does the trained Bayesian network say of a variable, given findings?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinndd.bayesnet import BayesianNetwork, Query, QueryBatch, Structure

FEW = 3
"""Times the number of blocks: of fewer queries each is a block."""

Answering = Callable[[QueryBatch], Tensor]
"""From queries to their answers, ``(Q, states)``: a model that is no network."""


@dataclass(frozen=True)
class Asked:
    """Queries that a trained network is asked, each an episode.

    Attributes:
        positions: of them among all queries of the task, ``(E,)``, int64; or ``(E, Q)`` for blocks of them.
        left_over: queries that are asked in none, since blocks are of one size.
    """

    positions: Tensor
    left_over: int = 0

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class ConditionalMarginals:
    """Ask a network for ``P(target | evidence)``; each query is an episode, so that the risk runs over queries.

    Give `pinndd.risks.Grouped` one label per query (its hospital, its disease) for a risk over groups. The truth is what a network
    that is believed says: one fitted by expectation maximisation to all hospitals, or, in a simulation, the true one.

    Args:
        batch: the queries, prepared for networks of one structure.
        truths: their true answers, ``(Q, K)``, zero beyond the states of a query's target.

    Raises:
        ValueError: the truths are not one distribution over the states of the target a query.
    """

    batch: QueryBatch
    truths: Tensor

    def __post_init__(self) -> None:
        expected = (len(self.batch.queries), self.batch.states)
        if tuple(self.truths.shape) != expected:
            raise ValueError(f"ConditionalMarginals: truths have shape {tuple(self.truths.shape)}, expected {expected}")
        for k, query in enumerate(self.batch.queries):
            own = self.truths[k, : len(self.batch.structure[query.target])]
            if not (bool((own >= 0).all()) and abs(float(own.sum()) - 1) < 1e-6 and not self.truths[k, len(own) :].any()):
                raise ValueError(
                    f"ConditionalMarginals: the truth of query {k}, {query}, is {self.truths[k].tolist()}; expected a "
                    f"distribution over {len(own)} states"
                )

    @classmethod
    def of(
        cls, queries: Sequence[Query], truth: BayesianNetwork, structure: Structure | None = None
    ) -> ConditionalMarginals:
        """Take the answers of a network for the truth.

        Args:
            queries: at least one.
            truth: the network that is believed.
            structure: of the networks that are asked, with the same variables; None: that of the truth.

        Raises:
            ValueError: a query names what the variables lack, or the structure has other variables than the truth.
            ImpossibleEvidenceError: the evidence of a query has probability zero in the network that is believed.
        """
        asked = truth.structure if structure is None else structure
        if {*asked.variables} != {*truth.structure.variables}:
            odd = sorted(variable.name for variable in {*asked.variables} ^ {*truth.structure.variables})
            raise ValueError(f"ConditionalMarginals: {odd[0]!r} differs between the structure and the network of the truth")
        truths = QueryBatch(truth.structure, tuple(queries))(truth.tables).detach()
        return cls(QueryBatch(asked, tuple(queries)), truths)

    def episodes(self, count: int, generator: torch.Generator) -> Asked:
        """Draw ``count`` queries without repetition; all of them, in their order, where there are not more."""
        total = len(self.batch.queries)
        if count >= total:
            return self.everything()
        return Asked(torch.randperm(total, generator=generator)[:count])

    def everything(self) -> Asked:
        """Return all queries, in their order."""
        return Asked(torch.arange(len(self.batch.queries)))

    def blocks(self, count: int, seed: int, draw: int = 0) -> Asked:
        """Return all queries in disjoint blocks of one size, at least ``count`` of them; a query each where there are few.

        Args:
            count: of blocks.
            seed: of the order.
            draw: of no meaning here, nothing is drawn in training.
        """
        total = len(self.batch.queries)
        each = total // count if total > FEW * count else 1
        order = torch.randperm(total, generator=torch.Generator().manual_seed(seed))
        return Asked(order[: total // each * each].reshape(-1, each), total % each)

    def answer(self, fitted: Mapping[str, Tensor] | BayesianNetwork | Answering, episodes: Asked, derivatives: int) -> Tensor:
        """Return the posteriors of trained networks, ``(..., E, Q, K)``, differentiably; Q is 1 where episodes are single queries.

        Args:
            fitted: conditional tables for the structure of the task, with leading axes where there is a batch of networks; or
                one network with a structure of its own over the same variables; or a function that answers queries.
            episodes: which queries.
            derivatives: of no meaning here.

        Raises:
            ImpossibleEvidenceError: the evidence of a query has probability zero in a trained network: give the learner a prior.
        """
        if isinstance(fitted, BayesianNetwork):
            answers = replace(self.batch, structure=fitted.structure)(fitted.tables)
        elif isinstance(fitted, Mapping):
            answers = self.batch(fitted)
        else:
            answers = fitted(self.batch)
        return self._taken(answers, episodes)

    def truth(self, episodes: Asked, derivatives: int) -> Tensor:
        """Return the true answers, ``(E, Q, K)``.

        Raises:
            ValueError: derivatives are wanted; probabilities of states have none.
        """
        if derivatives:
            raise ValueError(
                "conditional marginals have no derivatives: use a distance without them, such as TotalVariation"
            )
        return self._taken(self.truths, episodes)

    def _taken(self, answers: Tensor, episodes: Asked) -> Tensor:
        chosen = answers.index_select(-2, episodes.positions.flatten())
        blocks = episodes.positions.shape if episodes.positions.ndim == 2 else (len(episodes), 1)
        return chosen.reshape(*answers.shape[:-2], *blocks, answers.shape[-1])
