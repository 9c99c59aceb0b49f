"""Geometric means of error ratios over families and shifts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import t

from pinndd.study.bootstrap import LEVEL, Interval


def geometric_mean(ratios: Sequence[float], groups: Sequence[str]) -> Interval:
    """Return the geometric mean of ratios with its 95 % interval over other groups of the same kind.

    Rows of one group, the shifts of one PDE, are no independent evidence: the variance of the mean logarithm is the one that is
    robust to any correlation within a group (Liang and Zeger 1986, doi:10.1093/biomet/73.1.13), and the interval is Student's with
    one degree of freedom less than there are groups. With one group there is none: the bounds are zero and infinity.

    Args:
        ratios: positive.
        groups: name of the group of each ratio.

    Raises:
        ValueError: there are no ratios.
    """
    if not ratios:
        raise ValueError("the geometric mean of no ratios is not defined; give at least one")
    logs = np.log(np.asarray(ratios, dtype=float))
    mean = float(logs.mean())
    names = sorted(set(groups))
    if len(names) < 2:
        return Interval(math.exp(mean), 0.0, math.inf)
    totals = [sum(x - mean for x, g in zip(logs, groups, strict=True) if g == name) for name in names]
    variance = len(names) / (len(names) - 1) * sum(float(s) ** 2 for s in totals) / len(logs) ** 2
    reach = float(t.ppf((1 + LEVEL) / 2, len(names) - 1)) * math.sqrt(variance)
    return Interval(math.exp(mean), math.exp(mean - reach), math.exp(mean + reach))
