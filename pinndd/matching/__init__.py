"""Surrogate criteria: what other methods minimise in place of the risk, with the signature of a hypergradient."""

from pinndd.matching.distribution import DistributionMatching, MaximumMeanDiscrepancy, RandomLayer
from pinndd.matching.gradient import GradientMatching
from pinndd.matching.kernel import KernelInducingPoints
from pinndd.matching.protocol import MatchedLearner
from pinndd.matching.trajectory import TrajectoryMatching

__all__ = [
    "DistributionMatching",
    "GradientMatching",
    "KernelInducingPoints",
    "MatchedLearner",
    "MaximumMeanDiscrepancy",
    "RandomLayer",
    "TrajectoryMatching",
]
