"""Which conditional marginals the hospitals' data settle by themselves, and which rest on the graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import torch

from pinndd.bayesnet.hospitals import Hospitals
from pinndd.bayesnet.inference import Query, QueryBatch
from pinndd.bayesnet.network import Structure
from pinndd.bayesnet.rows import MISSING

Status = Literal["together", "d-separation", "conditional independence", "not identified"]

_SOFT, _TABLE = " likelihood of ", " table of "
"""Names of nodes that are no variable; a likelihood is an observed child, a table an unknown parent."""


@dataclass(frozen=True)
class IdentifiedQuery:
    """What an answer to one query rests on, if the hospitals' patients are of one distribution and cells are missing at random.

    Attributes:
        query: it.
        status: ``together``: some rows record target and evidence. ``d-separation``: some rows record the target and that
            part of the evidence which the others add nothing to, by the graph. ``conditional independence``: no row does, but
            every table of the graph that the answer depends on has rows that record its whole family; the answer is right only
            if the graph's independences hold, which these data cannot check. ``not identified``: not even that; it may depend
            on the prior.
        evidence: the part of the evidence that matters.
        rows: that record the target and this evidence.
        hospitals: that have such rows.
        apart: pairs among target and this evidence that no row records together.
        tables: variables whose table the answer depends on although no row records their whole family.
    """

    query: Query
    status: Status
    evidence: tuple[str, ...]
    rows: int
    hospitals: tuple[str, ...]
    apart: tuple[tuple[str, str], ...]
    tables: tuple[str, ...]

    def __str__(self) -> str:
        if self.rows:
            given = f" given {', '.join(self.evidence)}" if self.status == "d-separation" and self.evidence else ""
            return f"{self.query}: {self.status}{given}, {self.rows} rows of {', '.join(self.hospitals)}"
        apart = "; ".join(f"{one} and {other}" for one, other in self.apart) or "all at once"
        lacking = f"; no row has the family of {', '.join(self.tables)}" if self.tables else ""
        return f"{self.query}: {self.status}, never together: {apart}{lacking}"


@dataclass(frozen=True)
class Identification:
    """A report on queries; printed, it is one line for the counts and one per query.

    Attributes:
        queries: one entry each, in their order.
    """

    queries: tuple[IdentifiedQuery, ...]

    @property
    def counts(self) -> dict[Status, int]:
        """Number of queries of each status."""
        return dict(Counter(entry.status for entry in self.queries))

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in sorted(self.counts.items()))
        return "\n".join([f"{len(self.queries)} queries: {counts}", *map(str, self.queries)])


def identify(structure: Structure, hospitals: Hospitals, queries: Sequence[Query], *, least: int = 1) -> Identification:
    """Say for each query what an answer from the hospitals' rows rests on.

    The part of the evidence that matters is the least set that d-separates the target from the rest of it. It is unique,
    and every other sufficient part contains it, so that no other has more rows (Pearl 1988, section 3.1: d-separation has the
    intersection property). A table matters if a parent added to its variable would be connected to the target (Shachter
    1998). A likelihood as evidence is an observed child of its variable.

    Args:
        structure: graph over the hospitals' variables.
        hospitals: the data.
        queries: at least one.
        least: rows that must record variables together for them to count as co-observed.

    Raises:
        ValueError: the graph has other variables than the data, ``least`` is not positive, or see `QueryBatch`.
    """
    if structure.variables != hospitals.variables:
        raise ValueError("identify: the structure has other variables, or in another order, than the hospitals' table")
    if least < 1:
        raise ValueError(f"identify: least={least} must be at least 1")
    batch = QueryBatch(structure, tuple(queries))
    return Identification(tuple(_identify(structure, hospitals, query, least) for query in batch.queries))


def _identify(structure: Structure, hospitals: Hospitals, query: Query, least: int) -> IdentifiedQuery:
    parents: dict[str, tuple[str, ...]] = dict(structure.parents)
    known = {name: name if isinstance(value, str) else _SOFT + name for name, value in query.evidence.items()}
    parents |= {node: (name,) for name, node in known.items() if node != name}
    evidence = tuple(
        name for name, node in known.items() if node in d_connected(parents, query.target, set(known.values()) - {node})
    )
    whole, needed = (query.target, *query.evidence), (query.target, *evidence)
    rows, names = _together(hospitals, structure, needed)
    status: Status = "together" if _together(hospitals, structure, whole)[0] >= least else "d-separation"
    if rows >= least:
        return IdentifiedQuery(query, status, evidence, rows, names, (), ())
    pairs = combinations(needed, 2)
    apart = tuple(pair for pair in pairs if _together(hospitals, structure, pair)[0] < least)
    extended = {name: (*above, _TABLE + name) for name, above in parents.items() if name in structure.names}
    extended |= {name: above for name, above in parents.items() if name not in structure.names}
    extended |= {_TABLE + name: () for name in structure.names}
    reached = d_connected(extended, query.target, {known[name] for name in evidence})
    tables = tuple(
        name
        for name in structure.names
        if _TABLE + name in reached and _together(hospitals, structure, structure.family(name))[0] < least
    )
    status = "not identified" if tables else "conditional independence"
    return IdentifiedQuery(query, status, evidence, 0, (), apart, tables)


def _together(hospitals: Hospitals, structure: Structure, names: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """Count the rows that record all the variables, and name the hospitals that have such rows."""
    chosen = (hospitals.rows[:, [structure.index(name) for name in names]] != MISSING).all(-1)
    places = torch.unique(hospitals.membership[chosen]).tolist()
    return int(chosen.sum()), tuple(hospitals.names[k] for k in places)


def d_connected(parents: Mapping[str, Sequence[str]], source: str, given: Collection[str]) -> frozenset[str]:
    """Return the nodes that are not d-separated from ``source`` by ``given``: Bayes-ball (Shachter 1998).

    Args:
        parents: of every node of an acyclic graph.
        source: where the trails begin; not in ``given``.
        given: nodes that are known.

    Returns:
        The nodes reached, ``source`` among them and none of ``given``.
    """
    children: dict[str, list[str]] = {name: [] for name in parents}
    for name, above in parents.items():
        for parent in above:
            children[parent].append(name)
    trails, seen, reached = [(source, True)], set[tuple[str, bool]](), set[str]()
    while trails:
        name, upwards = trails.pop()
        if (name, upwards) in seen:
            continue
        seen.add((name, upwards))
        if name not in given:
            reached.add(name)
            trails += [(child, False) for child in children[name]]
        # a free variable passes the ball up from its child, a known one bounces it back to its other parents
        if upwards != (name in given):
            trails += [(parent, True) for parent in parents[name]]
    return frozenset(reached)
