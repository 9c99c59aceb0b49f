"""Where nobody names a learner, random features are tried beside bodies where they may serve better."""

from dataclasses import replace

import pytest

from pinndd.outer_loop import Distillation, DivergedError
from pinndd.pinn.bodies import stored
from pinndd.study.protocols import engine, learners, protocol_named, retrain
from pinndd.study.protocols.retrain import bench as retrain_bench

SIZE = {"points": 12, "boundary_points": 10}
ASKED = {"size": SIZE, "learner": None, "effort": 1.0, "shifts": ("none",)}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A body that is trained in a moment, few outer steps, and no rivals but two designs."""
    monkeypatch.setattr(learners, "BODY_SHAPES", ((10,),))
    monkeypatch.setattr(learners, "BODY_STEPS", {True: 30, False: 30})
    monkeypatch.setattr(learners, "BODY_CONDITIONS", {True: 8, False: 4})
    monkeypatch.setattr(stored, "CONVERGED", 2.0)
    settings = retrain_bench.outer_settings
    monkeypatch.setattr(
        retrain_bench, "outer_settings", lambda *given: replace(settings(*given), steps=6, batch=4, validate_every=2)
    )
    for name, value in {"LEVELS": (1.0,), "RATIOS": (1.0, 10.0), "INTERIOR_SAMPLERS": ("sobol", "hammersley")}.items():
        monkeypatch.setattr(retrain_bench, name, value)
    monkeypatch.setattr(retrain, "LARGER", ())
    monkeypatch.setattr(retrain.RetrainBench, "with_best_scale", lambda bench: bench)
    monkeypatch.setattr(retrain.RetrainBench, "race", None)
    monkeypatch.setattr(retrain.RetrainBench, "rivals", lambda bench: ())


@pytest.fixture
def crowded(monkeypatch):
    """Let the distillation with some learners end with all points in a corner, with others at the best design."""

    def distill(bench, checkpoint=None, resume=False):
        data = min(bench.designs, key=lambda m: m.error).data.with_header(**bench.header())
        if bench.recipe.name in bad:
            data = data.with_fields({"interior": 0.01 * data["interior"]})
        return Distillation(data, 0.0, [], 2.0)

    monkeypatch.setattr(engine, "distill_on", distill)
    bad = []
    return bad


@pytest.mark.parametrize(("bad", "kept", "other"), [("body", "ridge", "body"), ("ridge", "body", "ridge")])
def test_the_set_with_the_lower_error_in_validation_is_kept(opened, crowded, monkeypatch, bad, kept, other):
    crowded.append(bad)
    monkeypatch.setattr(retrain, "MOST_GAIN", 1e6)
    trial = engine.distill_best(opened("retrain", "heat", **ASKED).benches(0)[0])
    assert trial.bench.recipe.name == trial.found.data.header["learner"] == kept
    assert trial.found.seconds == trial.found.data.header["seconds"] == 4.0
    assert f"the one with {kept} is kept" in trial.remark
    assert f"--learner {other} asks for the other" in trial.remark


def test_random_features_are_tried_where_their_designs_promise_as_little(opened, crowded, monkeypatch):
    study = opened("retrain", "heat", **ASKED)
    (bench,) = study.benches(0)
    data = min(bench.designs, key=lambda m: m.error).data
    (other,) = study.alternatives(bench, data)
    assert other.recipe.name == "ridge"
    assert other.conditions is bench.conditions
    between = min(m.error for m in other.designs) / bench.error_in_validation(data)
    for gain, count in ((0.99 * between, 0), (1.01 * between, 1)):
        monkeypatch.setattr(retrain, "MOST_GAIN", gain)
        assert len(study.alternatives(bench, data)) == count
    assert study.settled(bench).alternatives(bench, data) == ()
    assert opened("retrain", "heat", **ASKED | {"learner": "body"}).alternatives(bench, data) == ()
    assert study.alternatives(other, data) == ()


def test_an_alternative_that_diverges_is_named_and_lost(opened, monkeypatch):
    def distill(bench, checkpoint=None, resume=False):
        data = bench.designs[0].data
        if bench.recipe.name != "body":
            raise DivergedError("the risk is NaN at step 3", data)
        return Distillation(data, 0.0, [], 1.0)

    monkeypatch.setattr(engine, "distill_on", distill)
    monkeypatch.setattr(retrain, "MOST_GAIN", 1e6)
    trial = engine.distill_best(opened("retrain", "heat", **ASKED).benches(0)[0])
    assert trial.bench.recipe.name == "body"
    assert trial.remark == "A set was distilled with ridge too, but the risk is NaN at step 3."


def test_all_seeds_of_a_study_take_the_learner_that_the_first_has_chosen(opened, crowded):
    crowded.append("body")
    study = opened("retrain", "heat", **ASKED | {"seeds": 2})
    outcome = engine.run(study, protocol_named("retrain"))
    assert [data.header["learner"] for data in outcome.data] == ["ridge", "ridge"]
    assert [data.header["seed"] for data in outcome.data] == [0, 1]
    assert outcome.distill_seconds == [4.0, 2.0]
    assert set(outcome.results["learner"]) == {"ridge"}
    assert sum("the one with ridge is kept" in note for note in outcome.notes) == 1


def test_a_stopped_choice_goes_on_where_it_was(opened, monkeypatch, tmp_path):
    monkeypatch.setattr(retrain, "MOST_GAIN", 1e6)
    study = opened("retrain", "heat", **ASKED)
    whole = engine.distill_best(study.benches(0)[0])
    for loops in (1, 2):
        looks = []

        def stop(what, done, total, error, looks=looks, loops=loops):
            looks.extend([what] * (what == "retrain: distilling" and done == 4))
            if len(looks) == loops:
                raise KeyboardInterrupt

        file = tmp_path / f"{loops}.checkpoint.npz"
        with pytest.raises(KeyboardInterrupt):
            engine.distill_best(replace(study, progress=stop).benches(0)[0], file)
        assert engine.state_beside(file).exists() == (loops == 2)
        again = engine.distill_best(study.benches(0)[0], file, resume=True)
        assert again.bench.recipe.name == whole.bench.recipe.name
        for name in whole.found.data.fields:
            assert again.found.data[name].equal(whole.found.data[name])
