"""Diagnostics: is a data set optimal for its problem, can its gradient be trusted, and is it any good?"""

from pinndd.diagnostics.stationarity import Optimality, nearest_probabilities, optimality, projected_residual
from pinndd.diagnostics.unrolling import UnrolledNorms, unrolled_norms
from pinndd.diagnostics.worth import Vacuity, effective_sample_size, vacuity

__all__ = [
    "Optimality",
    "UnrolledNorms",
    "Vacuity",
    "effective_sample_size",
    "nearest_probabilities",
    "optimality",
    "projected_residual",
    "unrolled_norms",
    "vacuity",
]
