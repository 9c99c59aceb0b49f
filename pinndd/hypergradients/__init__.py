"""Estimators of the gradient of the risk in the synthetic data, one a file, one signature."""

from pinndd.hypergradients.exact import Exact
from pinndd.hypergradients.implicit import Implicit
from pinndd.hypergradients.protocol import Gradient, Hypergradient
from pinndd.hypergradients.unrolled import UnrolledAdjoint

__all__ = ["Exact", "Gradient", "Hypergradient", "Implicit", "UnrolledAdjoint"]
