"""The amortised protocol: what it distils, what it asks, and its gradient."""

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
from pinndd.pinn.solving.truth import solutions
from pinndd.pinn.tasks.questions import Questions
from pinndd.study.protocols import amortised, engine, protocol_named
from pinndd.study.protocols.amortised import DESIGNS, TEST_FAMILY
from pinndd.study.protocols.parts import UnknownNameError
from pinndd.study.protocols.sections import section_of
from pinndd.study.results.table import DISTILLED, NO_SHIFT


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(amortised, "WEIGHTS", (1.0, 100.0))
    monkeypatch.setattr(amortised, "section_of", partial(section_of, side=8))


@pytest.fixture(scope="module")
def heat_tuples():
    pde = load_pde("heat")
    data = tuple_data(pde, *sample_tuples(pde, "sobol", 24, 9, 1, reach=1.0))
    return data.with_header(pde="heat", learner="ridge", seed=0)


def evaluate(study, data, learner=None):
    return engine.evaluate(study, protocol_named("amortised"), data, learner)


def test_a_study_has_every_design_and_shift_and_evaluate_repeats_its_rows(opened, ran):
    outcome = ran("amortised", "heat")
    rows = outcome.results
    assert set(rows["method"]) == {DISTILLED, *DESIGNS, TEST_FAMILY}
    assert set(rows["shift"]) == {"none", "frequency", "sparse", "correlated"}
    assert set(rows.loc[rows["method"] == TEST_FAMILY, "shift"]) == set(rows["shift"]) - {NO_SHIFT}
    plain = rows[~rows["ceiling"]]
    assert set(zip(plain["points"], plain["boundary_points"], strict=True)) == {(24, 9)}
    assert "steps, shape" in outcome.notes[-1]
    again = evaluate(opened("amortised", "heat"), outcome.data[0])
    mine = rows.loc[rows["method"] == DISTILLED, "error"]
    assert again["error"].tolist() == pytest.approx(mine.tolist(), rel=1e-9)


def test_distilling_does_not_raise_the_validation_risk(opened):
    found = engine.distill_on(opened("amortised", "heat", effort=0.2).benches(1)[0])
    assert found.risk <= found.history[0]["validation"]
    assert found.data.header["protocol"] == "amortised"


def test_another_learner_is_refused(opened, heat_tuples):
    with pytest.raises(UnknownNameError, match="learner 'mlp-lm': there is none of that name; expected mlp-adam, "):
        evaluate(opened("amortised", "heat"), heat_tuples, "mlp-lm")


@pytest.mark.parametrize("judge", ["mlp-adam", "deepxde"])
def test_a_judge_trains_on_the_tuples_with_a_weight_of_its_own(opened, heat_tuples, judge):
    rows = evaluate(opened("amortised", "heat"), heat_tuples, judge)
    assert set(zip(rows["learner"], rows["distilled_with"], strict=True)) == {(judge, "ridge")}
    assert rows["error"].between(0, 10, inclusive="neither").all()


def test_the_learner_is_rebuilt_from_the_settings_in_the_header(opened, heat_tuples):
    study = opened("amortised", "heat")
    narrow = heat_tuples.with_header(learner_settings={"width": 30})
    usual, other = (evaluate(study, data)["error"].iloc[0] for data in (heat_tuples, narrow))
    assert study.bench_for(narrow, None).learner.model.width == 30
    assert other != usual


@pytest.mark.parametrize("field", [INTERIOR, "start"])
def test_the_gradient_agrees_with_central_differences(opened, field):
    pde = load_pde("burgers")
    learner = GaussNewton(ConditionedModel(pde, width=40), penalty=1e-4, iterations=60, tolerance=1e-13)
    data = tuple_data(pde, *sample_tuples(pde, "sobol", 24, 9, 1, reach=1.0), 3.0)
    problem = replace(opened("amortised", pde).benches(0)[0], learner=learner).problem_for(data)
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


def test_the_error_that_is_told_is_the_mean_over_all_validation_conditions(opened, heat_tuples):
    bench = opened("amortised", "heat").benches(0)[0]
    assert len(bench.validating) == 1  # one training answers for all of them
    count = bench.validating.conditions
    assert count > 1
    assert f" mean over {count} validation conditions of the broadened training family)" in bench.in_validation(heat_tuples)
