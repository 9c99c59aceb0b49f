"""The solved protocol, small: it distils on the stand-in, is judged on the reference, and says what it cannot do."""

from dataclasses import replace

import pytest
import torch

import pinndd.study.solved_distilling as distilling
import pinndd.study.solved_pinn as solved_pinn
import pinndd.study.solved_tuning as tuning
from pinndd.outer_loop import DivergedError
from pinndd.pinn import families
from pinndd.pinn.declare.conditions import Initial, Periodic
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.files.solutions import Solutions
from pinndd.pinn.models.solved_conditions import field_points
from pinndd.pinn.sets.condition_samplers import CONDITION_SAMPLERS
from pinndd.pinn.tasks.questions import Questions
from pinndd.study import solved
from pinndd.study.outcome import StudySettings
from pinndd.study.solved_evaluation import _evaluate
from pinndd.study.summary import summarise

SETTINGS = StudySettings(conditions=5, seeds=2, test_conditions=6, budget=0.1)


def silent(what, done, total, error):
    pass


@pytest.fixture(scope="module")
def pde():
    return load_pde("allen_cahn")


def shrink(monkeypatch):
    monkeypatch.setattr(distilling, "_POOL", 160)
    monkeypatch.setattr(distilling, "_HELD_OUT", 40)
    monkeypatch.setattr(distilling, "_POINTS", 64)
    monkeypatch.setattr(solved_pinn, "STEPS", 40)
    for name, values in (("WIDTHS", (0.5, 1.0)), ("LENGTHS", (2.0, 4.0)), ("TRENDS", (0.3,))):
        monkeypatch.setattr(tuning, name, values)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    shrink(monkeypatch)


@pytest.fixture(scope="module")
def outcome(pde):
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        return solved.run_solved(pde, replace(SETTINGS, budget=0.15), silent)


def test_the_outer_loop_lowers_the_risk_and_never_calls_the_reference(pde):
    def forbidden(values, points):
        raise AssertionError("the expensive solver was called")

    found = solved.distill_conditions(replace(pde, reference=forbidden), SETTINGS, 0, silent)
    assert found.data["conditions"].shape == (5, pde.ensemble().size)
    assert found.risk < found.history[0]["validation"]
    assert found.data.header["protocol"] == "solved"


def test_an_interrupted_distillation_ends_like_an_uninterrupted_one(pde, tmp_path):
    whole = solved.distill_conditions(pde, SETTINGS, 1, silent)

    def interrupt(what, done, total, error):
        if done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solved.distill_conditions(pde, SETTINGS, 1, interrupt, checkpoint=tmp_path / "c.npz")
    resumed = solved.distill_conditions(pde, SETTINGS, 1, silent, checkpoint=tmp_path / "c.npz", resume=True)
    assert torch.equal(whole.data["conditions"], resumed.data["conditions"])


def test_every_design_and_both_learners_are_judged_on_the_same_conditions(pde, outcome):
    asked = {}
    for r in outcome.results:
        asked.setdefault((r.learner, r.method, r.seed), set()).add((r.shift, r.episode))
    assert len(set(map(frozenset, asked.values()))) == 1
    methods = {(learner, method) for learner, method, _ in asked}
    expected = {(learner, m) for learner in ("kernel-ridge", "pinn-kernel") for m in ("distilled", *CONDITION_SAMPLERS)}
    assert methods == expected | {("mlp-adam", "label-free")}
    assert {(r.points, r.boundary_points, r.protocol, r.pde) for r in outcome.results} == {(5, 0, "solved", "allen_cahn")}
    assert not any(r.ceiling for r in outcome.results)


def test_the_distilled_conditions_are_better_than_the_designs(outcome):
    rows = [r for r in summarise(outcome.results) if r.learner == "kernel-ridge" and r.method == "distilled"]
    assert next(r.ratio for r in rows if r.shift == "none") > 1


def test_the_outcome_holds_what_the_report_needs(pde, outcome):
    assert {e.shift for e in outcome.examples} == {r.shift for r in outcome.results}
    assert all(set(e.predictions) == {"distilled", outcome.best_baseline} for e in outcome.examples)
    assert outcome.baseline_data["conditions"].shape == outcome.data[0]["conditions"].shape
    assert [d.header["learner"] for d in outcome.data] == ["kernel-ridge"] * 2 + ["pinn-kernel"] * 2
    assert len(outcome.histories) == len(outcome.distill_seconds) == 2
    assert any(note.startswith("Not judged: ") and "bump." in note for note in outcome.notes)


def test_the_curve_goes_over_other_numbers_of_conditions(pde, monkeypatch):
    monkeypatch.setattr(solved, "CURVE", (3, 5))
    found = solved.run_solved(pde, replace(SETTINGS, seeds=1, curve=True, budget=0.02), silent)
    assert {r.points for r in found.curve} == {3}


def test_a_linear_pde_needs_no_distilling():
    found = solved.run_solved(load_pde("heat"), SETTINGS, silent)
    assert not found.results
    assert "heat is linear: one solved condition a coefficient" in found.notes[0]


def test_fields_solved_elsewhere_give_what_the_reference_gives(pde, outcome):
    data, settings = outcome.data[0], replace(SETTINGS, test_conditions=3)
    own = solved.evaluate_solved(pde, data, settings, silent)
    points = field_points(pde)
    fields = pde.reference(BoundaryValues(pde.ensemble(), data["conditions"]), points)[..., None]
    given = _evaluate(pde, data, Solutions(points, fields), settings, silent, None)
    assert [r.relative_l2 for r in own] == pytest.approx([r.relative_l2 for r in given])
    assert {r.learner for r in own} == {"kernel-ridge"}


def test_fields_are_read_and_the_pinn_may_be_added(pde, outcome, tmp_path):
    data, points = outcome.data[0], torch.rand((40, 2), dtype=torch.float64)
    fields = pde.reference(BoundaryValues(pde.ensemble(), data["conditions"]), points)
    rows = ["condition,x,t,u"]
    for i in range(5):
        rows += [f"{i},{x!r},{t!r},{u!r}" for (x, t), u in zip(points.tolist(), fields[i].tolist(), strict=True)]
    (tmp_path / "u.csv").write_text("\n".join(rows))
    settings = replace(SETTINGS, test_conditions=2)
    results = solved.evaluate_solutions(pde, data, tmp_path / "u.csv", settings, silent, learner="mlp-adam")
    assert {r.learner for r in results} == {"kernel-ridge", "pinn-kernel"}
    with pytest.raises(ValueError, match="no learner 'ridge': expected kernel-ridge or mlp-adam"):
        solved.evaluate_solutions(pde, data, tmp_path / "u.csv", settings, silent, learner="ridge")


def test_a_stand_in_that_fails_on_most_conditions_is_named(pde):
    def fragile(values, points):
        if bool((values.coefficients.abs() > 0.1).any()):
            raise ArithmeticError("blown up")
        return pde.stand_in(values, points)

    with pytest.raises(ValueError, match=r"the stand-in fails on 1\d\d of 160 conditions"):
        solved.distill_conditions(replace(pde, stand_in=fragile), SETTINGS, 0, silent)


def test_a_stand_in_that_gives_up_on_the_way_keeps_the_best_set(pde):
    calls = []

    def tired(values, points):
        if values.coefficients.requires_grad and len(values) <= 5:
            calls.append(1)
            if len(calls) > 6:
                raise ArithmeticError("blown up")
        return pde.stand_in(values, points)

    with pytest.raises(DivergedError) as caught:
        solved.distill_conditions(replace(pde, stand_in=tired), SETTINGS, 0, silent)
    assert caught.value.best["conditions"].isfinite().all()


def test_a_family_that_is_not_linear_is_refused(pde):
    bumps = replace(pde, conditions=[Periodic("ring"), Initial("start", values=families.Bump())], shifts={})
    with pytest.raises(ValueError, match="condition 'start' has the family Bump, which is not linear"):
        solved.run_solved(bumps, SETTINGS, silent)


def test_a_solution_of_several_outputs_is_asked_without_a_base():
    points, codes = torch.rand((3, 2), dtype=torch.float64), torch.rand((2, 4), dtype=torch.float64)
    truth = torch.rand((2, 3, 2), dtype=torch.float64)
    exam = tuning.Exam.of(Questions(codes, points, truth, seed=0))
    torch.testing.assert_close(exam.errors(truth.flatten(1)), torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(exam.errors(torch.zeros(2, 6, dtype=torch.float64)), torch.ones(2, dtype=torch.float64))
