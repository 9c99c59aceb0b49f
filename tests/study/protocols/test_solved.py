"""The solved protocol, small: it distils on the stand-in, is judged on the reference, and says what it cannot do."""

from dataclasses import replace

import pytest
import torch

from pinndd.distances import RelativeL2
from pinndd.outer_loop import DivergedError
from pinndd.pinn import families
from pinndd.pinn.declare.conditions import Initial, Periodic
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.models.solved_conditions import field_points
from pinndd.pinn.sets.condition_samplers import CONDITION_SAMPLERS
from pinndd.pinn.tasks.questions import Questions
from pinndd.study.protocols import engine, protocol_named, solved
from pinndd.study.protocols.engine import distill_on
from pinndd.study.protocols.parts import UnknownNameError
from pinndd.study.protocols.solved.tuning import Exam
from pinndd.study.results.summary import summarise


@pytest.fixture(scope="module")
def pde():
    return load_pde("allen_cahn")


@pytest.fixture(autouse=True)
def _small(shrink, monkeypatch):
    shrink(monkeypatch)


@pytest.fixture(scope="module")
def outcome(outcome_of):
    return outcome_of("solved", "allen_cahn")


@pytest.fixture
def bench(opened):
    """The bench of the kernel surrogate: ``bench(pde, seed)``."""

    def first(pde, seed=0, progress=None):
        study = opened("solved", pde, effort=0.1, learner="kernel-ridge")
        return (replace(study, progress=progress) if progress else study).benches(seed)[0]

    return first


def evaluate(study, data, learner=None):
    return engine.evaluate(study, protocol_named("solved"), data, learner)


def write_fields(pde, data, points, path):
    """Solve the conditions of a set and write what somebody else would have sent."""
    fields = pde.reference(BoundaryValues(pde.ensemble(), data["conditions"]), points)
    rows = ["condition,x,t,u"]
    for i in range(len(fields)):
        rows += [f"{i},{x!r},{t!r},{u!r}" for (x, t), u in zip(points.tolist(), fields[i].tolist(), strict=True)]
    path.write_text("\n".join(rows))
    return path


def test_the_outer_loop_lowers_the_risk_and_never_calls_the_reference(pde, bench):
    def forbidden(values, points):
        raise AssertionError("the expensive solver was called")

    found = distill_on(bench(replace(pde, reference=forbidden)))
    assert found.data["conditions"].shape == (5, pde.ensemble().size)
    assert found.risk < found.history[0]["validation"]
    assert found.data.header["protocol"] == "solved"


def test_an_interrupted_distillation_ends_like_an_uninterrupted_one(pde, bench, tmp_path):
    whole = distill_on(bench(pde, 1))

    def interrupt(what, done, total, error):
        if done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill_on(bench(pde, 1, interrupt), tmp_path / "c.npz")
    resumed = distill_on(bench(pde, 1), tmp_path / "c.npz", resume=True)
    assert torch.equal(whole.data["conditions"], resumed.data["conditions"])


def test_every_design_and_both_learners_are_judged_on_the_same_conditions(outcome):
    rows = outcome.results
    asked = {}
    for r in rows.itertuples():
        asked.setdefault((r.learner, r.method, r.seed), set()).add((r.shift, r.episode))
    everywhere = {frozenset(v) for (learner, _, _), v in asked.items() if learner != "mlp-adam"}
    assert len(everywhere) == 1
    assert {frozenset(v) for v in asked.values()} == everywhere
    methods = {(learner, method) for learner, method, _ in asked}
    expected = {(learner, m) for learner in ("kernel-ridge", "pinn-kernel") for m in ("distilled", *CONDITION_SAMPLERS)}
    assert methods == expected | {("mlp-adam", "label-free")}
    common = rows[["points", "boundary_points", "protocol", "pde"]]
    assert set(common.itertuples(index=False, name=None)) == {(5, 0, "solved", "allen_cahn")}
    assert not rows["ceiling"].any()


def test_the_distilled_conditions_are_better_than_the_designs(outcome):
    summary = summarise(outcome.results)
    mine = (summary["learner"] == "kernel-ridge") & (summary["distilled_with"] == "kernel-ridge")
    (ratio,) = summary.loc[mine & (summary["shift"] == "none"), "ratio"]
    assert ratio > 1


def test_the_outcome_holds_what_the_report_needs(outcome):
    assert {e.shift for e in outcome.examples} == set(outcome.results["shift"])
    assert all(len(e.predictions) == 2 and "distilled" in e.predictions for e in outcome.examples)
    assert outcome.baseline_data["conditions"].shape == outcome.data[0]["conditions"].shape
    assert [d.header["learner"] for d in outcome.data] == ["kernel-ridge", "pinn-kernel"] * 2
    assert len(outcome.histories) == len(outcome.distill_seconds) == 4
    assert any(note.startswith("Not judged: ") and "bump." in note for note in outcome.notes)


def test_the_curve_goes_over_other_numbers_of_conditions(pde, ran, monkeypatch):
    monkeypatch.setattr(solved, "CURVE", (3, 5))
    found = ran("solved", pde, seeds=1, curve=True, effort=0.02, learner="kernel-ridge")
    assert set(found.curve["points"]) == {3}


def test_a_linear_pde_needs_no_distilling(opened):
    with pytest.raises(ValueError, match=r"heat is linear, .* solving one condition per coefficient"):
        opened("solved", "heat")


def test_fields_solved_elsewhere_give_what_the_reference_gives(pde, opened, outcome, tmp_path):
    data, study = outcome.data[0], opened("solved", pde, test_conditions=3)
    path = write_fields(pde, data, field_points(pde), tmp_path / "u.csv")
    own, given = evaluate(study, data), evaluate(study.with_solutions(path, data), data)
    assert own["error"].tolist() == pytest.approx(given["error"].tolist(), rel=1e-6)
    assert set(own["learner"]) == {"kernel-ridge"}


def test_fields_are_read_and_the_pinn_may_be_asked_for(pde, opened, outcome, tmp_path):
    data, points = outcome.data[0], torch.rand((40, 2), dtype=torch.float64)
    path = write_fields(pde, data, points, tmp_path / "u.csv")
    study = opened("solved", pde, test_conditions=2).with_solutions(path, data)
    results = evaluate(study, data, "pinn-kernel")
    assert set(zip(results["learner"], results["distilled_with"], strict=True)) == {("pinn-kernel", "kernel-ridge")}
    with pytest.raises(UnknownNameError, match="learner 'ridge': there is none of that name; expected kernel-ridge, pinn-kernel"):
        evaluate(study, data, "ridge")


def test_solutions_are_compared_on_the_processor_whatever_the_device(pde, opened, outcome):
    with pytest.warns(UserWarning, match="works on the processor"):
        study = opened("solved", pde, device="cuda:7")
    results = evaluate(study, outcome.data[0])
    mine = outcome.results[(outcome.results["method"] == "distilled") & (outcome.results["learner"] == "kernel-ridge")]
    mine = mine[(mine["distilled_with"] == "kernel-ridge") & (mine["seed"] == 0)]
    assert results["error"].tolist() == pytest.approx(mine["error"].tolist(), rel=1e-9)


def test_no_other_protocol_takes_solutions(opened, outcome, tmp_path):
    with pytest.raises(TypeError, match="protocol 'retrain' takes no solutions"):
        opened("retrain", "heat").with_solutions(tmp_path / "u.csv", outcome.data[0])


def test_a_stand_in_that_fails_on_most_conditions_is_named(pde, bench):
    def fragile(values, points):
        if bool((values.coefficients.abs() > 0.1).any()):
            raise ArithmeticError("blown up")
        return pde.stand_in(values, points)

    with pytest.raises(ValueError, match=r"the stand-in fails on 1\d\d of 160 conditions"):
        distill_on(bench(replace(pde, stand_in=fragile)))


def test_a_stand_in_that_gives_up_on_the_way_keeps_the_best_set(pde, bench):
    calls = []

    def tired(values, points):
        if values.coefficients.requires_grad and len(values) <= 5:
            calls.append(1)
            if len(calls) > 6:
                raise ArithmeticError("blown up")
        return pde.stand_in(values, points)

    with pytest.raises(DivergedError) as caught:
        distill_on(bench(replace(pde, stand_in=tired)))
    assert caught.value.best["conditions"].isfinite().all()


def test_a_family_that_is_not_linear_is_refused(pde, opened):
    bumps = replace(pde, conditions=[Periodic("ring"), Initial("start", values=families.Bump())], shifts={})
    with pytest.raises(ValueError, match="condition 'start' has the family Bump, which is not linear"):
        opened("solved", bumps)


def test_a_solution_of_several_outputs_is_asked_without_a_base():
    points, codes = torch.rand((3, 2), dtype=torch.float64), torch.rand((2, 4), dtype=torch.float64)
    truth = torch.rand((2, 3, 2), dtype=torch.float64)
    exam = Exam.of(Questions(codes, points, truth, seed=0), RelativeL2())
    torch.testing.assert_close(exam.errors(truth.flatten(1)), torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(exam.errors(torch.zeros(2, 6, dtype=torch.float64)), torch.ones(2, dtype=torch.float64))
