"""The retrain protocol on tiny settings: the rows that it promises, and an evaluation that repeats them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.sets.samplers import INTERIOR_SAMPLERS
from pinndd.study.outcome import DISTILLED, StudySettings
from pinndd.study.retrain import evaluate_retrain, run_retrain
from pinndd.study.retrain_adaptive import GRIDS
from pinndd.study.retrain_baselines import BEST_OF_K, weighted
from pinndd.study.retrain_setup import learner_name, make_setup, outer_settings

TINY = StudySettings(points=16, boundary_points=9, seeds=1, test_conditions=3, budget=0.03, judges=())


def test_a_study_has_every_method_and_shift_and_evaluate_repeats_its_rows():
    pde = load_pde("heat")
    outcome = run_retrain(pde, TINY)
    assert {r.method for r in outcome.results} == {DISTILLED, BEST_OF_K, "dense", *INTERIOR_SAMPLERS, *GRIDS}
    assert {r.shift for r in outcome.results} == {"none", *pde.shifts}
    assert {(r.points, r.boundary_points) for r in outcome.results if not r.ceiling} == {(16, 9)}
    assert {(r.points, r.boundary_points) for r in outcome.results if r.ceiling} == {(225, 45)}
    assert [e.shift for e in outcome.examples] == ["none", *pde.shifts]
    again = evaluate_retrain(pde, outcome.data[0], TINY)
    mine = [r.relative_l2 for r in outcome.results if r.method == DISTILLED]
    assert [r.relative_l2 for r in again] == pytest.approx(mine, rel=1e-9)


def test_the_learner_follows_from_the_equation():
    assert learner_name(load_pde("heat")) == "ridge"
    assert learner_name(load_pde("burgers")) == "gauss-newton"
    assert learner_name(load_pde("heat"), "mlp-adam") == "mlp-adam"


def test_other_sizes_are_multiples_of_that_of_the_study():
    pde = load_pde("heat")
    outcome = run_retrain(pde, replace(TINY, curve=True))
    assert sorted({(r.points, r.boundary_points) for r in outcome.curve}) == [(4, 4), (9, 6), (25, 11), (36, 14), (49, 16)]
    assert {DISTILLED, "midpoint-grid"} <= {r.method for r in outcome.curve}


def test_a_first_look_gives_several_outputs_fewer_conditions_a_step():
    assert [outer_settings("gauss-newton", 0.2, 0, outputs).batch for outputs in (1, 2, 3)] == [12, 6, 4]
    assert outer_settings("gauss-newton", 1.0, 0, 3).batch == 12


def test_one_factorisation_serves_every_condition():
    pde = load_pde("heat")
    setup = make_setup(pde, TINY, 0)
    run = setup.learner
    few, many = setup.plain[:1], setup.plain[:5]
    from pinndd.study.retrain_baselines import sampled

    data = weighted(sampled(setup, "sobol", 16, 9, 1), 1.0, 10.0)
    with torch.no_grad():
        one, five = run.fit(data, few), run.fit(data, many)
    assert torch.allclose(one.weights[0], five.weights[0], rtol=1e-9, atol=1e-9)
