"""Studies with bodies: distilled on some, judged by one that no distillation saw."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from pinndd.hypergradients import Exact, Implicit
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.pinn.bodies import stored
from pinndd.pinn.bodies.settings import BodySettings
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.models.mlp import MLPModel
from pinndd.study.protocols import engine, learners, protocol_named, retrain
from pinndd.study.protocols.bench import Method
from pinndd.study.protocols.learners import ON_POINTS, drawn_learner
from pinndd.study.protocols.retrain import RetrainSettings
from pinndd.study.protocols.retrain.bench import LEVELS, RATIOS
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.protocols.weights import weighted, weights_around, weights_of
from pinndd.study.results.selection import transfer_cells
from pinndd.study.results.summary import summarise
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


def test_seeds_of_one_study_begin_with_different_bodies(opened):
    for seed, order in ((0, [1, 2, 3]), (1, [2, 3, 1]), (5, [3, 1, 2])):
        said = []
        study = opened("retrain", "heat", learner="body", seed=seed)
        told = replace(study, progress=lambda what, *more, said=said: said.append(what))
        told.benches(seed)
        trained = [what for what in dict.fromkeys(said) if "training body" in what]
        assert trained == [f"retrain: training body {number} of 3" for number in order]


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


def test_weights_are_tuned_anew_within_their_bounds(opened):
    (bench,) = opened("retrain", "heat", learner="body").benches(0)
    data = bench.sampled("sobol", bench.study.size, 3)
    tried = weights_around(weighted(data, 1e3, 5e11), (0.1, 10.0), (0.1, 1.0, 10.0))
    wanted = ((100, 5e9), (100, 5e10), (100, 5e11), (1e4, 5e11))
    assert [weights_of(each) for each in tried] == [pytest.approx(pair) for pair in wanted]
    finished = bench.finished(weighted(data, 1e-3, 1e-6))
    assert bench.error(finished) <= bench.error(weighted(data, 1e-3, 1e-6))
    assert weights_of(finished) != (1e-3, 1e-6)


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


def small_lm(pde, stored):
    """A learner that takes milliseconds."""
    return LevenbergMarquardt(MLPModel(pde, (6, 6)), iterations=15)


@pytest.fixture
def protocol(few_designs, monkeypatch):
    """The retrain protocol with small networks as judges."""
    monkeypatch.setattr(retrain, "LARGER", ())
    plain = protocol_named("retrain")
    recipe = replace(ON_POINTS["mlp-lm"], build=small_lm, fresh=None, ratios=(1.0,))
    return replace(plain, recipes={**plain.recipes, "mlp-lm": recipe})


def small_study(protocol, **settings):
    given = {"seeds": 1, "test_conditions": 2, "judge_conditions": 2, "effort": 0.03, "shifts": ("none", "steps")} | settings
    return protocol.open(load_pde("heat"), RetrainSettings(12, 9), StudySettings(**given))


def test_sets_distilled_on_bodies_are_judged_by_random_features_and_by_networks_trained_to_the_end(protocol):
    rows = engine.run(small_study(protocol, learner="body"), protocol).results
    assert list(rows["learner"].unique()) == ["body", "ridge", "mlp-lm"]
    assert set(rows.loc[rows["method"] == DISTILLED, "distilled_with"]) == {"body"}
    for learner in ("ridge", "mlp-lm"):
        mine = rows[rows["learner"] == learner]
        assert {"distilled", "hammersley"} & set(mine["method"]) >= {"distilled"}
        assert set(mine["shift"]) == {"none", "steps"}
        assert mine["method"].nunique() >= 2
    cells = transfer_cells(summarise(rows), worst_shift=False)
    assert list(zip(cells["distilled_with"], cells["learner"], strict=True)) == [("body", n) for n in ("body", "ridge", "mlp-lm")]


@pytest.mark.parametrize(("learner", "judges"), [("ridge", None), ("mlp-lm", None), ("mlp-lm", ("mlp-lm",))])
def test_the_learner_of_a_set_does_not_judge_it_twice(protocol, learner, judges):
    study = small_study(protocol, learner=learner, judges=judges)
    (bench,) = study.benches(0)
    data = bench.sampled("sobol", study.size, 3)
    found = SimpleNamespace(data=data, risk=0.1)
    rows = engine._judged(study, protocol, engine.Trial(bench, found), ())
    assert {name for frame in rows for name in frame["learner"]} == ({"mlp-lm"} if learner == "ridge" else set())


@pytest.mark.parametrize(("name", "learner"), [("heat", "ridge"), ("burgers", "gauss-newton")])
def test_the_random_features_that_judge_fit_the_equation(name, learner):
    assert list(ON_POINTS["body"].judged_by(load_pde(name))) == [learner]
    assert list(ON_POINTS["ridge"].judged_by(load_pde(name))) == []


def test_random_features_that_judge_are_tuned_like_designs(protocol):
    """Their scale on the best designs, and both weights of every set, not the boundary weight alone."""
    study = small_study(protocol, learner="body")
    (bench,) = study.benches(0)
    judge = study.judge(bench, ON_POINTS["ridge"])
    plain = bench.with_recipe(ON_POINTS["ridge"], ON_POINTS["ridge"].build(study.pde, {}))
    assert judge.learner.model.scale == plain.with_best_scale().learner.model.scale
    given = weighted(bench.sampled("sobol", study.size, 3), 7.0, 7.0)
    method = study.retuned(judge, Method(DISTILLED, given))
    assert method.error == judge.tune(DISTILLED, given).error
    assert method.error < judge.error(given)
    inner, outer = weights_of(method.data)
    assert inner in LEVELS
    assert any(outer == pytest.approx(inner * ratio) for ratio in RATIOS)


def test_an_evaluation_with_random_features_tunes_their_weights_as_a_study_does(protocol):
    study = small_study(protocol, learner="body", shifts=("none",))
    (bench,) = study.benches(0)
    data = weighted(bench.sampled("sobol", study.size, 3), 7.0, 7.0).with_header(**bench.header())
    rows = engine.evaluate(small_study(protocol, shifts=("none",)), protocol, data, "ridge")
    judge = study.judge(bench, ON_POINTS["ridge"])
    expected = judge.rows(study.retuned(judge, Method(DISTILLED, data)), study.tests, distilled_with="body")
    assert rows["error"].tolist() == pytest.approx(expected["error"].tolist(), rel=1e-6)
