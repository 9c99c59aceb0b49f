"""Intervals by resampling seeds and episodes together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEVEL = 0.95
REPLICATES = 4000


@dataclass(frozen=True)
class Interval:
    """An estimate with a 95 % interval; the three are equal where there is a single number."""

    value: float
    low: float
    high: float


def mean_interval(errors: Array, *, seed: int = 0) -> Interval:
    """Return the mean of ``errors`` with its 95 % bootstrap interval.

    Seeds (rows) and episodes (columns) are crossed: all seeds meet the same boundary conditions. So both are drawn with
    replacement, independently, and a replicate is the mean over the drawn rows and columns (pigeonhole bootstrap, Owen 2007,
    doi 10.1214/07-AOAS122).

    Args:
        errors: ``(seeds, episodes)``; NaN where a model is missing.
        seed: of the resampling; equal seeds give equal intervals.
    """
    rows, columns = _counts(errors.shape, seed)
    return _interval(_means(errors, None, None)[0], _means(errors, rows, columns))


def ratio_interval(numerator: Array, denominator: Array, *, seed: int = 0) -> Interval:
    """Return the ratio of two means with its 95 % interval, resampling both alike (paired).

    Args:
        numerator, denominator: ``(seeds, episodes)`` each; a pair counts where neither is NaN.
        seed: of the resampling.
    """
    both = np.isfinite(numerator) & np.isfinite(denominator)
    above, below = np.where(both, numerator, np.nan), np.where(both, denominator, np.nan)
    rows, columns = _counts(numerator.shape, seed)
    ratio = _means(above, None, None)[0] / _means(below, None, None)[0]
    return _interval(ratio, _means(above, rows, columns) / _means(below, rows, columns))


def _counts(shape: tuple[int, ...], seed: int) -> tuple[Array, Array]:
    """How often each row and each column is drawn in every replicate: ``(R, rows)`` and ``(R, columns)``."""
    generator = np.random.default_rng(seed)
    rows, columns = (generator.multinomial(n, np.full(n, 1 / n), size=REPLICATES).astype(float) for n in shape)
    return rows, columns


def _means(values: Array, rows: Array | None, columns: Array | None) -> Array:
    """Weighted means over the entries that are there, one a replicate."""
    present = np.isfinite(values)
    filled: Array = np.where(present, values, 0.0)
    r = np.ones((1, values.shape[0])) if rows is None else rows
    c = np.ones((1, values.shape[1])) if columns is None else columns
    total: Any = np.einsum("rs,se,re->r", r, filled, c, optimize=True)
    weight: Any = np.einsum("rs,se,re->r", r, present.astype(float), c, optimize=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Array = total / weight
    return means


def _interval(value: float, replicates: Array) -> Interval:
    # a replicate that drew only missing pairs says nothing
    usable = replicates[np.isfinite(replicates)]
    if not usable.size:
        return Interval(float(value), float(value), float(value))
    low, high = np.quantile(usable, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(low), float(high))
