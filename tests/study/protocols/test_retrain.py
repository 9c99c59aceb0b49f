"""The retrain protocol on tiny settings: the rows that it promises, and an evaluation that repeats them."""

from dataclasses import replace

import pytest
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.sets.samplers import INTERIOR_SAMPLERS
from pinndd.study.protocols import engine, protocol_named, retrain
from pinndd.study.protocols.learners import ON_POINTS, distilling_recipe, drawn_learner
from pinndd.study.protocols.retrain import RetrainSettings
from pinndd.study.protocols.retrain.adaptive import GRIDS
from pinndd.study.protocols.retrain.bench import BEST_OF_K, outer_settings
from pinndd.study.protocols.retrain.chosen import MAGIC_POINTS, PIVOTED_QR
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.protocols.weights import weighted
from pinndd.study.results.table import DISTILLED


def sizes(rows):
    return set(zip(rows["points"], rows["boundary_points"], strict=True))


@pytest.mark.usefixtures("usual_conditions")
def test_a_study_has_every_method_and_shift_and_evaluate_repeats_its_rows(opened, outcome_of):
    pde = load_pde("heat")
    outcome = outcome_of("retrain", "heat")
    rows = outcome.results
    assert set(rows["method"]) == {DISTILLED, BEST_OF_K, MAGIC_POINTS, PIVOTED_QR, "dense", *INTERIOR_SAMPLERS, *GRIDS}
    assert set(rows["shift"]) == {"none", *pde.shifts}
    assert sizes(rows[~rows["ceiling"]]) == {(16, 9)}
    assert sizes(rows[rows["ceiling"]]) == {(225, 45)}
    assert [e.shift for e in outcome.examples] == ["none", *pde.shifts]
    again = engine.evaluate(opened("retrain", pde), protocol_named("retrain"), outcome.data[0])
    mine = rows.loc[rows["method"] == DISTILLED, "error"]
    assert again["error"].tolist() == pytest.approx(mine.tolist(), rel=1e-9)


def test_the_learner_follows_from_the_equation():
    assert drawn_learner(load_pde("heat")) == "ridge"
    assert drawn_learner(load_pde("burgers")) == "gauss-newton"
    assert distilling_recipe(load_pde("heat"), None, ON_POINTS).name == "ridge"
    assert distilling_recipe(load_pde("heat"), "mlp-adam", ON_POINTS).name == "mlp-adam"


def test_a_study_builds_a_learner_from_what_its_recipe_says(opened):
    (bench,) = opened("retrain", "heat", learner="mlp-adam").benches(0)
    assert (bench.learner.steps, bench.learner.dtype) == (200, torch.float64)
    protocol = protocol_named("retrain")
    shorter = replace(protocol.recipes["mlp-adam"], distilling={"steps": 7})
    protocol = replace(protocol, recipes={**protocol.recipes, "mlp-adam": shorter})
    (bench,) = protocol.open(load_pde("heat"), None, StudySettings(learner="mlp-adam")).benches(0)
    assert bench.learner.steps == 7


def test_other_sizes_are_multiples_of_that_of_the_study(opened, few_designs, monkeypatch):
    study = opened("retrain", "heat", curve=True, shifts=("none",))
    multiples = [study.size.times(study.pde, factors) for factors in retrain.CURVE]
    assert [(m.points, m.boundary_points) for m in multiples] == [(4, 4), (9, 6), (25, 11), (36, 14), (49, 16)]
    monkeypatch.setattr(retrain, "CURVE", retrain.CURVE[:2])
    curve = study.other_sizes(study.benches(0)[0])
    assert sizes(curve) == {(4, 4), (9, 6)}
    assert {method: len(rows) for method, rows in curve.groupby("method")} == dict.fromkeys((DISTILLED, *few_designs), 6)


def test_a_first_look_gives_several_outputs_fewer_conditions_a_step():
    recipe = ON_POINTS["gauss-newton"]
    assert [outer_settings(recipe, 0.2, 0, outputs).batch for outputs in (1, 2, 3)] == [12, 6, 4]
    assert outer_settings(recipe, 1.0, 0, 3).batch == 12


def test_one_factorisation_serves_every_condition(opened):
    bench = opened("retrain", "heat").benches(0)[0]
    plain = bench.conditions.plain
    data = weighted(bench.sampled("sobol", RetrainSettings(16, 9), 1), 1.0, 10.0)
    with torch.no_grad():
        one, five = bench.learner.fit(data, plain[:1]), bench.learner.fit(data, plain[:5])
    assert torch.allclose(one.weights[0], five.weights[0], rtol=1e-9, atol=1e-9)
