"""Every set is trained in the way that suits it, which the validation part alone says, baselines as the distilled one."""

import json
import math
import re
from dataclasses import replace

import pytest
import torch

import pinndd.study.stated.judging
from pinndd.diagnostics.worth import vacuity
from pinndd.learners import BlackBox, LinearRidge
from pinndd.learners.minibatch import MinibatchAdam
from pinndd.learners.network import NetworkModel
from pinndd.stated.task import blocks
from pinndd.stated.teachers import TeacherLabels, Teachers
from pinndd.stated.trainings import settings_of, ways_of, why_chosen_again
from pinndd.study.stated.baselines import random_rows
from pinndd.study.stated.checks import check_task
from pinndd.study.stated.engine import StatedSettings, distill_task, run_stated
from pinndd.study.stated.judging import TEST, SuitedLearner, in_validation, judged, suited, with_training
from pinndd.study.stated.sentences import first_look, trainings_said
from pinndd.vision.augmentation import DifferentiableAugmentation
from pinndd.vision.networks import MLP

WAYS = {"light": {}, "heavy": {"penalty": 1.0}}
"""Ridge regression as it is, and one that halves the coefficients of inputs whose mean is 0 and whose mean square is 1."""

ONE = StatedSettings(seeds=1, test_blocks=3)


def steep(train, size, seed):
    """Three examples of twice the line: a heavy penalty halves it."""
    x = 1.5**0.5 * torch.linspace(-1, 1, size, dtype=torch.float64)[:, None]
    return train.with_fields({"inputs": x, "targets": 2 * (2 * x + 1)})


@pytest.fixture
def tuned(line):
    """The line in two ways, beside a baseline that a light penalty suits and one that a heavy one does."""
    return replace(line, trainings=WAYS, baselines={"random": random_rows, "steep": steep})


def kept(task, data, learner="linear-ridge"):
    return with_training(task, learner, data, 0).header["trainings"][learner]["kept"]


def test_the_validation_part_alone_says_which_way_suits_a_set(tuned):
    """Where its values are constant, the heavier penalty errs less on it, and more on the test part."""
    parts = tuned.data
    flat = parts.validation.with_fields({"targets": torch.ones_like(parts.validation["targets"])})
    constant = replace(tuned, data=replace(parts, validation=flat))
    data = random_rows(parts.train, 3, 0)
    assert (kept(tuned, data), kept(constant, data)) == ("light", "heavy")
    # another test part changes nothing
    for task in (tuned, constant):
        other = replace(task, data=replace(task.data, test=task.data.test.with_fields({"targets": -9 * parts.test["targets"]})))
        assert with_training(other, "linear-ridge", data, 0).header == with_training(task, "linear-ridge", data, 0).header
    alone = (replace(tuned, trainings={}, learner=LinearRidge(penalty)) for penalty in (1e-4, 1.0))
    light, heavy = (judged(task, "linear-ridge", "random", data, 0) for task in alone)
    assert light["error"].mean() < heavy["error"].mean()
    assert judged(constant, "linear-ridge", "random", data, 0)["error"].tolist() == heavy["error"].tolist()
    assert judged(tuned, "linear-ridge", "distilled", data, 0)["error"].tolist() == light["error"].tolist()


def test_baselines_are_trained_as_suits_them_too_and_a_note_says_how(tuned):
    outcome = run_stated(tuned, ONE)
    alone = {name: run_stated(replace(tuned, trainings={}, learner=tuned.ways("linear-ridge")[name]), ONE).results for name in WAYS}
    for method, way in (("random", "light"), ("steep", "heavy"), ("dense", "light")):
        mine, wanted = (rows.loc[rows["method"] == method, "error"].tolist() for rows in (outcome.results, alone[way]))
        assert mine == wanted
    (note,) = [note for note in outcome.notes if note.startswith("Every set is trained in that of 2 ways which errs least")]
    assert "on the validation part (relative L2 error), with linear-ridge: distilled: light (" in note
    for said in ("random: light (", "steep: heavy (", "dense: light ("):
        assert said in note
    assert outcome.data[0].header["trainings"]["linear-ridge"]["kept"] == "light"
    plain = run_stated(replace(tuned, trainings={}), ONE)
    assert not any("ways" in note for note in plain.notes)
    assert "trainings" not in plain.data[0].header | plain.data[0].header["asked"]
    fixed = run_stated(replace(tuned, ceiling=LinearRidge(10.0), on_full_data={"usual": LinearRidge(1.0)}), ONE)
    assert not any("dense:" in note or "usual:" in note for note in fixed.notes)
    rows = fixed.results.groupby("method")["error"].mean()
    assert rows["dense"] > rows["usual"] > rows["distilled"]


def test_a_set_keeps_how_it_is_trained_and_nothing_is_chosen_again(tuned, monkeypatch):
    found = distill_task(tuned, 0)
    header = found.data.header
    stored = header["trainings"]["linear-ridge"]
    assert list(stored["errors"]) == ["light", "heavy"]
    assert stored["settings"] == header["asked"]["trainings"] == {"light": {"penalty": 1e-4}, "heavy": {"penalty": 1.0}}
    assert stored["kept"] == min(stored["errors"], key=stored["errors"].get)
    calls = []
    told = with_training(tuned, "linear-ridge", random_rows(tuned.data.train, 3, 0), 0, lambda *given: calls.append(given), "choosing")
    assert [call[:3] for call in calls] == [("choosing", k, 2) for k in range(3)]
    assert [call[3] for call in calls[1:]] == list(told.header["trainings"]["linear-ridge"]["errors"].values())
    monkeypatch.setattr(pinndd.study.stated.judging, "_validated", lambda *given: 1 / 0)
    assert in_validation(tuned, found.data, 0).startswith(f"{100 * stored['errors'][stored['kept']]:.2g} %")
    assert suited(tuned, "linear-ridge", found.data, 0) == tuned.ways("linear-ridge")[stored["kept"]]
    assert len(judged(tuned, "linear-ridge", "distilled", found.data, 0))
    for other in ({**WAYS, "slight": {"penalty": 1e-6}}, {**WAYS, "heavy": {"penalty": 2.0}}):  # the task has other ways now
        with pytest.raises(ZeroDivisionError):
            with_training(replace(tuned, trainings=other), "linear-ridge", found.data, 0)


def test_a_header_holds_what_ways_mean_in_values_that_json_has_and_that_are_the_same_next_time():
    """Numbers and words of the learner, and what a way changes, a function too; not the model."""

    def adam(strength):
        shaken = DifferentiableAugmentation(("crop",), crop=strength)
        return MinibatchAdam(NetworkModel(MLP(4, 2, (3,))), 20, 0.01, augmentation=shaken.each)

    def settings(strength, trainings):
        return settings_of(ways_of("learner", adam(strength), trainings), trainings)

    plain = {"long": {}, "short": {"steps": 5, "augmentation": None}}
    found = settings(0.1, plain)
    assert json.loads(json.dumps(found)) == found == settings(0.1, plain)
    assert (found["long"]["steps"], found["short"]["steps"], found["short"]["augmentation"]) == (20, 5, None)
    assert found["long"]["learning_rate"] == found["short"]["learning_rate"] == 0.01
    assert "crop=0.1" in found["long"]["augmentation"]
    assert "0x" not in json.dumps(found)
    assert "model" not in found["long"]
    assert settings(0.2, plain) != found
    short = {"long": {}, "short": {"steps": 5}}
    assert "augmentation" not in settings(0.1, short)["long"]
    assert settings(0.2, short) == settings(0.1, short)
    assert settings_of(ways_of("learner", adam(0.1), {}), {}) == {}


def test_a_name_that_means_something_else_is_told_with_both_values():
    known = {"kept": "a", "errors": {"a": 1.0, "b": 2.0}, "settings": {"a": {"steps": 3}, "b": {"steps": 9}}}
    same = {"a": {"steps": 3}, "b": {"steps": 9}}
    assert why_chosen_again(known, same) == ""
    said = why_chosen_again(known, {"a": {"steps": 4}, "b": {"steps": 9, "rate": 0.1}})
    assert said.endswith("meant something else (trainings.a.steps was 3 and is now 4, trainings.b.rate was not set and is now 0.1)")
    for damaged in ({"a": {}}, {}, "?", None):
        assert "its file does not say what they meant then" in why_chosen_again({**known, "settings": damaged}, same)


def test_every_learner_has_the_ways(tuned):
    two = replace(tuned, learner={"a": LinearRidge(1e-4), "b": LinearRidge(1e-3)})
    outcome = run_stated(two, ONE)
    assert set(outcome.data[0].header["trainings"]) == {"a", "b"}
    assert sum(note.startswith("Every set is trained") for note in outcome.notes) == 2
    assert two.ways("b") == {"light": LinearRidge(1e-3), "heavy": LinearRidge(1.0)}
    assert replace(two, trainings={}).ways("b") == {"as stated": LinearRidge(1e-3)}
    assert [f.level for f in check_task(two) if f.subject.startswith("learner")] == ["ok"] * 6


def test_labels_are_tried_with_the_training_that_suits_each(classes):
    """The penalty that errs less on the validation part is taken for both labels, before they are compared."""
    ways = {"strong": {"penalty": 10.0}, "weak": {"penalty": 0.01}}
    taught = replace(classes, trainings=ways, teachers=Teachers(TeacherLabels(temperature=2.0)), baselines=("random",))
    header = distill_task(taught, 0).data.header
    own = header["trainings"]["softmax-regression"]
    assert header["labels_tried"][header["labels"]] == own["errors"][own["kept"]] == min(own["errors"].values())
    plain = distill_task(replace(taught, teachers=None), 0).data
    tried = with_training(taught, "softmax-regression", plain, 0).header["trainings"]["softmax-regression"]
    assert header["labels_tried"]["its own"] == min(tried["errors"].values())
    methods = {"distilled", "random", "random + teacher labels", "dense"}
    (note,) = [note for note in run_stated(taught, ONE).notes if note.startswith("Every set is trained")]
    assert all(f"{method}: " in note for method in methods)


def test_a_way_in_which_nothing_can_be_trained_is_not_taken(line):
    def train(data, episodes, scale=1.0):
        return lambda x: x * math.nan

    lost = replace(line, learner={"mine": BlackBox(train)}, surrogate=LinearRidge(1e-4))
    lost = replace(lost, trainings={"lost": {}, "found": {"train": lambda data, episodes: lambda x: 2 * x + 1}})
    data = with_training(lost, "mine", random_rows(line.data.train, 3, 0), 0)
    assert data.header["trainings"]["mine"]["kept"] == "found"
    assert data.header["trainings"]["mine"]["errors"]["lost"] is None
    assert "mine: distilled: found (" in next(trainings_said(lost, [{"distilled": data}]))


def test_the_random_subsets_of_the_vacuity_test_are_trained_as_suits_them(tuned):
    """Each risk is that of the better way, as told by hand; a study takes the same learner."""
    asking = tuned.asking(tuned.data.test)
    problem = replace(tuned.problem(tuned.data.test), learner=SuitedLearner(tuned, "linear-ridge"))
    episodes = blocks(asking, 3, TEST)
    data = steep(tuned.data.train, 3, 0)
    found = vacuity(problem, data, tuned.data.train, episodes, generator=torch.Generator().manual_seed(0), subsets=2)
    heavy = replace(problem, learner=LinearRidge(1.0))
    assert found.risk == float(heavy.evaluate(data, episodes))
    light = replace(problem, learner=LinearRidge(1e-4))
    assert found.full_risk == float(light.evaluate(tuned.data.train, episodes))
    (said,) = [note for note in run_stated(tuned, ONE).notes if note.startswith("Vacuity test")]
    assert f"all data {found.full_risk:.4g}; criterion (1), training loss on all data: " in said
    assert f" against {found.full_training_loss:.4g}, " in said


def test_the_training_loss_of_two_models_is_that_of_the_learner_as_stated_however_each_was_trained(tuned):
    """By hand, from the heavy model of the set and the light one of all data, under the light penalty; a learner without has none."""
    whole, light = tuned.data.train, LinearRidge(1e-4)
    problem = replace(tuned.problem(tuned.data.test), learner=SuitedLearner(tuned, "linear-ridge"))
    episodes = blocks(tuned.asking(tuned.data.test), 3, TEST)
    data = steep(whole, 3, 0)
    found = vacuity(problem, data, whole, episodes, generator=torch.Generator().manual_seed(0), subsets=1)
    for loss, learner, own in ((found.training_loss, LinearRidge(1.0), data), (found.full_training_loss, light, whole)):
        weights = light.parameters(learner.fit(own, episodes))
        assert loss == float(light.training_loss(weights, light.prepare(whole, episodes)).mean())
    assert found.training_loss > found.full_training_loss
    mine = replace(tuned, learner={"mine": BlackBox(lambda data, episodes: lambda x: x)}, surrogate=light, trainings={})
    mine = replace(mine, trainings={"a": {}, "b": {"train": lambda data, episodes: lambda x: 2 * x + 1}})
    (said,) = [note for note in run_stated(mine, ONE).notes if note.startswith("Vacuity test")]
    assert said.endswith("criterion (1) is not measured, since the learner does not offer prepare, training_loss, parameters.")


def test_a_size_and_a_first_look_may_have_other_ways(tuned):
    """A first look with none trains all sets by the learner as it is, and says so."""
    more = {**WAYS, "slight": {"penalty": 1e-6}}
    task = replace(tuned, at_size=lambda size: {"trainings": more}, quick={"trainings": {}})
    assert task.of_size(4).trainings == more
    assert task.of_size(3).trainings == WAYS
    looked = StatedSettings(quick=True, effort=0.2).applied_to(task)
    assert not looked.trainings
    assert "1 way of training for every set, not 2" in first_look(task, looked, 1)[0]
    third = replace(tuned, trainings=more, quick={"trainings": WAYS})
    assert "2 ways of training for every set, not 3" in first_look(third, third.at_first_look(), 1)[0]


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"trainings": ["short"]}, TypeError, "trainings is of type list: expected ways by name, such as {'short': {'steps': 100}}"),
        ({"trainings": {"short": {}}}, ValueError, "trainings names 'short' alone: name two ways or more, or state the learner so"),
        ({"trainings": {"short": 100, "long": {}}}, TypeError, "trainings 'short' is of type int: expected arguments of the learners"),
        (
            {"trainings": {"usual": {}, "short": {"steps": 100}}},
            TypeError,
            "task 'line': trainings 'short' names 'steps', and learner 'linear-ridge' is of type LinearRidge, it has penalty",
        ),
        (
            {"trainings": {"usual": {}, "wrong": {"penalty": -1.0}}},
            ValueError,
            "task 'line': trainings 'wrong', learner 'linear-ridge': LinearRidge: penalty=-1.0 must be positive",
        ),
    ],
)
def test_ways_that_no_learner_has_are_refused_by_name(line, change, kind, said):
    with pytest.raises(kind, match=re.escape(said)):
        replace(line, **change)


def test_a_learner_that_has_no_arguments_has_no_ways(line):
    class Mine:
        differentiation = "none"

        def fit(self, data, episodes):
            return lambda x: x

    with pytest.raises(TypeError, match="trainings 'light' changes a learner, and learner 'mine' is of type Mine, and no dataclass"):
        replace(line, learner={"mine": Mine()}, surrogate=LinearRidge(), trainings=WAYS)
