"""Hospitals simulated from a network that is known, so that every answer can be compared with the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.bayesnet import BayesianNetwork, Query, sample
from pinndd.bayesnet.hospitals import Hospitals, draw_subsets, split

_TRIES = 100
"""Patients that are drawn for each query before the network is said to have too few different ones."""


@dataclass(frozen=True)
class Trial:
    """One draw of hospitals and of what is asked.

    Attributes:
        truth: the network that the patients are drawn from.
        hospitals: what was recorded of them.
        complete: the same patients with every cell, ``(N, V)``; only the oracle sees it.
        chosen: queries that tables are distilled for.
        fresh: queries that nothing is distilled for, none of them among the chosen ones.
        missing: share of (hospital, variable) pairs that was asked for.
        seed: of all draws.
    """

    truth: BayesianNetwork
    hospitals: Hospitals
    complete: Tensor
    chosen: tuple[Query, ...]
    fresh: tuple[Query, ...]
    missing: float
    seed: int


def draw_trial(
    truth: BayesianNetwork,
    *,
    missing: float,
    seed: int,
    hospitals: int = 3,
    rows: int = 200,
    chosen: int = 50,
    fresh: int = 200,
) -> Trial:
    """Draw patients, deal them out to hospitals that lack random columns, and draw queries.

    Args:
        truth: the network.
        missing: share of the (hospital, variable) pairs that are not recorded.
        seed: of all draws.
        hospitals: how many.
        rows: of each hospital.
        chosen, fresh: numbers of queries.

    Raises:
        ValueError: see `draw_subsets` and `draw_queries`.
    """
    generator = torch.Generator().manual_seed(seed)
    variables = truth.structure.variables
    complete = sample(truth, hospitals * rows, generator)
    recorded = split(variables, complete, draw_subsets(variables, hospitals, missing, generator))
    wanted = draw_queries(truth, chosen, generator)
    return Trial(truth, recorded, complete, wanted, draw_queries(truth, fresh, generator, avoid=wanted), missing, seed)


def draw_queries(
    network: BayesianNetwork, count: int, generator: torch.Generator, *, avoid: Sequence[Query] = ()
) -> tuple[Query, ...]:
    """Draw different queries: a random target with one to three findings, those of a patient drawn from the network.

    Args:
        network: of at least two variables.
        count: how many.
        generator: of the draws.
        avoid: queries that are not to be drawn again.

    Raises:
        ValueError: there is one variable, or the network has too few different queries.
    """
    structure, width = network.structure, len(network.structure.variables)
    if width < 2:
        raise ValueError("draw_queries: the network has one variable, expected at least two: a target and a finding")
    seen, found = {_key(query) for query in avoid}, list[Query]()
    for patient in sample(network, _TRIES * count, generator).tolist():
        if len(found) == count:
            break
        order = torch.randperm(width, generator=generator).tolist()
        known = order[1 : 2 + int(torch.randint(3, (), generator=generator))]
        evidence = {structure.names[k]: structure.variables[k].states[patient[k]] for k in known}
        query = Query(structure.names[order[0]], evidence)
        if _key(query) not in seen:
            seen.add(_key(query))
            found.append(query)
    if len(found) < count:
        raise ValueError(
            f"draw_queries: {len(found)} different queries found in {_TRIES * count} draws, expected {count}: ask for fewer"
        )
    return tuple(found)


def _key(query: Query) -> tuple[str, frozenset[tuple[str, str]]]:
    return query.target, frozenset((name, str(value)) for name, value in query.evidence.items())
