"""Means, intervals and paired ratios against closed forms and a small simulation."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from pinndd.study.results import words
from pinndd.study.results.intervals import Interval, mean_interval, ratio_interval
from pinndd.study.results.summary import SUMMARY_COLUMNS, comparisons, summarise, summary_from_json, summary_to_json
from pinndd.study.results.table import TableError, as_table, rows_of


def rows(method, errors, **changes):
    """Results of one method from a ``(seeds, episodes)`` array."""
    base = {
        "pde": "heat", "protocol": "retrain", "method": method, "learner": "ridge", "points": 64, "boundary_points": 30,
        "shift": "none", "seconds": 0.01,
    }  # fmt: skip
    return [
        {**base, "seed": s, "episode": e, "error": float(errors[s, e]), **changes}
        for s in range(errors.shape[0])
        for e in range(errors.shape[1])
    ]


def summaries(results):
    """Rows of the summary, as named tuples."""
    return list(rows_of(summarise(as_table(results))))


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
    summary = summaries(results)
    distilled = summary[-1]
    assert [r.method for r in summary] == ["sobol", "midpoint-grid", "uniform", "dense", "distilled"]
    assert distilled.baseline == "midpoint-grid"
    assert (distilled.ratio, distilled.ratio_low, distilled.ratio_high) == pytest.approx((2, 2, 2))
    assert distilled.wins is True
    (compared,) = rows_of(comparisons(summarise(as_table(results))))
    assert (compared.baseline_mean, compared.baseline_median) == (summary[1].mean, summary[1].median)
    assert compared.state == "win"
    assert distilled.median == pytest.approx(np.median(errors))
    assert distilled.models == 12


def test_the_best_baseline_is_chosen_anew_under_each_shift():
    one = np.ones((2, 4))
    results = [
        *rows("sobol", one), *rows("grid", 2 * one), *rows("distilled", one),
        *rows("sobol", 4 * one, shift="steps"), *rows("grid", 3 * one, shift="steps"),
        *rows("distilled", 6 * one, shift="steps"),
    ]  # fmt: skip
    found = {(r.shift, r.baseline, r.ratio, r.wins) for r in summaries(results) if r.method == "distilled"}
    assert found == {("none", "sobol", 1.0, None), ("steps", "grid", 0.5, False)}


def test_pairs_are_seeds_and_episodes_in_common():
    """A baseline that ran for one seed only is compared on that seed."""
    distilled = np.array([[1.0, 1.0], [100.0, 100.0]])
    summary = summaries([*rows("sobol", np.full((1, 2), 2.0)), *rows("distilled", distilled)])
    assert summary[1].ratio == pytest.approx(2.0)


def test_a_failed_training_counts_as_infinite_error():
    errors = np.ones((1, 3))
    broken = np.array([[1.0, np.nan, 1.0]])
    table = summarise(as_table([*rows("sobol", errors), *rows("distilled", broken)]))
    sobol, distilled = rows_of(table)
    assert sobol.failed == 0
    assert distilled.failed == 1
    assert math.isinf(distilled.mean)
    assert distilled.ratio == 0.0
    assert summary_to_json(table)[1]["mean"] is None
    assert summary_from_json(summary_to_json(table)).equals(table.assign(conditions=0, distinct=0))


def test_sets_of_other_learners_have_rows_of_their_own():
    one = np.ones((1, 2))
    results = [
        *rows("sobol", 2 * one, learner="mlp-lm"),
        *rows("distilled", one, learner="mlp-lm", distilled_with="ridge"),
        *rows("distilled", 4 * one, learner="mlp-lm", distilled_with="mlp-lm"),
    ]
    assert {r.distilled_with: r.ratio for r in summaries(results) if r.method == "distilled"} == {
        "ridge": 2.0,
        "mlp-lm": 0.5,
    }


def test_rows_are_json_with_the_promised_names():
    one = np.ones((1, 2))
    sobol, distilled = summary_to_json(summarise(as_table([*rows("sobol", 2 * one), *rows("distilled", one)])))
    promised = {"pde", "protocol", "learner", "shift", "method", "points", "boundary_points", "mean", "low", "high"}
    assert promised <= set(sobol)
    assert "ratio" not in sobol
    assert promised | {"ratio", "ratio_low", "ratio_high"} <= set(distilled)
    json.dumps([sobol, distilled], allow_nan=False)


def test_nothing_is_summarised_to_a_table_of_the_same_columns():
    empty = summarise(as_table(()))
    assert list(empty.columns) == list(SUMMARY_COLUMNS)
    assert {name: str(kind) for name, kind in empty.dtypes.items()} == dict(SUMMARY_COLUMNS)
    assert empty.empty
    assert comparisons(empty).empty


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"error": "small"}, "column 'error'"),
        ({"points": 1.5}, "column 'points'.*whole"),
        ({"shift": None}, "column 'shift'"),
        ({"relative_l2": 0.1}, "unknown relative_l2"),
    ],
)
def test_rows_that_are_no_results_are_refused(changes, part):
    with pytest.raises(TableError, match=part):
        as_table(rows("sobol", np.ones((1, 2)), **changes))


def test_a_missing_column_is_named():
    (row,) = rows("sobol", np.ones((1, 1)))
    with pytest.raises(TableError, match="missing seed"):
        as_table([{name: value for name, value in row.items() if name != "seed"}])


@pytest.mark.parametrize(
    ("distinct", "conditions", "said"),
    [
        (2, 4, "two distinct errors"),
        (1, 4, "one distinct error"),
        (3, 4, "three distinct errors"),
        (4, 4, ""),
        (35, 40, ""),
        (12, 40, "12 distinct errors"),
        (0, 0, ""),
    ],
)
def test_few_distinct_errors_are_said_in_intervals(distinct, conditions, said):
    row = SimpleNamespace(
        low=0.015, high=0.019, ratio=3.8, ratio_low=3.5, ratio_high=4.1, distinct=distinct, conditions=conditions,
        distance="relative-l2",
    )
    assert words.interval(row) == ("1.5 to 1.9 %" + (f" ({said})" if said else ""))
    assert words.ratio(row) == f"3.8 (3.5 to 4.1{f'; {said}' if said else ''})"


def test_distinct_errors_are_those_of_one_seed_to_six_digits():
    common = dict(pde="p", protocol="retrain", learner="ridge", points=4, boundary_points=4, shift="none", seconds=1.0)
    errors = {0: (0.1, 0.1 * (1 + 1e-9), 0.2, 0.1), 1: (0.3, 0.3, 0.3, math.inf)}
    rows = [common | dict(method="sobol", seed=s, episode=k, error=e) for s, es in errors.items() for k, e in enumerate(es)]
    (row,) = rows_of(summarise(as_table(rows)))
    assert (row.conditions, row.distinct) == (4, 2)
    assert not {"conditions", "distinct"} & set(summary_to_json(summarise(as_table(rows)))[0])


def test_the_share_of_the_dense_set_that_is_kept():
    """Errors in proportion: the share is exact, of the same learner and shift alone, and of the better of two dense sets."""
    errors = np.random.default_rng(6).uniform(0.5, 1.5, (2, 6))
    results = [
        *rows("sobol", 4 * errors),
        *rows("dense", 0.8 * errors, points=512, ceiling=True),
        *rows("dense", 0.9 * errors, points=256, ceiling=True),
        *rows("distilled", errors, distilled_with="ridge"),
        *rows("dense", 3 * errors, points=512, ceiling=True, shift="steps"),
        *rows("distilled", 2 * errors, distilled_with="ridge", shift="steps"),
        *rows("distilled", errors, distilled_with="ridge", learner="mlp-lm"),
        *rows("distilled", np.where(errors == errors.max(), np.nan, errors), distilled_with="mlp-lm"),
    ]
    table = summarise(as_table(results))
    sets = [row for row in rows_of(table) if row.method == "distilled"]
    found = {(r.learner, r.shift, r.distilled_with): (r.kept, r.kept_low, r.kept_high) for r in sets}
    assert found["ridge", "none", "ridge"] == pytest.approx((0.8, 0.8, 0.8))
    assert found["ridge", "steps", "ridge"] == pytest.approx((1.5, 1.5, 1.5))
    assert found["mlp-lm", "none", "ridge"] == (None, None, None)
    assert found["ridge", "none", "mlp-lm"] == (0, 0, 0)
    assert table.loc[table["method"] != "distilled", "kept"].isna().all()
    dense, distilled = summary_to_json(table[table["shift"] == "steps"])
    assert "kept" not in dense
    assert distilled["kept"] == pytest.approx(1.5)


def test_the_share_has_the_interval_of_a_paired_ratio():
    generator = np.random.default_rng(7)
    dense, distilled = (generator.uniform(0.5, 1.5, (3, 8)) for _ in range(2))
    table = summarise(as_table([*rows("dense", dense, ceiling=True), *rows("distilled", distilled)]))
    row = list(rows_of(table))[-1]
    interval = ratio_interval(dense, distilled)
    assert (row.kept, row.kept_low, row.kept_high) == (interval.value, interval.low, interval.high)
    assert row.ratio is None


@pytest.mark.parametrize(
    ("share", "said"), [((0.9444, 0.913, 0.97), "94 % (91 to 97)"), ((1.72, 1.5, 2.0), "172 % (150 to 200)"), ((None,) * 3, "–")]
)
def test_a_share_in_words(share, said):
    assert words.kept(SimpleNamespace(kept=share[0], kept_low=share[1], kept_high=share[2])) == said


def test_errors_of_zero_are_equal_and_anything_is_infinitely_many_times_as_large():
    """Error rates of few examples are zero in some replicates, and in all of them."""
    zero, some = np.zeros((1, 6)), np.array([[0.0, 0.5, 0.0, 0.0, 0.5, 0.0]])
    assert ratio_interval(zero, zero) == Interval(1.0, 1.0, 1.0)
    assert ratio_interval(some, zero).value == np.inf
    assert ratio_interval(zero, some).value == 0
    both = ratio_interval(some, some)
    assert both == Interval(1.0, 1.0, 1.0)
    mixed = ratio_interval(some, np.array([[0.5, 0.0, 0.0, 0.0, 0.0, 0.0]]))
    assert mixed.value == 2
    assert mixed.high == np.inf
