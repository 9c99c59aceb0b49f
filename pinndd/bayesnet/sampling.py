"""Draw rows from a network."""

from __future__ import annotations

import torch
from torch import Tensor

from pinndd.bayesnet.network import BayesianNetwork


@torch.no_grad()
def sample(network: BayesianNetwork, rows: int, generator: torch.Generator) -> Tensor:
    """Draw complete rows, every variable given its parents.

    Args:
        network: whose tables lie on the device of the generator.
        rows: how many.
        generator: of the draws.

    Returns:
        The positions of the states, ``(rows, V)``, int64, one column per variable in the order of the structure.

    Raises:
        ValueError: ``rows`` is negative.
    """
    if rows < 0:
        raise ValueError(f"sample: rows={rows} must not be negative")
    structure = network.structure
    drawn = torch.empty((rows, len(structure.variables)), dtype=torch.int64, device=generator.device)
    for name in structure.order if rows else ():
        given = tuple(drawn[:, structure.index(parent)] for parent in structure.parents[name])
        table = network[name]
        chances = table[given] if given else table.expand(rows, -1)
        drawn[:, structure.index(name)] = torch.multinomial(chances, 1, generator=generator)[:, 0]
    return drawn
