"""Studies with bodies: distilled on some, judged by one that no distillation saw."""

from dataclasses import replace

import pytest
import torch

from pinndd.hypergradients import Exact, Implicit
from pinndd.pinn.bodies import stored
from pinndd.pinn.bodies.settings import BodySettings
from pinndd.pinn.declare.loading import load_pde
from pinndd.study.protocols import engine, learners, protocol_named
from pinndd.study.protocols.learners import ON_POINTS, drawn_learner
from pinndd.study.results.table import DISTILLED

SHAPES = ((12,), (10,), (8, 8))


@pytest.fixture(autouse=True)
def small_bodies(monkeypatch):
    """Bodies that are trained in a moment."""
    monkeypatch.setattr(learners, "BODY_SHAPES", SHAPES)
    monkeypatch.setattr(learners, "BODY_STEPS", {True: 60, False: 40})
    monkeypatch.setattr(learners, "BODY_CONDITIONS", {True: 8, False: 4})
    monkeypatch.setattr(stored, "CONVERGED", 2.0)


@pytest.mark.parametrize(("name", "kind"), [("heat", "closed form"), ("allen_cahn", "implicit"), ("elasticity", "closed form")])
def test_a_study_distills_on_two_bodies_and_judges_by_the_third(opened, name, kind):
    study = opened("retrain", name, size={"points": 12, "boundary_points": 10}, learner="body", seed=1)
    (bench,) = study.benches(1)
    assert bench.learner.differentiation == kind
    assert [e.seed for e in bench.validation] == [2, 0]
    task = bench.task_on(bench.conditions.validation)
    generator = torch.Generator().manual_seed(0)
    assert {task.episodes(2, generator).seed for _ in range(12)} == {2, 0}
    body = bench.learner.model.features(bench.training_draw, torch.zeros(1, dtype=torch.float64))
    assert body.network.hidden == SHAPES[1]
    found = engine.distill_on(bench)
    assert found.data.header["learner"] == "body"
    assert found.data.header["learner_settings"]["hidden"] == [list(shape) for shape in SHAPES]


def test_rows_are_those_of_the_unseen_body_and_an_evaluation_repeats_them(opened):
    pde = load_pde("heat")
    study = opened("retrain", pde, learner="body", shifts=("none",))
    outcome = engine.run(study, protocol_named("retrain"))
    rows = outcome.results
    assert set(rows["learner"]) == {"body"}
    again = engine.evaluate(opened("retrain", pde, shifts=("none",)), protocol_named("retrain"), outcome.data[0])
    mine = rows.loc[rows["method"] == DISTILLED, "error"]
    assert again["error"].tolist() == pytest.approx(mine.tolist(), rel=1e-9)
    assert any("which the outer loop did not see" in note for note in outcome.notes)
    assert len(outcome.body_seconds) == 3
    assert min(outcome.body_seconds) > 0


@pytest.mark.parametrize(("name", "estimator"), [("heat", Exact()), ("burgers", Implicit())])
def test_the_gradient_through_a_body_is_that_of_central_differences(opened, name, estimator):
    study = opened("retrain", name, size={"points": 10, "boundary_points": 9}, learner="body")
    (bench,) = study.benches(0)
    data = bench.sampled("sobol", study.size, 3)
    # a penalty that leaves training one end: the estimators are exact there
    learner = replace(bench.learner, penalty=1e-3)
    problem = replace(bench, learner=learner).problem_for(data)
    episodes = bench.conditions.validation[:3].with_seed(1)
    _, gradient = estimator(problem, data, episodes)
    direction = torch.randn(data["interior"].shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    step = 1e-6
    with torch.no_grad():
        ends = [
            float(problem.evaluate(data.with_fields({"interior": data["interior"] + sign * step * direction}), episodes))
            for sign in (1, -1)
        ]
    assert float((gradient["interior"] * direction).sum()) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-3)


def test_features_are_fewer_than_rows():
    for name in ("heat", "burgers", "elasticity", "cavity"):
        pde = load_pde(name)
        points, boundary_points = pde.budget
        width = learners._body_width(pde, points, boundary_points)["width"]
        rows = points * pde.equation_count + boundary_points
        assert width * pde.output_count < rows or width == 8


def test_a_body_that_does_not_converge_leaves_the_study_to_random_features(opened, monkeypatch):
    monkeypatch.setattr(stored, "CONVERGED", 1e-9)
    study = opened("retrain", "heat", learner="body")
    (bench,) = study.benches(0)
    assert bench.recipe.name == "ridge"
    (note,) = [note for note in study.notes(bench) if "did not converge" in note]
    assert note.endswith("The study went on with ridge on random features.")


def test_bodies_are_what_a_study_distills_for_unless_it_is_a_first_look(opened):
    assert opened("retrain", "heat", effort=1.0).benches(0)[0].recipe.name == "body"
    assert opened("retrain", "heat", effort=0.5).benches(0)[0].recipe.name == drawn_learner(load_pde("heat")) == "ridge"


def test_progress_tells_which_body_is_trained(opened):
    told = []
    study = opened("retrain", "heat", learner="body")
    study = protocol_named("retrain").open(study.pde, study.size, study.settings, lambda *now: told.append(now))
    study.benches(0)
    named = [what for what, *_ in told]
    assert [f"retrain: training body {k} of 3" in named for k in (1, 2, 3)] == [True] * 3


def test_one_body_serves_where_there_is_no_other(monkeypatch):
    recipe = ON_POINTS["body"]
    pde = load_pde("heat")
    learner = recipe.build(pde, {"hidden": [[8]], "width": 9, "steps": 20, "penalty": 1e-7})
    assert recipe.draws(learner, 4) == [4]
    assert recipe.describe(learner) == {"width": 9, "hidden": [[8]], "steps": 20, "penalty": 1e-7}
    assert learner.model.bodies.settings[0] == BodySettings(width=9, hidden=(8,), seed=0, steps=20, conditions=8)
