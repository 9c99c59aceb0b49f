"""Distances between samples by kernels: maximum mean discrepancy and energy distance."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pinndd.distances.divergences import root

KERNELS: dict[str, Callable[[Tensor], Tensor]] = {
    "gaussian": lambda r: (-r.square() / 2).exp(),
    "laplace": lambda r: (-r).exp(),
    "rational quadratic": lambda r: 1 / (1 + r.square() / 2),
    "inverse multiquadric": lambda r: 1 / (1 + r.square()).sqrt(),
}
"""Kernels as functions of the distance over the bandwidth; all are 1 at distance 0, positive definite and characteristic."""


@dataclass(frozen=True, kw_only=True)
class MMD:
    """Maximum mean discrepancy ``E k(x, x') + E k(y, y') - 2 E k(x, y)`` (Gretton et al. 2012, JMLR 13:723).

    Answers ``(E, Q, K)`` and truths ``(E, R, K)``, floats, are Q and R samples in K dimensions of two distributions; the
    result is ``(E,)``. All pairs count, those of a sample with itself too: the biased estimate, never negative, 0 for equal
    samples. The kernel is the average over the bandwidths.

    Far supports: the Gaussian and Laplace kernels vanish there and so does the gradient; the other two decay slowly.

    Args:
        kernel: ``"gaussian"``, ``"laplace"``, ``"rational quadratic"`` or ``"inverse multiquadric"``.
        bandwidths: multiples of ``scale``.
        scale: a length in the units of the samples. None takes the median distance between truths that differ, per episode
            (the median heuristic; of the truths alone, so that no answer can move the yardstick; it is not differentiated).
        squared: return the squared discrepancy, which is smooth at equality; False returns its root, a metric, whose slope
            at equality is set to zero.

    Raises:
        ValueError: the kernel is not known, a bandwidth or the scale is not positive; when called: the shapes do not fit,
            or the truths of an episode are all the same and no scale is given.
    """

    derivatives: ClassVar[int] = 0
    kernel: str = "gaussian"
    bandwidths: tuple[float, ...] = (0.5, 1.0, 2.0)
    scale: float | None = None
    squared: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "bandwidths", tuple(float(v) for v in self.bandwidths))
        if self.kernel not in KERNELS:
            raise ValueError(f"MMD: kernel {self.kernel!r} is not known: expected one of {', '.join(KERNELS)}")
        if not self.bandwidths or not all(0 < width < math.inf for width in self.bandwidths):
            raise ValueError(f"MMD: bandwidths={self.bandwidths} must be positive, at least one; 1.0 is the scale itself")
        if self.scale is not None and not 0 < self.scale < math.inf:
            raise ValueError(f"MMD: scale={self.scale} must be positive; None takes the median distance between truths")

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        check_samples(answer, truth)
        among_truths = pairwise_distances(truth, truth)
        scale = median_distance(among_truths) if self.scale is None else answer.new_tensor(self.scale)
        own = self._similarity(pairwise_distances(answer, answer) / scale) + self._similarity(among_truths / scale)
        return discrepancy(own - 2 * self._similarity(pairwise_distances(answer, truth) / scale), self.squared)

    def _similarity(self, distances: Tensor) -> Tensor:
        kernel = KERNELS[self.kernel]
        return torch.stack([kernel(distances / width).mean((1, 2)) for width in self.bandwidths]).mean(0)


@dataclass(frozen=True, kw_only=True)
class EnergyDistance:
    """``2 E‖x - y‖ - E‖x - x'‖ - E‖y - y'‖`` (Székely & Rizzo 2013, doi 10.1016/j.jspi.2013.03.018).

    Answers ``(E, Q, K)`` and truths ``(E, R, K)``, floats, are Q and R samples in K dimensions of two distributions; the
    result is ``(E,)``. It has no bandwidth, and its gradient does not vanish for far supports. Never negative, 0 for equal
    samples; a sample that meets another exactly adds no slope.

    Args:
        squared: return the expression above, in the units of the samples; False returns its root, which
            `scipy.stats.energy_distance` returns too, and sets the slope at equality to zero.

    Raises:
        ValueError: the shapes do not fit.
    """

    derivatives: ClassVar[int] = 0
    squared: bool = True

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        check_samples(answer, truth)
        own = pairwise_distances(answer, answer).mean((1, 2)) + pairwise_distances(truth, truth).mean((1, 2))
        return discrepancy(2 * pairwise_distances(answer, truth).mean((1, 2)) - own, self.squared)


def discrepancy(values: Tensor, squared: bool) -> Tensor:
    """Return ``values``, not below zero by rounding, or their root."""
    positive = values.clamp_min(0)
    return positive if squared else root(positive)


def check_samples(answer: Tensor, truth: Tensor) -> None:
    """Check that answers ``(E, Q, K)`` and truths ``(E, R, K)`` are samples of E pairs of distributions.

    Raises:
        ValueError: they have not three axes, differ in E or K, or an axis is empty.
    """
    shapes = tuple(answer.shape), tuple(truth.shape)
    fits = answer.ndim == truth.ndim == 3 and shapes[0][::2] == shapes[1][::2]
    if not fits or 0 in shapes[0] + shapes[1]:
        raise ValueError(
            f"answer has shape {shapes[0]}, truth {shapes[1]}: expected samples (E, Q, K) and (E, R, K), at least one each"
        )


def pairwise_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return the Euclidean distances, ``(E, Q, R)``, of points ``(E, Q, K)`` from ``(E, R, K)``, with slope 0 at distance 0."""
    distances: Tensor = torch.linalg.vector_norm(x[:, :, None] - y[:, None], dim=-1)
    return distances


def median_distance(distances: Tensor) -> Tensor:
    """Return the median of the non-zero ``distances``, ``(E, R, R)``, of every episode as ``(E, 1, 1)``, without gradient.

    Raises:
        ValueError: all distances of an episode are zero.
    """
    apart = distances.detach().flatten(1)
    together = (apart == 0).all(1)
    if bool(together.any()):
        episode = int(together.nonzero()[0])
        raise ValueError(f"MMD: all truths of episode {episode} are the same, so their median distance is 0: give a scale")
    return torch.where(apart == 0, math.nan, apart).nanmedian(1).values[:, None, None]
