"""Learn the graph of a network from complete rows: greedy hill climbing on the Bayesian information criterion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf, log

import torch
from torch import Tensor

from pinndd.bayesnet.estimation import flat_index
from pinndd.bayesnet.network import Structure, Variable
from pinndd.bayesnet.rows import check_complete, check_weights

_EPSILON = 1e-9
"""Gains below this share of the score are rounding: arcs of one equivalence class score the same."""


@dataclass
class BICScores:
    """Scores of families, each computed once: ``max_θ Σ_n w_n log P(x_v | parents) - (log N / 2) free parameters``.

    The sum over the families of a graph is its Bayesian information criterion (Schwarz 1978), greater is better; graphs that
    are equivalent score the same.

    Attributes:
        variables: of the columns.
        rows: complete codes, ``(N, V)``.
        weights: of the rows, ``(N,)``, or None; N in the penalty is then their sum.
    """

    variables: tuple[Variable, ...]
    rows: Tensor
    weights: Tensor | None = None
    _known: dict[tuple[str, frozenset[str]], float] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        empty = Structure(self.variables, {})
        check_complete(empty, self.rows)
        check_weights(self.weights, len(self.rows), leading=False)
        self._mass = float(len(self.rows) if self.weights is None else self.weights.sum())
        if self._mass <= 0:
            raise ValueError("BICScores: there are no rows, or their weights sum to zero")
        self._columns = {name: empty.index(name) for name in empty.names}

    def family(self, name: str, parents: frozenset[str]) -> float:
        """Return the score of a variable with a set of parents."""
        key = name, parents
        if key not in self._known:
            self._known[key] = self._score(name, sorted(parents))
        return self._known[key]

    def total(self, structure: Structure) -> float:
        """Return the score of a graph."""
        return sum(self.family(name, frozenset(structure.parents[name])) for name in structure.names)

    def _score(self, name: str, parents: list[str]) -> float:
        columns = [self._columns[member] for member in (*parents, name)]
        shape = tuple(len(self.variables[column]) for column in columns)
        weights = None if self.weights is None else self.weights.double()
        counts = torch.bincount(flat_index(self.rows[:, columns], shape), weights, minlength=torch.Size(shape).numel())
        table = counts.double().reshape(-1, shape[-1])
        likelihood = torch.special.xlogy(table, table).sum() - torch.special.xlogy(table.sum(-1), table.sum(-1)).sum()
        return float(likelihood) - 0.5 * log(self._mass) * len(table) * (shape[-1] - 1)


@dataclass(frozen=True)
class LearnedStructure:
    """What the search found.

    Attributes:
        structure: the best graph on the way; no single change improves it.
        score: of it.
        steps: changes that were made, those that gained nothing included.
    """

    structure: Structure
    score: float
    steps: int


def hill_climb(
    variables: tuple[Variable, ...],
    rows: Tensor,
    *,
    weights: Tensor | None = None,
    start: Structure | None = None,
    most_parents: int | None = None,
    patience: int = 10,
) -> LearnedStructure:
    """Add, delete or reverse one arc at a time, always the change that gains most (Heckerman et al. 1995).

    Where nothing gains, the search goes on for a while with the change that loses least, never back to a graph that it has seen
    (tabu search, Glover 1989): equivalent graphs score the same, and the next gain is often behind one of them.

    Args:
        variables: of the columns.
        rows: complete codes, ``(N, V)``.
        weights: of the rows, ``(N,)``; None: one each.
        start: first graph; None: without arcs.
        most_parents: of one variable; None: no limit.
        patience: changes without a new best graph before the search ends; 0: plain hill climbing.

    Raises:
        ValueError: the rows, the weights or the start do not fit, or a cell is missing.
    """
    scores = BICScores(tuple(variables), rows, weights)
    if start is not None and start.variables != scores.variables:
        raise ValueError("hill_climb: the start has other variables than the rows")
    names = tuple(variable.name for variable in variables)
    parents = {name: frozenset(start.parents[name] if start else ()) for name in names}
    limit = len(names) if most_parents is None else most_parents
    score = sum(scores.family(name, parents[name]) for name in names)
    best, best_score, steps, waited = parents, score, 0, 0
    seen = {frozenset(parents.items())}
    while waited <= patience:
        moves = ((gain, parents | changed) for gain, changed in _changes(scores, parents, limit))
        gain, parents = max(
            (move for move in moves if frozenset(move[1].items()) not in seen),
            key=lambda move: move[0],
            default=(-inf, parents),
        )
        if gain == -inf or (patience == 0 and gain <= _EPSILON * abs(score)):
            break
        seen.add(frozenset(parents.items()))
        score, steps, waited = score + gain, steps + 1, waited + 1
        if score > best_score + _EPSILON * abs(best_score):
            best, best_score, waited = parents, score, 0
    ordered = {name: tuple(sorted(best[name], key=names.index)) for name in names}
    return LearnedStructure(Structure(scores.variables, ordered), best_score, steps)


def _changes(
    scores: BICScores, parents: dict[str, frozenset[str]], limit: int
) -> Iterator[tuple[float, dict[str, frozenset[str]]]]:
    """Yield every allowed change of one arc, with its gain and the families that it changes."""
    ancestors = {name: _ancestors(parents, parents[name]) for name in parents}

    def gain(changed: dict[str, frozenset[str]]) -> tuple[float, dict[str, frozenset[str]]]:
        return sum(scores.family(name, new) - scores.family(name, parents[name]) for name, new in changed.items()), changed

    for child in parents:
        for parent in parents:
            if parent in parents[child]:
                without = parents[child] - {parent}
                yield gain({child: without})
                other_way = any(parent == other or parent in ancestors[other] for other in without)
                if len(parents[parent]) < limit and not other_way:
                    yield gain({child: without, parent: parents[parent] | {child}})
            elif parent != child and child not in ancestors[parent] and len(parents[child]) < limit:
                yield gain({child: parents[child] | {parent}})


def _ancestors(parents: dict[str, frozenset[str]], names: frozenset[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += parents[name]
    return found


def equivalent(first: Structure, second: Structure) -> bool:
    """Return whether two graphs say the same independences: same arcs without direction, same colliders (Verma & Pearl 1990)."""
    return _pattern(first) == _pattern(second)


def _pattern(structure: Structure) -> tuple[set[frozenset[str]], set[tuple[frozenset[str], str]]]:
    """Return the arcs without direction, and the pairs of parents without an arc between them, with their child."""
    skeleton = {frozenset(arc) for arc in structure.arcs}
    pairs = {(frozenset((a, b)), child) for a, child in structure.arcs for b in structure.parents[child] if a != b}
    return skeleton, {(pair, child) for pair, child in pairs if pair not in skeleton}
