"""Rows picked by clustering: the modes of groups of similar patients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.bayesnet.baselines.hot_deck import one_hot
from pinndd.bayesnet.network import Structure
from pinndd.bayesnet.rows import MISSING, check_rows


@dataclass(frozen=True)
class Modes:
    """Modes of clusters.

    Attributes:
        rows: complete, ``(K, V)``.
        weights: number of rows of each cluster, ``(K,)``, float64; zero for a cluster that lost its rows.
        converged: whether the last iteration changed nothing.
    """

    rows: Tensor
    weights: Tensor
    converged: bool


def k_modes(structure: Structure, rows: Tensor, count: int, generator: torch.Generator, *, most: int = 100) -> Modes:
    """Cluster rows around modes (Huang 1998): the mode of a cluster has the most frequent state of every column.

    The distance of a row from a mode is the number of its recorded cells that differ. Modes begin as rows drawn without
    repetition, and have the most frequent state of a whole column where nothing in their cluster is recorded.

    Args:
        structure: of the variables; its graph is not used.
        rows: codes, ``(N, V)``, `MISSING` where nothing was recorded.
        count: K, clusters, at most N.
        generator: of the first modes.
        most: iterations.

    Raises:
        ValueError: the rows do not fit, a column is recorded in no row, or ``count`` or ``most`` is out of range.
    """
    recorded = check_rows(structure, rows) != MISSING
    if not 1 <= count <= len(rows) or most < 1:
        raise ValueError(
            f"k_modes: count={count} must be from 1 to the number of rows, {len(rows)}, and most={most} positive"
        )
    if bool((~recorded.any(0)).any()):
        name = structure.names[int((~recorded.any(0)).nonzero()[0])]
        raise ValueError(f"k_modes: column {name!r} is recorded in no row: its mode is unknown")
    hot = one_hot(structure, rows)
    sizes = [len(variable) for variable in structure.variables]
    usual = _modes(hot.sum(0, keepdim=True), sizes)
    first = rows[torch.randperm(len(rows), generator=generator)[:count]]
    modes = torch.where(first == MISSING, usual, first)
    cluster = torch.full((len(rows),), -1)
    for iteration in range(most + 1):
        nearest = (hot @ one_hot(structure, modes).T).argmax(-1)
        settled = bool((nearest == cluster).all())
        cluster = nearest
        if settled or iteration == most:
            break
        frequencies = torch.zeros((count, hot.shape[1]), dtype=torch.float64).index_add(0, cluster, hot)
        seen = torch.stack([part.sum(-1) > 0 for part in torch.split(frequencies, sizes, -1)], -1)
        occupied = torch.bincount(cluster, minlength=count) > 0
        found = torch.where(seen, _modes(frequencies, sizes), usual)
        modes = torch.where(occupied[:, None], found, modes)
    return Modes(modes, torch.bincount(cluster, minlength=count).double(), settled)


def _modes(frequencies: Tensor, sizes: list[int]) -> Tensor:
    """Return the most frequent state of every column, ``(K, V)``, from counts of all states, ``(K, states)``."""
    return torch.stack([part.argmax(-1) for part in torch.split(frequencies, sizes, -1)], -1)
