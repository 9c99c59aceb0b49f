"""Distilling with networks that are trained to the end: their draws, their weights, and the methods beside them."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from pinndd.hypergradients import MinimumNorm
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT, INTERIOR_WEIGHT
from pinndd.study.protocols import engine, protocol_named, retrain
from pinndd.study.protocols.learners import DRAWS, ON_POINTS, Outer
from pinndd.study.protocols.retrain import RetrainSettings
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.results.table import DISTILLED, FRESH

SIZE = RetrainSettings(8, 6)
SETTINGS = StudySettings(learner="mlp-lm", seeds=1, test_conditions=2, judges=(), shifts=("none", "steps"))


def small(pde, stored, *, fresh=False):
    """A learner that takes milliseconds."""
    return LevenbergMarquardt(MLPModel(pde, (6, 6)), iterations=6, fresh=fresh)


@pytest.fixture
def protocol(few_designs, monkeypatch):
    monkeypatch.setattr(retrain, "LARGER", ())
    recipe = replace(ON_POINTS["mlp-lm"], build=small, fresh=partial(small, fresh=True), outer=Outer(6, 3, 0.01))
    plain = protocol_named("retrain")
    return replace(plain, recipes={**plain.recipes, "mlp-lm": recipe})


def opened(protocol, **settings):
    return protocol.open(load_pde("heat"), SIZE, replace(SETTINGS, **settings))


def test_every_episode_has_initial_weights_of_its_own_and_no_test_and_no_validation_has_them(protocol):
    (bench,) = opened(protocol).benches(0)
    task, generator = bench.task_on(bench.conditions.training), torch.Generator().manual_seed(0)
    seeds = [task.episodes(3, generator).seed for _ in range(20)]
    assert len(set(seeds)) == 20
    assert set(seeds) <= set(DRAWS)
    validation, test = bench.conditions.validation.seed, bench.training_draw
    assert len({validation, test}) == 2
    assert not {validation, test} & set(DRAWS)
    drawn = bench.learner.initial(bench.designs[0].data, task.episodes(3, generator))
    assert len({float(row[0]) for row in drawn}) == 3


def test_other_learners_keep_the_draw_of_their_seed():
    (bench,) = protocol_named("retrain").open(load_pde("heat"), SIZE, StudySettings(learner="mlp-adam")).benches(3)
    assert bench.task_on(bench.conditions.training).seeds == (3,)
    assert bench.conditions.draw is None


def test_positions_are_learned_and_the_boundary_weight_is_tuned(protocol):
    (bench,) = opened(protocol).benches(0)
    assert isinstance(bench.hypergradient, MinimumNorm)
    assert bench.outer.rates == {BOUNDARY_WEIGHT: 0.0, INTERIOR_WEIGHT: 0.0}
    assert {float(m.data[BOUNDARY_WEIGHT] / m.data[INTERIOR_WEIGHT]) for m in bench.designs} <= {1.0, 10.0, 100.0}
    found = engine.distill_on(bench).data
    assert float(found[BOUNDARY_WEIGHT] / found[INTERIOR_WEIGHT]) in (1.0, 10.0, 100.0)
    starts = bench.starts()
    errors = sorted(bench.designs, key=lambda m: m.error)[:3]
    assert [float(s["interior"].sum()) for s in starts] == [float(m.data["interior"].sum()) for m in errors]
    assert all(float((found["interior"] - start["interior"]).abs().max()) > 1e-4 for start in starts)


def test_a_study_has_fresh_samples_and_additions_outside_the_comparison(protocol):
    outcome = engine.run(opened(protocol), protocol)
    rows = outcome.results
    ceilings = set(rows.loc[rows["ceiling"], "method"])
    best = min(opened(protocol).benches(0)[0].designs, key=lambda m: m.error).name
    assert ceilings == {FRESH, "dense", f"{DISTILLED}+rar", f"{best}+rar"}
    assert set(rows.loc[rows["method"].str.endswith("+rar"), "points"]) == {SIZE.points * 5 // 4}
    assert set(rows.loc[rows["method"] == FRESH, "points"]) == {SIZE.points}
    assert any("initial weights of its own" in note for note in outcome.notes)
    again = engine.evaluate(opened(protocol), protocol, outcome.data[0])
    mine = rows.loc[rows["method"] == DISTILLED, "error"]
    assert again["error"].tolist() == pytest.approx(mine.tolist(), rel=1e-6)


def test_best_of_k_has_the_trainings_of_the_outer_loop(protocol, monkeypatch):
    (bench,) = opened(protocol).benches(0)
    drawn = []
    original = retrain.RetrainBench.sampled
    watched = lambda self, *arguments: drawn.append(arguments) or original(self, *arguments)  # noqa: E731
    designs = bench.designs
    monkeypatch.setattr(retrain.RetrainBench, "sampled", watched)
    bench.best_of_k()
    assert len(designs) > 1
    assert len(drawn) == max(1, round(bench.outer.steps * bench.outer.batch / len(bench.conditions.plain)))


def test_more_rows_than_weights_are_refused_before_anything_is_solved(protocol):
    study = protocol.open(load_pde("heat"), RetrainSettings(60, 30), SETTINGS)
    with pytest.raises(ValueError, match="90 rows for networks of 67 weights, which cannot all be zero"):
        study.benches(0)
