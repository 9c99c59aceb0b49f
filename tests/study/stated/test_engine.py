"""A study of a stated task: rows that pair, full data, resuming bit for bit, and a residual that vanishes where it should."""

import math
import re
from dataclasses import replace

import pytest
import torch

import pinndd.study.run
from pinndd.distances import KL
from pinndd.learners import BlackBox, LinearRidge, SoftmaxRegression
from pinndd.stated.parts import Parts
from pinndd.stated.task import blocks
from pinndd.stated.teachers import TeacherLabels, Teachers
from pinndd.study.protocols.parts import UnknownNameError
from pinndd.study.results.outcome_files import load_outcome
from pinndd.study.results.summary import summarise
from pinndd.study.run_task import run_task
from pinndd.study.stated.baselines import random_rows
from pinndd.study.stated.engine import StatedSettings, baseline_sets, distill_task, run_stated
from pinndd.study.stated.judging import TEST, in_validation, judged
from pinndd.study.stated.sentences import labels_said, residual

SETTINGS = StatedSettings(seeds=2, test_blocks=4)


@pytest.fixture(scope="module")
def outcome(line):
    return run_stated(line, SETTINGS)


def test_every_method_is_tested_on_the_same_blocks(outcome):
    counts = outcome.results.groupby(["method", "seed"])["episode"].nunique()
    assert set(counts) == {4}
    assert set(outcome.results["method"]) == {"distilled", "random", "stratified", "k-means", "dense"}
    assert set(outcome.results.loc[outcome.results["method"] != "dense", "points"]) == {3}
    row = summarise(outcome.results).iloc[0]
    assert row["baseline"] in ("random", "stratified", "k-means")
    assert row["kept"] > 0


def test_the_error_on_full_data_is_that_of_a_fit_by_hand(line, outcome):
    train, test = line.data.train, blocks(line.asking(line.data.test), 4, TEST)
    matrix = torch.cat((train["inputs"], torch.ones_like(train["inputs"])), 1)
    gram = matrix.T @ matrix / len(matrix) + 1e-4 * torch.eye(2, dtype=torch.float64)
    weights = torch.linalg.solve(gram, matrix.T @ train["targets"] / len(matrix))
    answers = torch.cat((test.inputs, torch.ones_like(test.inputs)), -1) @ weights
    mine = (answers - test.targets).flatten(1).norm(dim=1) / test.targets.flatten(1).norm(dim=1)
    dense = outcome.results[(outcome.results["method"] == "dense") & (outcome.results["seed"] == 0)]
    assert dense["error"].tolist() == pytest.approx(mine.tolist(), rel=1e-6)


class Squared:
    """Mean square of the differences."""

    derivatives = 0

    def __call__(self, answer, truth):
        return (answer - truth).square().flatten(1).mean(1)


def test_the_residual_of_the_first_order_conditions_vanishes_at_an_optimum(line):
    """Without noise, examples on the line are an optimum of the squared distance: the learner recovers it from any three."""
    x = torch.linspace(-1, 1, 80, dtype=torch.float64)[:, None]
    exact = replace(line, data=Parts.of_examples(x, 2 * x + 1), learner=LinearRidge(1e-12), distance=Squared())
    data = random_rows(exact.data.train, 3, 0)
    assert residual(exact, data) < 1e-8
    assert residual(exact, data.with_fields({"targets": data["targets"] + torch.tensor([[0.1], [0.0], [0.0]]).double()})) > 1e-3


def test_sets_remember_what_they_are_of(outcome):
    header = outcome.data[1].header
    assert (header["task"], header["protocol"], header["seed"], header["learner"]) == ("line", "stated", 1, "linear-ridge")
    assert any("Vacuity test" in note for note in outcome.notes)
    assert any("residual of the first-order conditions" in note for note in outcome.notes)


def test_learners_and_shifts_by_name(line, classes):
    two = replace(line, learner={"a": LinearRidge(1e-4), "b": LinearRidge(1.0)}, shifts={"left": line.data.validation}, test_blocks=2)
    rows = judged(two, "b", "distilled", two.data.train, 0)
    assert set(rows["shift"]) == {"none", "left"}
    with pytest.raises(UnknownNameError, match="learner 'c'"):
        judged(two, "c", "distilled", two.data.train, 0)
    notes = run_stated(classes, StatedSettings(seeds=1, test_blocks=3)).notes
    assert any(note.startswith("Accuracy with softmax-regression:") for note in notes)


def test_a_study_that_was_stopped_goes_on_and_ends_alike(line, outcome, tmp_path, monkeypatch):
    monkeypatch.setattr(pinndd.study.run, "draw_gallery", lambda subject, outcomes, path: [])
    calls = []

    def stop(description, done, total, error):
        calls.append(description)
        if description.endswith("seed 1") and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_task(line, tmp_path, settings=SETTINGS, progress=stop)
    assert calls[:4] == ["line: making baselines, seed 0"] * 4  # three of them, told before the outer loop begins
    assert calls[4] == "line: distilling, seed 0"
    resumed = run_task(line, tmp_path, settings=SETTINGS, resume=True)
    stored = load_outcome(tmp_path / "state" / "stated")
    for mine, other in zip(stored.data, outcome.data, strict=True):
        assert torch.equal(mine["inputs"], other["inputs"])
    assert stored.results["error"].tolist() == outcome.results["error"].tolist()
    page = (resumed.path / "report.html").read_text()
    assert "Study of distilled data for a stated task: line, 2 distillation seeds" in page
    assert "boundary condition" not in page.lower()


@pytest.mark.parametrize("wrong", [{"seeds": 0}, {"test_blocks": 1}, {"size": 0}, {"seed": -1}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}="):
        StatedSettings(**wrong)


def test_a_finished_set_is_told_by_its_validation_part_never_by_the_test(line):
    data = random_rows(line.data.train, 3, 0)
    other = replace(line, data=replace(line.data, test=line.data.test.with_fields({"targets": -9 * line.data.test["targets"]})))
    said = in_validation(line, data, 0)
    assert said == in_validation(other, data, 0)
    assert said.endswith(" % (relative L2 error, mean over 5 blocks of the validation part)")
    asked, otherwise = (judged(task, "linear-ridge", "random", data, 0)["error"].tolist() for task in (line, other))
    assert asked != otherwise


def test_what_nothing_differentiates_chooses_start_and_iterate_itself(line):
    """The surrogate pulls the set to where ridge regression errs least; the learner answers well on one drawn set alone."""
    sets = baseline_sets(line, 0)
    wanted = sets["random"]["inputs"]

    def train(data, episodes):
        off = (data["inputs"] - wanted).abs().mean()
        return lambda x: 2 * x + 1 + 100 * off

    blind = replace(line, learner={"mine": BlackBox(train)}, surrogate=LinearRidge(1e-4))
    assert line.judge is None
    assert isinstance(blind.judge.learner, BlackBox)
    found = distill_task(blind, 0, sets=sets)
    assert found.data.header["start"] == "random"
    assert torch.allclose(found.data["inputs"], wanted)
    alone = distill_task(line, 0, sets=sets)
    assert not torch.allclose(alone.data["inputs"], wanted)


def for_each_other(data):
    """The same examples, each of the other class."""
    return data.with_fields({"targets": data["targets"].flip(-1)})


def test_a_set_keeps_the_labels_of_teachers_where_it_errs_less_with_them(classes):
    """What it is distilled from has all labels wrong; a study gives the teachers' to every baseline too, beside its own."""
    wrong = {"wrong": lambda train, size, seed: for_each_other(random_rows(train, size, seed))}
    taught = replace(classes, teachers=Teachers(TeacherLabels(temperature=2.0, share=0.75)), baselines=wrong)
    outcome = run_stated(taught, StatedSettings(seeds=2, test_blocks=3))
    assert set(outcome.results["method"]) == {"distilled", "wrong", "wrong + teacher labels", "dense"}
    plain, alone = distill_task(replace(taught, teachers=None), 0), distill_task(taught, 0)
    assert torch.equal(outcome.data[0]["targets"], alone.data["targets"])
    assert torch.equal(alone.data["inputs"], plain.data["inputs"])
    assert "labels" not in plain.data.header
    assert alone.seconds > 0
    wanted = taught.teachers.label({"distilled": plain.data}, taught.data.train, taught.teacher, 0)["distilled"]
    assert torch.equal(alone.data["targets"], wanted["targets"])
    header, theirs = alone.data.header, str(taught.teachers)
    assert header["labels"] == header["asked"]["labels"] == theirs
    assert header["labels_tried"][theirs] < header["labels_tried"]["its own"]
    # nothing is trained again to say what is known
    for labels, data in (("its own", plain.data), (theirs, alone.data), (theirs, wanted)):
        assert in_validation(taught, data, 0).startswith(f"{100 * header['labels_tried'][labels]:.2g} % (error rate")
    note = next(note for note in outcome.notes if note.startswith("Labels of the distilled set are its own or those of a teacher"))
    assert "at temperature 2, mixed with 25 % of its own, whichever err less on the validation part (error rate): " in note
    assert re.search(r"\d % with its own, [\d.]+ % with the others, so it keeps the others \(seed 0\); .*\(seed 1\)\.", note)
    assert outcome.best_baseline == "wrong + teacher labels"
    assert outcome.baseline_data is not None


def test_a_set_keeps_its_own_labels_where_those_of_teachers_harm(classes):
    """These teachers have every class for the other one."""
    right = SoftmaxRegression(0.1)

    def train(data, episodes):
        matrix = right.fit(data, episodes)
        return lambda x: matrix(x).flip(-1)

    mistaken = replace(classes, teachers=Teachers(learner=BlackBox(train)), baselines=("random",))
    plain, alone = distill_task(replace(mistaken, teachers=None), 0), distill_task(mistaken, 0)
    assert torch.equal(alone.data["targets"], plain.data["targets"])
    header = alone.data.header
    assert header["labels"] == "its own"
    assert header["labels_tried"]["its own"] < header["labels_tried"][str(mistaken.teachers)]
    outcome = run_stated(mistaken, StatedSettings(seeds=1, test_blocks=3))
    assert torch.equal(outcome.data[0]["targets"], plain.data["targets"])
    assert set(outcome.results["method"]) == {"distilled", "random", "random + teacher labels", "dense"}
    assert any("with the others, so it keeps its own. Every baseline stands" in note for note in outcome.notes)


def test_labels_with_which_nothing_can_be_trained_are_not_kept(classes):
    """A header holds no number that is not finite."""
    right = SoftmaxRegression(0.1)

    def train(data, episodes):
        alike = bool((data["targets"] - 0.5).abs().max() < 1e-3)
        return right.fit(data, episodes) if not alike else lambda x: x * math.nan

    hot, learner = Teachers(TeacherLabels(temperature=1e9), right), {"mine": BlackBox(train)}
    lost = replace(classes, learner=learner, surrogate=right, teachers=hot, error=KL())
    alone = distill_task(lost, 0)
    assert alone.data.header["labels"] == "its own"
    assert alone.data.header["labels_tried"][str(lost.teachers)] is None
    assert "diverged with the others, so it keeps its own." in labels_said(lost, [alone.data])
