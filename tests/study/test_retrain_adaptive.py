"""Adaptive baselines in a study: rows at equal terms, tuned on validation conditions, counted among the baselines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pinndd.pinn.adaptive import RARD
from pinndd.pinn.declare.loading import load_pde
from pinndd.study.outcome import DISTILLED, StudySettings
from pinndd.study.retrain_adaptive import GRIDS, adaptive_results, tune_adaptive
from pinndd.study.retrain_baselines import sampled, tune_design
from pinndd.study.retrain_setup import make_setup
from pinndd.study.summary import summarise

TINY = StudySettings(
    points=16, boundary_points=9, seeds=1, test_conditions=3, budget=0.03, judges=(), shifts=("none", "steps")
)


def quiet(what, done, total, error):
    """Report nothing."""


@pytest.fixture(scope="module")
def setup():
    return make_setup(load_pde("heat"), TINY, 0)


@pytest.fixture(scope="module")
def chosen(setup):
    designs = [tune_design(setup, m, sampled(setup, m, 16, 9, 1)) for m in ("sobol", "hammersley")]
    return tune_adaptive(setup, designs, TINY, quiet)


@pytest.fixture(scope="module")
def rows(setup, chosen):
    return adaptive_results(setup, chosen, TINY, "retrain", quiet)


def test_rows_are_those_of_the_other_methods_and_repeat(setup, chosen, rows):
    assert [(r.method, r.shift, r.episode) for r in rows] == [
        (m, shift, e) for shift in ("none", "steps") for m in GRIDS for e in range(3)
    ]
    assert {(r.points, r.boundary_points, r.learner, r.seed, r.ceiling) for r in rows} == {(16, 9, "ridge", 0, False)}
    assert all(0 < r.relative_l2 < 10 and r.seconds > 0 for r in rows)
    again = adaptive_results(setup, chosen, replace(TINY, shifts=("steps",)), "retrain", quiet)
    assert [r.relative_l2 for r in again] == [r.relative_l2 for r in rows if r.shift == "steps"]


def test_the_first_training_has_as_many_points_as_the_method_says(setup, chosen):
    for each in chosen:
        first = each.data["interior"].shape[0]
        assert first == each.method.sizes(16, each.rounds)[0]
        assert (first < 16) == isinstance(each.method, RARD)
        assert sum(each.data[c.name].shape[0] for c in setup.pde.valued) == 9
        assert each.method.name in GRIDS
        assert "rounds, weights" in str(each)


def test_an_adaptive_method_can_be_the_best_baseline(rows):
    best = min(summarise(rows), key=lambda r: r.mean)
    distilled = [
        replace(r, method=DISTILLED, relative_l2=r.relative_l2 / 2, distilled_with="ridge")
        for r in rows
        if (r.method, r.shift) == (best.method, best.shift)
    ]
    (row,) = [r for r in summarise([*rows, *distilled]) if r.method == DISTILLED]
    assert row.baseline == best.method
    assert row.ratio == pytest.approx(2)
