"""The seeds of a study are found again where it was stopped, and by processes that share them; nothing comes out differently."""

from dataclasses import replace

import pandas
import pytest

from pinndd.outer_loop import DivergedError
from pinndd.study.protocols import engine, protocol_named, retrain
from pinndd.study.protocols.retrain import bench as retrain_bench
from pinndd.study.results.kept_seeds import KeptSeeds

ASKED = {
    "retrain": {"pde": "heat", "seeds": 2, "learner": "ridge", "effort": 1.0, "shifts": ("none",)},
    "sensors": {"pde": "heat", "seeds": 1, "size": {"sensors": (5, 6), "points": 40}},
}


@pytest.fixture(autouse=True)
def small(monkeypatch, few_designs):
    """Few outer steps, no choice among features, and no other sizes."""
    settings = retrain_bench.outer_settings
    monkeypatch.setattr(
        retrain_bench, "outer_settings", lambda *given: replace(settings(*given), steps=6, batch=4, validate_every=2)
    )
    for name, value in {"LEVELS": (1.0,), "RATIOS": (1.0, 10.0)}.items():
        monkeypatch.setattr(retrain_bench, name, value)
    monkeypatch.setattr(retrain_bench, "chosen_by_features", lambda bench: [])
    monkeypatch.setattr(retrain, "LARGER", ((1.5625, 1.2),))


@pytest.fixture
def opened_as(opened):
    """Open the small study of a protocol of `ASKED`."""

    def once(name, **more):
        given = {**ASKED[name], **more}
        return opened(name, given.pop("pde"), **given)

    return once


def same(one, other):
    """Make sure that two outcomes are equal but for wall times."""
    for mine, theirs in ((one.results, other.results), (one.curve, other.curve)):
        pandas.testing.assert_frame_equal(mine.drop(columns="seconds"), theirs.drop(columns="seconds"))
    for mine, theirs in zip(one.data, other.data, strict=True):
        assert all(mine[name].equal(theirs[name]) for name in theirs.fields)
    for mine, theirs in zip(one.examples, other.examples, strict=True):
        assert mine.why == theirs.why
        assert mine.truth.equal(theirs.truth)
        assert list(mine.predictions) == list(theirs.predictions)
        assert all(mine.predictions[name].equal(theirs.predictions[name]) for name in theirs.predictions)
    assert (one.best_baseline, one.settings, one.notes) == (other.best_baseline, other.settings, other.notes)
    assert (one.baseline_data is None) == (other.baseline_data is None)
    assert one.baseline_data is None or all(one.baseline_data[n].equal(other.baseline_data[n]) for n in one.baseline_data.fields)


@pytest.mark.parametrize("name", list(ASKED))
def test_seeds_that_others_compute_change_nothing(opened_as, tmp_path, monkeypatch, name):
    protocol = protocol_named(name)
    whole = engine.run(opened_as(name), protocol)
    kept = KeptSeeds(tmp_path, "this run")
    shares = list(engine.further_seeds(opened_as(name), kept))
    assert len(shares) == len(whole.data) - 1
    for seed in shares:
        seed.lend_a_hand()
    distill, distilled = engine.distill_best, []

    def told(bench, *more, **given):
        distilled.append(bench.seed)
        return distill(bench, *more, **given)

    monkeypatch.setattr(engine, "distill_best", told)
    same(engine.run(opened_as(name), protocol, kept), whole)
    assert distilled == [0]


def test_a_study_that_was_stopped_goes_on_after_the_seeds_that_it_has(opened_as, tmp_path, monkeypatch):
    protocol, kept = protocol_named("retrain"), KeptSeeds(tmp_path, "this run")
    whole = engine.run(opened_as("retrain"), protocol)
    distill, distilled = engine.distill_best, []

    def told(bench, *more, **given):
        distilled.append(bench.seed)
        return distill(bench, *more, **given)

    def stop(what, done, total, error):
        if what == "retrain: distilling" and done == 4 and distilled == [0, 1]:
            raise KeyboardInterrupt

    monkeypatch.setattr(engine, "distill_best", told)
    with pytest.raises(KeyboardInterrupt):
        engine.run(replace(opened_as("retrain"), progress=stop), protocol, kept)
    assert distilled == [0, 1]
    steps = []
    going_on = replace(opened_as("retrain"), progress=lambda what, done, *more: steps.extend([done] * (what == "retrain: distilling")))
    same(engine.run(going_on, protocol, kept), whole)
    assert distilled == [0, 1, 1]
    assert steps == [4, 6]


def test_the_best_baseline_of_a_seed_that_is_found_again_is_found_again(opened_as, tmp_path, monkeypatch):
    """Where that is no design, but one that had to be searched for."""

    protocol, kept = protocol_named("retrain"), KeptSeeds(tmp_path, "this run")

    def searched(bench):
        """As good as a set of nine times as many points, and told to be of the size that is studied."""
        size = bench.study.size
        found = bench.tune("best-of-k", bench.sampled("sobol", size.times(bench.pde, (9.0, 3.0)), 1))
        return replace(found, size=(size.points, size.boundary_points))

    monkeypatch.setattr(retrain.RetrainBench, "best_of_k", searched)
    whole = engine.run(opened_as("retrain", seeds=1), protocol, kept)
    assert whole.best_baseline == "best-of-k"
    same(engine.run(opened_as("retrain", seeds=1), protocol, kept), whole)


def test_a_helper_that_diverges_leaves_the_seed_to_the_study(opened_as, tmp_path, monkeypatch):
    kept = KeptSeeds(tmp_path, "this run")
    (seed,) = engine.further_seeds(opened_as("retrain"), kept)

    def diverges(bench, *more, **given):
        raise DivergedError("the risk is not finite", bench.designs[0].data)

    monkeypatch.setattr(engine, "distill_best", diverges)
    with pytest.raises(DivergedError):
        seed.lend_a_hand()
    assert not (tmp_path / seed.name / "outcome.json").exists()
