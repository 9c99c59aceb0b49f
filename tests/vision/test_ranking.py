"""The task of an architecture search: whom a part asks about, where the truth comes from, and what a study says of it."""

from dataclasses import replace

import pytest
import torch

from pinndd.distances import Kendall
from pinndd.held_out import HeldOutPrediction
from pinndd.learners.portfolio import Portfolio
from pinndd.outer_loop import OuterSettings
from pinndd.pinn.declare.loading import load_subject
from pinndd.stated.parts import INPUTS, TARGETS
from pinndd.stated.task import blocks
from pinndd.study.stated.checks import check_task, require_usable
from pinndd.study.stated.engine import StatedSettings, run_stated
from pinndd.study.stated.judging import judged
from pinndd.vision.datasets import from_arrays
from pinndd.vision.ranking import HELD_OUT, SEED, WEIGHTS, ranking_task
from pinndd.vision.search_space import small_networks
from pinndd.vision.tasks.architecture_search import SoftAccuracy, accuracy, score_candidates

SPACE = small_networks((1, 4, 4), 3)[:8:2]


@pytest.fixture(scope="module")
def task():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(150) % 3
    images = torch.rand((150, 1, 4, 4), generator=generator) + 0.5 * torch.eye(4)[labels][:, None, None]
    few = {"subsets": 1, "baselines": ("random",), "outer": OuterSettings(steps=5, batch=1, validate_every=5)}
    return ranking_task(from_arrays(images, labels), "stripes", SPACE, per_class=3, full_steps=20, **few)


def test_only_the_training_part_asks_about_the_members_alone(task):
    asked = {name: task.asking(part) for name, part in {**task.data.named, **task.shifts}.items()}
    assert {name: list(each.candidates) for name, each in asked.items()} == {
        "train": [0, 2], "validation": [0, 1, 2, 3], "test": [0, 1, 2, 3], HELD_OUT: [1, 3],
    }  # fmt: skip
    assert asked["train"].score_of == SoftAccuracy()
    assert asked["test"].score_of is accuracy
    torch.testing.assert_close(asked[HELD_OUT].scores, asked["test"].scores[[1, 3]])


def test_no_candidate_is_judged_on_what_it_was_trained_on(task):
    for name, trained_on in (("train", "validation"), ("validation", "train"), ("test", "train")):
        full, part = task.data.named[trained_on], task.data.named[name]
        fitted = task.ceiling.fit(full, HeldOutPrediction(full[INPUTS], full[TARGETS], 1).everything(WEIGHTS, SEED))
        asked = HeldOutPrediction(part[INPUTS], part[TARGETS], 1).everything(WEIGHTS, SEED)
        own = task.asking(part)
        torch.testing.assert_close(own.scores, score_candidates(fitted, asked, accuracy).mean(0)[list(own.candidates)])


def test_a_study_says_rank_correlations(task):
    assert {finding.level for finding in check_task(task)} == {"ok"}
    found = run_stated(task, StatedSettings(seeds=1, test_blocks=2))
    rows = found.results
    assert set(rows["shift"]) == {"none", HELD_OUT}
    assert {"distilled", "random", "dense", "early stopping"} == set(rows["method"])
    assert found.distance == "kendall-temperature-0"
    mean = rows[(rows["method"] == "distilled") & (rows["shift"] == "none")]["error"].mean()
    (inside, held_out) = [note for note in found.notes if note.startswith("Rank correlation with the truth (Kendall's τ)")]
    assert f"on the test part: {1 - 2 * mean:.2f} on 9 distilled examples" in inside
    assert HELD_OUT in held_out
    assert "The test asked 2 times about 45 of the 45 examples of its part." in found.notes


def test_every_seed_is_tested_with_initial_weights_of_its_own(task):
    asking = task.asking(task.data.test)
    first, again, other = (blocks(asking, 2, 7, draw) for draw in (0, 0, 1))
    like = first.inputs
    weights = [task.own_learner.model.initial(each, like) for each in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(first.inputs, other.inputs), "the questions are the same"
    # and so does what a study stores of it
    rows = [judged(task, task.learner_names[0], "random", task.data.train, seed)["error"].tolist() for seed in (0, 0, 1)]
    assert rows[0] == rows[1] != rows[2]


def test_a_learner_of_other_candidates_is_refused_before_any_distilling(task):
    few = replace(task, learner=replace(task.own_learner, model=Portfolio(task.own_learner.model.models[:3])))
    with pytest.raises(ValueError, match="candidate 3 is among the 4 that are ranked, and the learner trained 3 models"):
        require_usable(few, few.size)


def test_errors_are_shares_of_pairs(task):
    test = task.data.test
    asking = task.asking(test)
    asked = asking.everything(2)
    truth = asking.truth(asked, 0)
    assert task.measure == Kendall(temperature=0)
    assert task.measure(-truth, truth).tolist() == pytest.approx([1.0, 1.0])


def test_it_is_the_same_at_every_size_that_its_classes_have(task):
    assert task.at_size(4) == {}
    with pytest.raises(ValueError, match="100 images per class wanted"):
        task.at_size(100 * len(task.meanings["targets"]))


def test_too_few_candidates_are_refused(task):
    images = torch.rand((30, 1, 4, 4), generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="few: 3 candidates, expected at least 4"):
        ranking_task(from_arrays(images, torch.arange(30) % 2), "few", SPACE[:3])


def test_the_packaged_task_ranks_sixteen_networks():
    found = load_subject("digits_architecture_search")
    assert (found.name, found.size, found.learner_names) == ("digits_architecture_search", 100, ("16-candidates",))
    assert len(found.own_learner.model) == 16
