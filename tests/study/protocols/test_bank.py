"""Studies with a bank: one set for bodies, random features and networks trained to the end."""

from dataclasses import replace

import pytest
import torch

from pinndd.hypergradients import ByMember, fitting
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.pinn.bodies import stored
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.solving.cache import CACHE
from pinndd.pinn.tasks.members import MemberEpisodes
from pinndd.risks import CVaR, GeometricMean, Mean
from pinndd.study.protocols import engine, learners, protocol_named
from pinndd.study.protocols.learners import ON_POINTS
from pinndd.study.protocols.retrain import bank as banks
from pinndd.study.protocols.retrain import bench as retrain_bench
from pinndd.study.protocols.retrain.bank import FEATURE_DRAWS, bank_of
from pinndd.study.results.table import DISTILLED

SHAPES = ((12,), (10,), (8, 8))
SIZE = {"points": 10, "boundary_points": 9}


def small(pde, stored):
    """A network that trains in milliseconds."""
    return LevenbergMarquardt(MLPModel(pde, (6, 6)), iterations=15)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder where the bodies that one test trains are found by the next."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(autouse=True)
def small_members(monkeypatch, few_designs, kept):
    monkeypatch.setenv(CACHE, str(kept))
    monkeypatch.setattr(learners, "BODY_SHAPES", SHAPES)
    monkeypatch.setattr(learners, "BODY_STEPS", {True: 60, False: 40})
    monkeypatch.setattr(learners, "BODY_CONDITIONS", {True: 8, False: 4})
    monkeypatch.setattr(stored, "CONVERGED", 2.0)
    monkeypatch.setattr(retrain_bench, "chosen_by_features", lambda bench: [])
    monkeypatch.setattr(retrain_bench, "MEMBER_VALIDATION", 3)


def with_small_networks(study):
    return replace(study, recipes={**study.recipes, "mlp-lm": replace(ON_POINTS["mlp-lm"], build=small)})


def bench_of(opened, name="heat", seed=0, **settings):
    study = with_small_networks(opened("retrain", name, size=SIZE, **{"learner": "bank-full", **settings}))
    (bench,) = study.benches(seed)
    return bench


def test_every_member_is_drawn_and_none_that_judges(opened):
    bench = bench_of(opened, seed=1)
    names = [m.recipe.name for m in bench.members]
    assert [m.learner.model.scale for m in bench.members[2:4]] == [0.7, 1.4]
    assert names == ["bank-full", "bank-full", "ridge, scale 0.7", "ridge, scale 1.4", "mlp-lm"]
    bank = bank_of(bench.members)
    task, generator = bench.problem_for(bench.designs[0].data).task, torch.Generator().manual_seed(0)
    drawn = [set() for _ in bench.members]
    for _ in range(40):
        batch = task.episodes(10, generator)
        assert [len(part) for part in batch.parts] == [2] * 5
        assert len(batch) == 10
        for k, part in enumerate(batch.parts):
            learner, own = bank.member(part)
            assert learner is bench.members[k].learner
            drawn[k].add(own.seed)
    assert drawn[:2] == [{2}, {0}]
    assert drawn[2] | drawn[3] <= set(FEATURE_DRAWS)
    assert len(drawn[2]) > 10
    assert len(drawn[4]) == 40
    # one that judges is of draw 1, and validation has draws of its own
    assert not any(bench.training_draw in draws for draws in drawn)
    validating = [bank.member(batch)[1].seed for batch in bench.validation]
    assert validating[:2] == [2, 0]
    assert not any(validating[k] in drawn[k] for k in (2, 3, 4))
    assert {len(batch) for batch in bench.validation} == {3}


@pytest.mark.parametrize("name", ["heat", "allen_cahn"])
def test_the_gradient_of_a_step_is_that_of_the_members(opened, name):
    bench = bench_of(opened, name)
    data = bench.sampled("sobol", bench.study.size, 3)
    problem = bench.problem_for(data)
    estimator = bench.hypergradient
    assert isinstance(estimator, ByMember)
    batch = problem.task.episodes(10, torch.Generator().manual_seed(0))
    risks, gradients = [], []
    for member, part in zip(bench.members, batch.parts, strict=True):
        own = part.with_seed(problem.learner.member(part)[1].seed)
        alone = replace(problem, learner=member.learner, risk=GeometricMean())
        risk, gradient = fitting(member.learner)(alone, data, own)
        risks.append(risk)
        gradients.append(gradient["interior"])
        # a batch of one member is that member's
        same, slope = estimator(replace(problem, risk=GeometricMean()), data, part)
        assert float(same) == pytest.approx(float(risk), rel=1e-9)
        assert torch.allclose(slope["interior"], gradient["interior"], rtol=1e-9)
    levels = torch.tensor(problem.risk.levels, dtype=torch.float64)
    relative = torch.stack(risks) / levels
    risk, gradient = estimator(problem, data, batch)
    assert float(risk) == pytest.approx(float(relative.mean()), rel=1e-9)
    expected = sum(g / level for g, level in zip(gradients, levels, strict=True)) / len(levels)
    assert torch.allclose(gradient["interior"], expected, rtol=1e-9)
    # the worst fifth of five members is the worst of them
    worst = int(relative.argmax())
    cvar = replace(problem, risk=replace(problem.risk, outer=CVaR(0.2)))
    risk, gradient = estimator(cvar, data, batch)
    assert float(risk) == pytest.approx(float(relative[worst]), rel=1e-9)
    assert torch.allclose(gradient["interior"], gradients[worst] / levels[worst], rtol=1e-6)


def test_the_risk_is_over_learners_relative_to_their_best_designs(opened):
    bench = bench_of(opened, learner="bank")
    risk = bench.problem_for(bench.designs[0].data).risk
    assert (risk.within, risk.outer) == (GeometricMean(), Mean())
    least = [min(m.error for m in (b or bench).designs) for b in bench.member_benches]
    assert risk.levels == tuple(least)
    assert least[0] == least[1]
    assert len(set(least)) == 3
    asked = bench_of(opened, learner="bank", risk="cvar:0.5")
    assert asked.problem_for(bench.designs[0].data).risk.outer == CVaR(0.5)


def test_a_study_says_what_the_set_is_worth_to_each_member(opened, few_designs, monkeypatch):
    monkeypatch.setattr(banks, "SCALES", (1.0,))
    study = with_small_networks(opened("retrain", "heat", size=SIZE, learner="bank-full", shifts=("none",), judges=None))
    outcome = engine.run(study, protocol_named("retrain"))
    rows = outcome.results
    assert list(dict.fromkeys(rows["learner"])) == ["bank-full", "ridge, scale 1", "mlp-lm"]
    for name in ("ridge, scale 1", "mlp-lm"):
        mine = rows[rows["learner"] == name]
        assert set(mine["method"]) == {DISTILLED, *few_designs}
        assert set(mine.loc[mine["method"] == DISTILLED, "distilled_with"]) == {"bank-full"}
        assert not mine.duplicated(["method", "shift", "seed", "episode"]).any()
    note = next(n for n in outcome.notes if n.startswith("The outer loop trained 4 learners"))
    assert "2 bodies, ridge, scale 1; mlp-lm" in note
    again = engine.evaluate(
        opened("retrain", load_pde("heat"), shifts=("none",)), protocol_named("retrain"), outcome.data[0]
    )
    own = rows[(rows["method"] == DISTILLED) & (rows["learner"] == "bank-full")]
    assert again["error"].tolist() == pytest.approx(own["error"].tolist(), rel=1e-9)


def test_too_many_rows_for_the_networks_are_refused_before_anything_is_solved(opened):
    study = with_small_networks(opened("retrain", "heat", size={"points": 60, "boundary_points": 30}, learner="bank-full"))
    with pytest.raises(ValueError, match="90 rows for networks of 67 weights, which cannot all be zero"):
        study.benches(0)


def test_parts_are_shared_out_and_each_has_one_condition_at_least(opened):
    bench = bench_of(opened, learner="bank")
    task = bench.problem_for(bench.designs[0].data).task
    batch = task.episodes(1, torch.Generator().manual_seed(0))
    assert isinstance(batch, MemberEpisodes)
    assert [len(part) for part in batch.parts] == [1] * 4


def test_a_bank_of_nonlinear_equations_has_features_for_gauss_newton(opened):
    bench = bench_of(opened, "allen_cahn", learner="bank")
    assert [m.recipe.name for m in bench.members][2:] == ["gauss-newton, scale 0.7", "gauss-newton, scale 1.4"]
