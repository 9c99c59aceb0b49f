"""Estimators of the gradient of the risk in the synthetic data, one per file, one signature."""

from pinndd.hypergradients.by_member import ByMember
from pinndd.hypergradients.central_differences import CentralDifferences
from pinndd.hypergradients.evolution import EvolutionStrategies
from pinndd.hypergradients.exact import Exact
from pinndd.hypergradients.fitting import fitting
from pinndd.hypergradients.forward import ForwardGradient
from pinndd.hypergradients.implicit import ConjugateGradients, Direct, HessianSolveError, Implicit, NeumannSeries
from pinndd.hypergradients.leave_one_out import LeaveOneOut
from pinndd.hypergradients.minimum_norm import MinimumNorm
from pinndd.hypergradients.one_step import OneStep
from pinndd.hypergradients.protocol import Gradient, Hypergradient
from pinndd.hypergradients.randomly_truncated import RandomlyTruncated
from pinndd.hypergradients.spsa import SPSA
from pinndd.hypergradients.straight_through import StraightThrough
from pinndd.hypergradients.truncated import Truncated
from pinndd.hypergradients.unrolled import UnrolledAdjoint

__all__ = [
    "SPSA",
    "ByMember",
    "CentralDifferences",
    "ConjugateGradients",
    "Direct",
    "EvolutionStrategies",
    "Exact",
    "ForwardGradient",
    "Gradient",
    "HessianSolveError",
    "Hypergradient",
    "Implicit",
    "LeaveOneOut",
    "MinimumNorm",
    "NeumannSeries",
    "OneStep",
    "RandomlyTruncated",
    "StraightThrough",
    "Truncated",
    "UnrolledAdjoint",
    "fitting",
]
