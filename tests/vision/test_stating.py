"""The task of images: networks by name, equally many images of every class, the training part alone in a criterion."""

from dataclasses import replace

import pytest
import torch

from pinndd.learners import SoftmaxRegression
from pinndd.module_source import ModuleSource
from pinndd.outer_loop import OuterSettings
from pinndd.pinn.declare.loading import PDEModuleError, load_subject
from pinndd.pinn.declare.modules import all_module_files
from pinndd.stated.naming import task_name
from pinndd.study.stated.baselines import BASELINES, make
from pinndd.study.stated.checks import check_task
from pinndd.study.stated.engine import StatedSettings
from pinndd.study.stated.sentences import first_look
from pinndd.vision.datasets import from_arrays
from pinndd.vision.remembering import continual_task
from pinndd.vision.stating import image_task, network_of, usual_network


def images(counts=(20, 9, 30), side=8, channels=1):
    labels = torch.cat([torch.full((count,), k) for k, count in enumerate(counts)])
    return from_arrays(torch.rand((len(labels), channels, side, side), generator=torch.Generator().manual_seed(0)), labels)


def test_networks_are_built_by_name():
    sizes = {name: sum(p.numel() for p in network_of(name, (3, 32, 32), 10)().parameters()) for name in ("convnet-3", "mlp-7x5")}
    # the ConvNet of the field on CIFAR-10 has 320010 weights
    assert sizes == {"convnet-3": 320_010, "mlp-7x5": 3072 * 7 + 7 + 35 + 5 + 50 + 10}
    for wrong in ("convnet", "convnet-0", "mlp-", "resnet-18", "convnet-3x0"):
        with pytest.raises(ValueError, match="is unknown: expected convnet-DEPTH"):
            network_of(wrong, (3, 32, 32), 10)
    with pytest.raises(ValueError, match="too small for depth=4"):
        network_of("convnet-4", (1, 8, 8), 10)
    assert usual_network((1, 28, 28)) == "convnet-3x32"
    assert usual_network((1, 8, 8)) == "mlp"


@pytest.mark.parametrize("name", ["random", "k-means", "k-medoids", "herding"])
def test_baselines_take_equally_many_of_every_class(name):
    task = image_task(images(), "shapes", per_class=3)
    found = make(task, name, BASELINES[name], 9, 0)
    assert found["targets"].argmax(-1).bincount().tolist() == [3, 3, 3]


@pytest.mark.parametrize(("network", "per_class"), [("mlp-4", 1), ("convnet-2x4", 1), ("convnet-2x4", 5)])
def test_every_recipe_is_fit_for_use(network, per_class):
    task = image_task(images((20, 20)), "shapes", per_class=per_class, network=network)
    found = {finding.subject: finding for finding in check_task(task)}
    assert {finding.level for finding in found.values()} == {"ok"}, found
    assert "gradient" in found


@pytest.mark.parametrize("network", ["mlp-4", "convnet-2x4"])
def test_another_number_of_images_per_class_is_as_if_it_had_been_stated(network):
    """The recipe changes at five per class; what is stated beside it stays, and so does what is replaced afterwards."""
    given = {"network": network, "test_blocks": 4}
    one, five = (image_task(images((20, 20)), "shapes", per_class=count, **given) for count in (1, 5))
    sized = StatedSettings(size=10).applied_to(one)
    assert one.outer != five.outer
    assert (sized.size, sized.outer, sized.smoothing, sized.test_blocks) == (10, five.outer, five.smoothing, 4)
    assert (repr(sized.learner), repr(sized.surrogate)) == (repr(five.learner), repr(five.surrogate))
    assert type(sized.hypergradient) is type(five.hypergradient)
    assert str(sized.teachers) == str(five.teachers)
    assert sized.of_size(2).outer == one.outer
    assert sized.of_size(11).outer == five.outer
    assert StatedSettings().applied_to(one).outer == one.outer
    assert replace(one, title="mine").of_size(10).title == "mine"
    own = image_task(images((20, 20)), "shapes", outer=OuterSettings(steps=7), **given)
    assert own.of_size(10).outer == own.outer
    object.__setattr__(one, "source", ModuleSource("shapes.npz", "0"))
    assert StatedSettings(size=10).applied_to(one).source == one.source


def test_a_first_look_trains_convnets_for_fewer_steps_and_says_so():
    task = image_task(images((20, 20)), "shapes", network="convnet-2x4")
    settings = StatedSettings(seeds=1, size=10, effort=0.2, quick=True)
    looked = settings.applied_to(task)
    assert (looked.own_learner.steps, looked.test_blocks, looked.own_learner.batch) == (200, 2, 32)
    assert first_look(task, looked, 1) == [
        "A first look, with 1 distillation seed; 200 steps of training on every set, not 1000; 1 way of training for every set, "
        "not 2; 120 steps of the outer loop, not 600; "
        "2 baselines, not 4; 2 blocks of the test part, not 3; 2 random subsets in the vacuity test, not 5."
    ]
    own = image_task(images((20, 20)), "shapes", network="convnet-2x4", baselines=("random", "herding"), test_blocks=4)
    assert (own.at_first_look().baselines, own.at_first_look().test_blocks) == (("random", "herding"), 4)
    small = image_task(images((20, 20)), "shapes", network="mlp-4")
    assert small.at_first_look().own_learner.steps == small.own_learner.steps
    with pytest.raises(TypeError, match="quick names 'steps': expected arguments of StatedTask, other than at_size, data, name, size"):
        replace(small, quick={"steps": 3})


def test_convnets_are_trained_with_augmentation_or_without():
    task = image_task(images((20, 20)), "shapes", network="convnet-2x4")
    augmented, plain = task.ways("convnet-2x4").values()
    assert augmented is task.own_learner
    assert augmented.steps == 1000
    assert (plain.steps, plain.augmentation) == (100, None)
    assert list(task.ways("convnet-2x4")) == ["with augmentation", "100 steps without augmentation"]
    assert not image_task(images((20, 20)), "shapes", network="mlp-4").trainings
    # another learner has no such arguments, or others
    own = image_task(images((20, 20)), "shapes", network="convnet-2x4", learner=SoftmaxRegression(), surrogate=augmented)
    assert (own.trainings, own.of_size(10).trainings) == ({}, {})


def test_the_network_of_the_field_judges_a_narrow_one():
    """It trains on the same images of a step, as long as suits its width."""
    task = image_task(images((20, 20)), "shapes", network="convnet-2x4")
    assert [task.of_size(size).judges["convnet-2"].steps for size in (2, 10)] == [300, 1000]
    task = task.of_size(10)
    (judge,) = task.judges.values()
    assert replace(judge, model=task.own_learner.model, learning_rate=0.003) == task.own_learner
    assert judge.model.size == image_task(images((20, 20)), "shapes", network="convnet-2").own_learner.model.size
    asked = task.with_judge("convnet-2")
    assert (list(asked.learners), asked.judges) == (["convnet-2x4", "convnet-2"], {})
    assert asked.with_judge("convnet-2x4") is asked
    assert list(asked.ways("convnet-2")) == list(task.trainings)
    for network in ("convnet-2", "convnet-2x128"):
        assert not image_task(images((20, 20)), "shapes", network=network).judges
    own = image_task(images((20, 20)), "shapes", network="convnet-2x4", learner=SoftmaxRegression(), surrogate=judge)
    assert not own.judges


def test_a_criterion_looks_at_the_training_part_of_the_device():
    task = StatedSettings().applied_to(image_task(images((20, 20)), "shapes", network="convnet-2x4"))
    assert task.estimator.full is task.data.train


def test_a_class_with_too_few_images_is_named():
    with pytest.raises(ValueError, match="6 images per class wanted, the class '1' has 5"):
        image_task(images(), "shapes", per_class=6)
    for few in (image_task(images(), "shapes"), continual_task(images(), "shapes", per_class=1)):
        with pytest.raises(ValueError, match="shapes: 6 images per class wanted, the class '1' has 5"):
            few.of_size(18)


@pytest.mark.parametrize(("name", "shape"), [("mnist", (1, 28, 28)), ("fashion_mnist", (1, 28, 28)), ("cifar_10", (3, 32, 32))])
def test_packaged_tasks_read_their_files_and_ask_about_few_classes_too(name, shape, monkeypatch):
    inputs = torch.rand((200, *shape), generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr("pinndd.vision.datasets.load_dataset", lambda given: from_arrays(inputs, torch.arange(200) % 10, name=given))
    task = load_subject(name)
    assert (task.name, task.size, task.data.pictures.mean.numel()) == (name, 10, shape[0])
    (make,) = task.tasks.values()
    asked = make(task.data.train).episodes(2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        answer = make(task.data.train).answer(task.own_learner.trial.fit(task.data.validation, asked), asked, 0)
    assert answer.shape == asked.targets.shape == (2, 80, 5)


def test_a_packaged_task_says_what_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setenv("PINNDD_DATA", str(tmp_path))
    monkeypatch.setattr("pinndd.vision.datasets.finding._cache", lambda name: tmp_path / "cache")
    with pytest.raises(PDEModuleError, match=r"no cifar-10-binary\.tar\.gz; searched: .* Put the file from .* PINNDD_DATA"):
        load_subject("cifar_10")


def test_names_of_folders_become_names_of_tasks():
    assert task_name("my photos (2024)", "images") == "my-photos-2024"
    assert task_name("猫", "images") == "images"
    assert task_name("digits", "images") in all_module_files()
