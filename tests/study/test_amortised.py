"""The amortised protocol: what it distils, what it asks, and its gradient."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch

from pinndd.hypergradients import Implicit
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.models.conditioned import ConditionedModel
from pinndd.pinn.sets.collocation import INTERIOR
from pinndd.pinn.sets.samplers import sobol
from pinndd.pinn.sets.tuples import sample_tuples, tuple_data
from pinndd.pinn.tasks.questions import Questions
from pinndd.pinn.tasks.solutions import solutions
from pinndd.study import amortised, amortised_judges, amortised_setup
from pinndd.study.amortised import distill_amortised, evaluate_amortised, run_amortised
from pinndd.study.amortised_setup import DESIGNS, TEST_FAMILY, make_setup
from pinndd.study.outcome import DISTILLED, NO_SHIFT, StudySettings
from pinndd.study.sections import section_of

TINY = StudySettings(seeds=1, test_conditions=2, budget=0.05)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amortised_setup, "TUPLES", 24)
    monkeypatch.setattr(amortised_setup, "BOUNDARY_TUPLES", 9)
    monkeypatch.setattr(amortised_setup, "WEIGHTS", (1.0, 100.0))
    monkeypatch.setattr(amortised_judges, "WEIGHTS", (1.0, 100.0))
    monkeypatch.setattr(amortised_judges, "DEEPXDE_STEPS", (200, 20))
    monkeypatch.setattr(amortised, "section_of", partial(section_of, side=8))


def test_a_study_has_every_design_and_shift_and_evaluate_repeats_its_rows():
    pde = load_pde("heat")
    outcome = run_amortised(pde, TINY)
    assert {r.method for r in outcome.results} == {DISTILLED, *DESIGNS, TEST_FAMILY}
    assert {r.shift for r in outcome.results if r.method == TEST_FAMILY} == {r.shift for r in outcome.results} - {NO_SHIFT}
    assert {r.shift for r in outcome.results} == {"none", "frequency", "sparse", "correlated"}
    assert {(r.points, r.boundary_points) for r in outcome.results if not r.ceiling} == {(24, 9)}
    assert "steps, shape" in outcome.notes[-1]
    again = evaluate_amortised(pde, outcome.data[0], TINY)
    mine = [r.relative_l2 for r in outcome.results if r.method == DISTILLED]
    assert [r.relative_l2 for r in again] == pytest.approx(mine, rel=1e-9)


def test_distilling_does_not_raise_the_validation_risk():
    found = distill_amortised(load_pde("heat"), replace(TINY, budget=0.2), seed=1)
    assert found.risk <= found.history[0]["validation"]
    assert found.data.header["protocol"] == "amortised"


def test_another_learner_is_refused():
    pde = load_pde("heat")
    data = tuple_data(pde, *sample_tuples(pde, "sobol", 8, 6, 1, reach=1.0))
    with pytest.raises(ValueError, match="distils with ridge or gauss-newton"):
        evaluate_amortised(pde, data, TINY, learner="mlp-lm")


@pytest.mark.parametrize("judge", ["mlp-adam", "deepxde"])
def test_a_judge_trains_on_the_tuples_with_a_weight_of_its_own(judge: str):
    pde = load_pde("heat")
    data = tuple_data(pde, *sample_tuples(pde, "sobol", 24, 9, 1, reach=1.0)).with_header(pde="heat", learner="ridge", seed=0)
    rows = evaluate_amortised(pde, data, TINY, learner=judge)
    assert {(r.learner, r.distilled_with) for r in rows} == {(judge, "ridge")}
    assert all(0 < r.relative_l2 < 10 for r in rows)


def test_the_learner_is_rebuilt_from_the_settings_in_the_header():
    pde = load_pde("heat")
    data = tuple_data(pde, *sample_tuples(pde, "sobol", 24, 9, 1, reach=1.0)).with_header(pde="heat", learner="ridge", seed=0)
    narrow = data.with_header(learner_settings={"width": 30})
    usual, other = (evaluate_amortised(pde, d, TINY)[0].relative_l2 for d in (data, narrow))
    model = make_setup(pde, TINY, 0, "ridge", narrow.header).problem.learner.model
    assert model.width == 30
    assert other != usual


@pytest.mark.parametrize("field", [INTERIOR, "start"])
def test_the_gradient_agrees_with_central_differences(field: str):
    pde = load_pde("burgers")
    setup = make_setup(pde, TINY, 0)
    learner = GaussNewton(ConditionedModel(pde, width=40), penalty=1e-4, iterations=60, tolerance=1e-13)
    problem = replace(setup.problem, learner=learner)
    data = tuple_data(pde, *sample_tuples(pde, "sobol", 24, 9, 1, reach=1.0), 3.0)
    training = pde.ensemble()
    codes = training.sample(4, torch.Generator().manual_seed(1))
    points = pde.box.scale(sobol(30, 2, 5))
    questions = Questions(codes, points, solutions(pde, BoundaryValues(training, codes), points), 0)
    _, gradient = Implicit()(problem, data, questions)
    direction = torch.randn(data[field].shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    direction = 0.1 * direction
    # longer than usual: rounding enters the end of training as its Hessian is ill-conditioned
    step = 1e-4
    ends = []
    for sign in (1, -1):
        moved = {**data.fields, field: data[field] + sign * step * direction}
        # outside the box by less than the step: the row is evaluated there all the same
        ends.append(problem.risk(problem.losses(_unchecked(data, moved), questions)))
    difference = float((ends[0] - ends[1]) / (2 * step))
    assert float((gradient[field] * direction).sum()) == pytest.approx(difference, rel=1e-4)


def _unchecked(data, fields):
    copy = object.__new__(type(data))
    for name, value in {"fields": fields, "constraints": data.constraints, "header": data.header}.items():
        object.__setattr__(copy, name, value)
    return copy
