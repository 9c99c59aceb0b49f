"""Means, intervals and paired ratios against closed forms and a small simulation."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from pinndd.study.bootstrap import mean_interval, ratio_interval
from pinndd.study.outcome import Result
from pinndd.study.summary import best_baseline, summarise


def rows(method, errors, **changes):
    """Results of one method from a ``(seeds, episodes)`` array."""
    base = Result("heat", "retrain", method, "ridge", 64, 30, "none", 0, 0, 0.0, 0.01)
    return [
        replace(base, seed=s, episode=e, relative_l2=float(errors[s, e]), **changes)
        for s in range(errors.shape[0])
        for e in range(errors.shape[1])
    ]


def test_a_constant_has_no_spread():
    interval = mean_interval(np.full((3, 5), 0.25))
    assert interval.value == interval.low == interval.high == 0.25


def test_interval_of_one_seed_is_that_of_the_mean_of_episodes():
    errors = np.random.default_rng(1).normal(1.0, 0.2, (1, 400))
    interval = mean_interval(errors)
    half = 1.96 * errors.std() / math.sqrt(400)
    assert interval.high - interval.value == pytest.approx(half, rel=0.1)
    assert interval.value - interval.low == pytest.approx(half, rel=0.1)


def test_seeds_that_differ_widen_the_interval():
    episodes = np.random.default_rng(2).normal(0, 0.01, (1, 50))
    same = mean_interval(1 + np.repeat(episodes, 5, 0))
    spread = mean_interval(1 + episodes + np.linspace(-0.2, 0.2, 5)[:, None])
    assert spread.high - spread.low > 5 * (same.high - same.low)


def test_missing_models_are_left_out():
    errors = np.array([[1.0, 2.0, np.nan], [1.0, 2.0, 3.0]])
    assert mean_interval(errors).value == pytest.approx(9 / 5)


def test_interval_covers_the_mean():
    """Crossed effects of 8 seeds and 25 episodes: the interval holds the true mean in nearly 95 of 100 repetitions."""
    generator = np.random.default_rng(3)
    covered = 0
    for k in range(200):
        seeds, episodes = generator.normal(0, 0.1, (8, 1)), generator.normal(0, 0.3, (1, 25))
        errors = 1 + seeds + episodes + generator.normal(0, 0.1, (8, 25))
        interval = mean_interval(errors, seed=k)
        covered += interval.low <= 1 <= interval.high
    assert 0.88 <= covered / 200 <= 0.99


def test_a_known_ratio_is_exact_because_it_is_paired():
    """Errors that are proportional condition by condition have a ratio without any spread."""
    distilled = np.random.default_rng(4).uniform(0.01, 1.0, (3, 20))
    interval = ratio_interval(3 * distilled, distilled)
    assert (interval.value, interval.low, interval.high) == pytest.approx((3, 3, 3))


def test_the_ratio_uses_common_pairs_only():
    above, below = np.array([[2.0, 4.0, np.nan]]), np.array([[1.0, np.nan, 5.0]])
    assert ratio_interval(above, below).value == pytest.approx(2.0)


def test_summary_compares_with_the_best_baseline_of_equal_size():
    errors = np.random.default_rng(5).uniform(0.5, 1.5, (2, 6))
    results = [
        *rows("sobol", 4 * errors),
        *rows("midpoint-grid", 2 * errors),
        *rows("uniform", 0.1 * errors, points=256),
        *rows("dense", 0.01 * errors, ceiling=True),
        *rows("distilled", errors, distilled_with="ridge"),
    ]
    summary = summarise(results)
    distilled = summary[-1]
    assert [r.method for r in summary] == ["sobol", "midpoint-grid", "uniform", "dense", "distilled"]
    assert distilled.baseline == "midpoint-grid"
    assert (distilled.ratio, distilled.ratio_low, distilled.ratio_high) == pytest.approx((2, 2, 2))
    assert distilled.wins is True
    assert best_baseline(summary, distilled) == summary[1]
    assert distilled.median == pytest.approx(np.median(errors))
    assert distilled.models == 12


def test_the_best_baseline_is_chosen_anew_under_each_shift():
    one = np.ones((2, 4))
    results = [
        *rows("sobol", one), *rows("grid", 2 * one), *rows("distilled", one),
        *rows("sobol", 4 * one, shift="steps"), *rows("grid", 3 * one, shift="steps"),
        *rows("distilled", 6 * one, shift="steps"),
    ]  # fmt: skip
    found = {(r.shift, r.baseline, r.ratio, r.wins) for r in summarise(results) if r.method == "distilled"}
    assert found == {("none", "sobol", 1.0, None), ("steps", "grid", 0.5, False)}


def test_pairs_are_seeds_and_episodes_in_common():
    """A baseline that ran for one seed only is compared on that seed."""
    distilled = np.array([[1.0, 1.0], [100.0, 100.0]])
    summary = summarise([*rows("sobol", np.full((1, 2), 2.0)), *rows("distilled", distilled)])
    assert summary[1].ratio == pytest.approx(2.0)


def test_a_failed_training_counts_as_infinite_error():
    errors = np.ones((1, 3))
    broken = np.array([[1.0, np.nan, 1.0]])
    sobol, distilled = summarise([*rows("sobol", errors), *rows("distilled", broken)])
    assert sobol.failed == 0
    assert distilled.failed == 1
    assert math.isinf(distilled.mean)
    assert distilled.ratio == 0.0
    assert distilled.to_json()["mean"] is None


def test_sets_of_other_learners_have_rows_of_their_own():
    one = np.ones((1, 2))
    results = [
        *rows("sobol", 2 * one, learner="mlp-lm"),
        *rows("distilled", one, learner="mlp-lm", distilled_with="ridge"),
        *rows("distilled", 4 * one, learner="mlp-lm", distilled_with="mlp-lm"),
    ]
    assert {r.distilled_with: r.ratio for r in summarise(results) if r.method == "distilled"} == {
        "ridge": 2.0,
        "mlp-lm": 0.5,
    }


def test_rows_are_json_with_the_promised_names():
    one = np.ones((1, 2))
    sobol, distilled = (r.to_json() for r in summarise([*rows("sobol", 2 * one), *rows("distilled", one)]))
    promised = {"pde", "protocol", "learner", "shift", "method", "points", "boundary_points", "mean", "low", "high"}
    assert promised <= set(sobol)
    assert "ratio" not in sobol
    assert promised | {"ratio", "ratio_low", "ratio_high"} <= set(distilled)
    json.dumps([sobol, distilled], allow_nan=False)
