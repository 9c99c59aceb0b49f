"""Hot-deck matching: missing cells are copied from a patient who looks alike."""

from __future__ import annotations

import torch
from torch import Tensor

from pinndd.bayesnet.network import Structure
from pinndd.bayesnet.rows import MISSING, check_rows

_BLOCK = 512
"""Rows that are compared with all others at a time."""


def hot_deck(structure: Structure, rows: Tensor, generator: torch.Generator, *, donors: int = 5) -> Tensor:
    """Copy each missing cell from one of the nearest rows that record its column (D'Orazio, Di Zio & Scanu 2006).

    The distance of two rows is the share of different cells among the columns that both record, one if there are none. Ties
    are broken at random, in the same way for all columns of a row, and a row takes the donor of the same rank in each column,
    so that cells that can come from one donor do.

    Args:
        structure: of the variables; its graph is not used.
        rows: codes, ``(N, V)``, `MISSING` where nothing was recorded.
        generator: of ties and ranks.
        donors: nearest rows, of which one is picked at random.

    Returns:
        Complete rows, ``(N, V)``.

    Raises:
        ValueError: the rows do not fit, a column is recorded in no row, or ``donors`` is not positive.
    """
    if donors < 1:
        raise ValueError(f"hot_deck: donors={donors} must be at least 1")
    recorded = check_rows(structure, rows) != MISSING
    if bool((~recorded.any(0)).any()):
        name = structure.names[int((~recorded.any(0)).nonzero()[0])]
        raise ValueError(f"hot_deck: column {name!r} is recorded in no row: no donor can give it")
    hot = one_hot(structure, rows)
    filled = rows.clone()
    for places in torch.split(torch.arange(len(rows)), _BLOCK):
        shared = recorded[places].double() @ recorded.double().T
        different = 1 - (hot[places] @ hot.T) / shared.clamp(min=1)
        # shares of V columns differ by at least 1 / V², so that the jitter only breaks ties
        jitter = torch.rand(different.shape, generator=generator, dtype=torch.float64) / (2 * rows.shape[1] ** 2)
        order = (different + jitter).argsort(-1)
        rank = (torch.rand(len(places), generator=generator, dtype=torch.float64) * donors).long()
        for column in range(rows.shape[1]):
            lacking = ~recorded[places, column]
            ordered = order[lacking]
            gives = recorded[ordered, column]
            wanted = torch.minimum(rank[lacking], gives.sum(-1) - 1)
            donor = ((gives.cumsum(-1) == wanted[:, None] + 1) & gives).long().argmax(-1)
            filled[places[lacking], column] = rows[ordered[torch.arange(len(ordered)), donor], column]
    return filled


def one_hot(structure: Structure, rows: Tensor) -> Tensor:
    """Return the rows as 0 and 1, one column per state, zeros where a cell is missing; ``(N, states)``, float64."""
    columns = [(rows[:, k, None] == torch.arange(len(variable))).double() for k, variable in enumerate(structure.variables)]
    return torch.cat(columns, -1)
