"""Means and ratios with 95 % intervals, by resampling seeds and episodes together; geometric means over families."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
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

    Two errors of zero are equal, ratio 1; a positive one is infinitely many times as large as zero.

    Args:
        numerator, denominator: ``(seeds, episodes)`` each; a pair counts where neither is NaN.
        seed: of the resampling.
    """
    both = np.isfinite(numerator) & np.isfinite(denominator)
    above, below = np.where(both, numerator, np.nan), np.where(both, denominator, np.nan)
    rows, columns = _counts(numerator.shape, seed)
    ratio = _divided(_means(above, None, None), _means(below, None, None))[0]
    return _interval(ratio, _divided(_means(above, rows, columns), _means(below, rows, columns)))


def geometric_mean(ratios: Sequence[float], groups: Sequence[str]) -> Interval:
    """Return the geometric mean of ratios with its 95 % interval over other groups of the same kind.

    Rows of one group, the shifts of one PDE, are no independent evidence: the variance of the mean logarithm is the one that
    is robust to any correlation within a group (Liang and Zeger 1986, doi:10.1093/biomet/73.1.13), and the interval is
    Student's with one degree of freedom less than there are groups. With one group there is none: the bounds are zero and
    infinity.

    Args:
        ratios: positive.
        groups: name of the group of each ratio.

    Raises:
        ValueError: there are no ratios.
    """
    if not ratios:
        raise ValueError("the geometric mean of no ratios is not defined; give at least one")
    logs = np.log(np.asarray(ratios, dtype=float))
    from scipy.special import stdtrit

    mean = float(logs.mean())
    names = sorted(set(groups))
    if len(names) < 2:
        return Interval(math.exp(mean), 0.0, math.inf)
    totals = [sum(x - mean for x, g in zip(logs, groups, strict=True) if g == name) for name in names]
    variance = len(names) / (len(names) - 1) * sum(float(s) ** 2 for s in totals) / len(logs) ** 2
    reach = float(stdtrit(len(names) - 1, (1 + LEVEL) / 2)) * math.sqrt(variance)
    return Interval(math.exp(mean), math.exp(mean - reach), math.exp(mean + reach))


@lru_cache(maxsize=32)
def _counts(shape: tuple[int, ...], seed: int) -> tuple[Array, Array]:
    """How often each row and each column is drawn in every replicate: ``(R, rows)`` and ``(R, columns)``, to be read only."""
    generator = np.random.default_rng(seed)
    rows, columns = (generator.multinomial(n, np.full(n, 1 / n), size=REPLICATES).astype(float) for n in shape)
    for drawn in (rows, columns):
        drawn.flags.writeable = False
    return rows, columns


def _means(values: Array, rows: Array | None, columns: Array | None) -> Array:
    """Weighted means over the entries that are there, one per replicate."""
    present = np.isfinite(values)
    filled: Array = np.where(present, values, 0.0)
    r = np.ones((1, values.shape[0])) if rows is None else rows
    c = np.ones((1, values.shape[1])) if columns is None else columns
    total: Any = np.einsum("rs,se,re->r", r, filled, c, optimize=True)
    weight: Any = np.einsum("rs,se,re->r", r, present.astype(float), c, optimize=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Array = total / weight
    return means


def _divided(above: Array, below: Array) -> Array:
    """Ratios of errors, none of them negative; NaN where there is none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios: Array = above / below
    return np.where((above == 0) & (below == 0), 1.0, ratios)


def _interval(value: float, replicates: Array) -> Interval:
    # a replicate that drew only missing pairs says nothing
    usable = replicates[~np.isnan(replicates)]
    if not usable.size:
        return Interval(float(value), float(value), float(value))
    tails = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    if np.isinf(usable).any():  # between a number and infinity nothing lies
        low, high = np.quantile(usable, tails[0], method="lower"), np.quantile(usable, tails[1], method="higher")
    else:
        low, high = np.quantile(usable, tails)
    return Interval(float(value), float(low), float(high))
