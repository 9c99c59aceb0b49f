"""Distances between the answers of trained models and the truth."""

from pinndd.distances.classification import CrossEntropy, ZeroOne
from pinndd.distances.divergences import KL, ChiSquared, Hellinger, JensenShannon, ReverseKL, TotalVariation
from pinndd.distances.kernels import MMD, EnergyDistance
from pinndd.distances.norms import Distance, RelativeH1, RelativeL2, RelativeMaximum
from pinndd.distances.rankings import Kendall, Spearman
from pinndd.distances.scores import Brier
from pinndd.distances.transport import Sinkhorn, SlicedWasserstein, Wasserstein1, Wasserstein2

__all__ = [
    "KL",
    "MMD",
    "Brier",
    "ChiSquared",
    "CrossEntropy",
    "Distance",
    "EnergyDistance",
    "Hellinger",
    "JensenShannon",
    "Kendall",
    "RelativeH1",
    "RelativeL2",
    "RelativeMaximum",
    "ReverseKL",
    "Sinkhorn",
    "SlicedWasserstein",
    "Spearman",
    "TotalVariation",
    "Wasserstein1",
    "Wasserstein2",
    "ZeroOne",
]
