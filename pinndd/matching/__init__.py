"""Surrogate criteria: what other methods minimise in place of the risk, with the signature of a hypergradient."""

from pinndd.matching.distribution import DistributionMatching, MaximumMeanDiscrepancy, NetworkEmbedding, RandomLayer
from pinndd.matching.feature_ridge import FeatureRidge
from pinndd.matching.gradient import GradientMatching
from pinndd.matching.kernel import KernelInducingPoints
from pinndd.matching.protocol import MatchedLearner
from pinndd.matching.trajectory import TrajectoryMatching

__all__ = [
    "DistributionMatching",
    "FeatureRidge",
    "GradientMatching",
    "KernelInducingPoints",
    "MatchedLearner",
    "MaximumMeanDiscrepancy",
    "NetworkEmbedding",
    "RandomLayer",
    "TrajectoryMatching",
]
