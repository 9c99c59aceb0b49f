"""The memory of a learner of ever more classes: what is kept of a class knows no class that comes later."""

from dataclasses import replace

import pytest
import torch

from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.matching.distribution import RandomLayer
from pinndd.pinn.declare.loading import load_subject
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.stated.parts import INPUTS, TARGETS
from pinndd.study.stated.checks import check_task
from pinndd.study.stated.engine import StatedSettings, baseline_sets, distill_task, run_stated
from pinndd.vision.class_means import ClassMeans, FeatureMeans, Seeds, SquaredGap
from pinndd.vision.datasets import from_arrays
from pinndd.vision.remembering import StepByStep, continual_task


@pytest.fixture(scope="module")
def task():
    """Images of four classes, one corner of which is bright."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(4).repeat_interleave(40)
    corners = torch.eye(4).reshape(4, 1, 2, 2).repeat_interleave(2, 2).repeat_interleave(2, 3)
    images = 0.4 * corners[labels] + 0.5 * torch.rand((160, 1, 4, 4), generator=generator)
    return continual_task(
        from_arrays(images, labels, name="corners"), "corners", per_class=2, steps=30, search=StepByStep(hidden=16, steps=30)
    )


def test_what_is_kept_of_a_class_knows_no_later_one(task):
    whole = distill_task(task, 0)
    kept = whole.data
    assert torch.equal(kept[TARGETS].sum(0), torch.full((4,), 2.0))
    assert set(kept[TARGETS].unique().tolist()) == {0, 1}
    first, last = (torch.randperm(4, generator=torch.Generator().manual_seed(0)).split(2))
    train = task.data.train
    labels = train[TARGETS].argmax(-1)
    later = torch.isin(labels, last)
    changed = train.with_fields({INPUTS: torch.where(later[:, None, None, None], -train[INPUTS], train[INPUTS])})
    other = replace(task, data=replace(task.data, train=changed))
    again = distill_task(other, 0).data
    early = torch.isin(kept[TARGETS].argmax(-1), first)
    assert torch.equal(kept[INPUTS][early], again[INPUTS][early])
    assert not torch.allclose(kept[INPUTS][~early], again[INPUTS][~early])
    assert kept.header["optimality"].startswith("2 steps of 2 classes")


def test_a_memory_is_nearer_in_features_than_its_start(task):
    longer = replace(task, search=StepByStep(hidden=64, steps=80))
    start, found = baseline_sets(task, 0)["k-means"], distill_task(longer, 0).data
    learner = FeatureMeans(lambda rows, seed: RandomLayer(64, length=0.5)(rows.flatten(1), seed))
    full = SyntheticData(task.data.train.fields, {INPUTS: Fixed(), TARGETS: Fixed()})
    problem = DistillationProblem(learner, ClassMeans(full, learner), SquaredGap(), Mean())
    # features of another kind than those that it was distilled with
    before, after = (float(problem.evaluate(data, Seeds((1, 2, 3)))) for data in (start, found))
    assert after < 0.85 * before


def test_it_is_studied_like_any_stated_task(task):
    assert {finding.level for finding in check_task(task)} == {"ok"}
    found = run_stated(task, StatedSettings(seeds=1, test_blocks=3))
    assert set(found.results["method"]) == {"distilled", "random", "k-means", "k-medoids", "herding", "dense"}
    assert any(note.startswith("Accuracy with mlp") for note in found.notes)
    assert any(note.startswith("Optimality: 2 steps of 2 classes") for note in found.notes)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match="StepByStep: steps=0 must be positive"):
        StepByStep(steps=0)
    images = torch.rand((20, 1, 4, 4), generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="few: 9 images per class wanted, the class '0' has"):
        continual_task(from_arrays(images, torch.arange(20) % 2), "few", per_class=9)


@pytest.mark.parametrize(("name", "shape"), [("digits_continual", (1, 8, 8)), ("mnist_continual", (1, 28, 28))])
def test_packaged_tasks_keep_ten_images_of_each_class(name, shape, monkeypatch):
    inputs = torch.rand((200, *shape), generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr("pinndd.vision.datasets.load_dataset", lambda given: from_arrays(inputs, torch.arange(200) % 10, name=given))
    found = load_subject(name)
    assert (found.name, found.size) == (name, 100)
    small = replace(found.search, steps=2, hidden=8)(found, baseline_sets(found, 0), 0, lambda step, steps, gap: None)
    assert small.data[INPUTS].shape == (100, *shape)
    assert small.data[TARGETS].sum(0).tolist() == [10.0] * 10
