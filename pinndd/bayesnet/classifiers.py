"""Graphs for one variable that is asked for: naive Bayes, and the tree-augmented one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pinndd.bayesnet.network import Structure, Variable
from pinndd.bayesnet.rows import MISSING, check_rows

_FEWEST = 30
"""Rows that record two findings and the target, below which the findings get no arc."""


def naive_bayes(variables: Sequence[Variable], target: str) -> Structure:
    """Return the graph in which the target is the only parent of every other variable.

    The log-odds of the target are then a sum of one number for each recorded finding, and a missing one drops out of it.

    Raises:
        ValueError: there is no such variable.
    """
    Structure(tuple(variables), {}).index(target)
    return Structure(tuple(variables), {v.name: (target,) for v in variables if v.name != target})


def tree_augmented(variables: Sequence[Variable], rows: Tensor, target: str) -> Structure:
    """Return naive Bayes with a tree among the findings (Friedman, Geiger & Goldszmidt 1997, doi 10.1023/A:1007465528199).

    It is the tree of greatest weight, where two findings weigh their mutual information given the target, estimated from the
    rows that record all three (Chow & Liu 1968). A finding that is hardly ever recorded with another one hangs on the first.

    Args:
        variables: of the columns.
        rows: codes, ``(N, V)``, `MISSING` where nothing was recorded.
        target: of the network.

    Raises:
        ValueError: the rows do not fit, or there is no such variable.
    """
    bare = naive_bayes(variables, target)
    check_rows(bare, rows)
    findings = [name for name in bare.names if name != target]
    parents = dict(bare.parents)
    # Prim's algorithm: the next finding is the one with the strongest tie to those in the tree
    placed, left = findings[:1], findings[1:]
    weights = {
        frozenset((a, b)): _information(bare, rows, a, b, target) for k, a in enumerate(findings) for b in findings[:k]
    }
    while left:
        held, name = max(((a, b) for a in placed for b in left), key=lambda pair: weights[frozenset(pair)])
        parents[name] = (target, held)
        placed.append(name)
        left.remove(name)
    return Structure(bare.variables, parents)


def _information(structure: Structure, rows: Tensor, first: str, second: str, target: str) -> float:
    """Return the mutual information of two findings given the target, in nats; 0 where too few rows record all three."""
    names = (target, first, second)
    cells = rows[:, [structure.index(name) for name in names]]
    cells = cells[(cells != MISSING).all(-1)]
    if len(cells) < _FEWEST:
        return 0.0
    counts = torch.zeros([len(structure[name]) for name in names], dtype=torch.float64)
    counts.index_put_(tuple(cells.unbind(-1)), torch.ones(len(cells), dtype=torch.float64), accumulate=True)
    joint = counts / len(cells)
    apart = joint.sum(2, keepdim=True) * joint.sum(1, keepdim=True)
    given = joint.sum((1, 2), keepdim=True)
    return float((torch.xlogy(joint, joint * given) - torch.xlogy(joint, apart)).sum())
