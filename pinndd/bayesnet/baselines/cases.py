"""Networks from a part of the data: the complete rows, the rows that have a family, the rows of one hospital."""

from __future__ import annotations

import torch
from torch import Tensor

from pinndd.bayesnet.estimation import BDeu, Prior, available_case, estimate
from pinndd.bayesnet.hospitals import Hospitals
from pinndd.bayesnet.network import BayesianNetwork, Structure
from pinndd.bayesnet.patterns import log_likelihood
from pinndd.bayesnet.rows import MISSING, check_rows

__all__ = ["available_case", "best_hospital", "complete_case"]


def complete_case(structure: Structure, rows: Tensor, *, prior: Prior | None = None) -> BayesianNetwork:
    """Estimate the network from the rows in which nothing is missing; without one, every table is uniform.

    Args:
        structure: of the network.
        rows: codes, ``(N, V)``, `MISSING` where nothing was recorded.
        prior: None: `MaximumLikelihood`.

    Raises:
        ValueError: the rows do not fit the structure.
    """
    complete = (check_rows(structure, rows) != MISSING).all(-1)
    return estimate(structure, rows[complete], prior=prior)


def best_hospital(structure: Structure, hospitals: Hospitals, *, prior: Prior | None = None) -> tuple[str, BayesianNetwork]:
    """Estimate a network from the rows of each hospital, and return the one that explains all hospitals' rows best.

    Each is estimated as in `available_case`, so that what a hospital does not record is uniform, and judged by the
    log-likelihood of all recorded cells: a choice with more knowledge than a single hospital has.

    Args:
        structure: of the network.
        hospitals: the data, on the variables of the structure.
        prior: with positive pseudocounts; None: `BDeu` of one row.

    Returns:
        The name of the hospital, and its network.

    Raises:
        ValueError: the variables differ.
        ImpossibleEvidenceError: a hospital's network says that another one's row is impossible: the prior adds nothing.
    """
    if structure.variables != hospitals.variables:
        raise ValueError("best_hospital: the structure has other variables, or in another order, than the hospitals' table")
    networks = [available_case(structure, hospitals.table(name), prior=prior or BDeu(1.0)) for name in hospitals.names]
    recorded = hospitals.rows[(hospitals.rows != MISSING).any(-1)]
    scores = torch.stack([log_likelihood(network, recorded).sum() for network in networks])
    best = int(scores.argmax())
    return hospitals.names[best], networks[best]
