"""Geometric means of ratios: the interval is Student's, and rows of one family count as one piece of evidence."""

import math

import numpy as np
import pytest
from scipy import stats

from pinndd.study.results.intervals import geometric_mean


def test_one_row_a_group_gives_students_interval():
    ratios = [2.0, 3.0, 1.5, 4.0]
    found = geometric_mean(ratios, list("abcd"))
    logs = np.log(ratios)
    low, high = stats.t.interval(0.95, 3, loc=logs.mean(), scale=stats.sem(logs))
    assert (found.value, found.low, found.high) == pytest.approx((stats.gmean(ratios), math.exp(low), math.exp(high)))


def test_repeating_every_row_is_no_evidence():
    once = geometric_mean([2.0, 3.0, 1.5, 4.0], list("abcd"))
    often = geometric_mean([2.0, 3.0, 1.5, 4.0] * 7, list("abcd") * 7)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Families that differ, with five correlated shifts each: 95 % of the intervals hold the mean they were drawn with."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 5)
    held = []
    for _ in range(1500):
        logs = 1.0 + 0.5 * generator.normal(size=12)[groups] + 0.2 * generator.normal(size=60)
        found = geometric_mean(np.exp(logs).tolist(), [str(g) for g in groups])
        held.append(found.low < math.e < found.high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.02)


def test_one_family_says_nothing_about_others():
    found = geometric_mean([2.0, 8.0], ["heat", "heat"])
    assert (found.value, found.low, found.high) == (pytest.approx(4.0), 0.0, math.inf)
    with pytest.raises(ValueError, match="no ratios"):
        geometric_mean([], [])
