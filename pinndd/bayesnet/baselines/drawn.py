"""Rows drawn from the model that expectation maximisation fits to the incomplete ones."""

from __future__ import annotations

import torch
from torch import Tensor

from pinndd.bayesnet.em import expectation_maximisation
from pinndd.bayesnet.estimation import Prior
from pinndd.bayesnet.network import Structure
from pinndd.bayesnet.sampling import sample


def drawn_rows(
    structure: Structure, rows: Tensor, count: int, generator: torch.Generator, *, prior: Prior | None = None
) -> Tensor:
    """Fit the network by expectation maximisation, and draw complete rows from it.

    Args:
        structure: of the network.
        rows: codes, ``(N, V)``, `MISSING` where nothing was recorded.
        count: rows to draw.
        generator: of the draws.
        prior: of the fit; None: `MaximumLikelihood`.

    Returns:
        ``(count, V)``, int64.

    Raises:
        ValueError: see `expectation_maximisation` and `sample`.
    """
    return sample(expectation_maximisation(structure, rows, prior=prior).network, count, generator)
