"""The stated task of a set of images: how well a small set trains a network of the field from scratch."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from pinndd.distances import CrossEntropy
from pinndd.hypergradients import UnrolledAdjoint
from pinndd.hypergradients.protocol import Hypergradient
from pinndd.learners.adam import Adam
from pinndd.learners.minibatch import MinibatchAdam
from pinndd.learners.network import NetworkModel
from pinndd.matching import DistributionMatching, GradientMatching, NetworkEmbedding
from pinndd.outer_loop import OuterSettings
from pinndd.stated.parts import INPUTS, TARGETS, Parts
from pinndd.stated.task import AtSize, PartTask, StatedTask
from pinndd.stated.teachers import TeacherLabels, Teachers
from pinndd.stated.trainings import Trainings
from pinndd.vision.augmentation import DifferentiableAugmentation
from pinndd.vision.datasets.dataset import Dataset
from pinndd.vision.networks import MLP, ConvNet
from pinndd.vision.tasks.continual import ClassIncremental

WIDTH = 128
"""Of a network whose name says none, as in the field."""

NARROW = 32
"""Width of the ConvNets that a set is distilled with: its gradients suit a processor."""

FEW = 5
"""Examples per class from which on means of features are matched, not gradients."""

SMALL = 25_000
"""Most weights of an MLP for which the graphs of all its training steps are kept: some hundred megabytes."""

BASELINES = ("random", "k-means", "k-medoids", "herding")

TEACHERS = TeacherLabels(temperature=4.0)
"""How soft the labels of images are that nothing else softens."""

FULL_BATCH, FULL_STEPS, FULL_ROUNDS = 128, 200, 3
"""How networks are trained on all data: images of a step, fewest steps, and how often each image is seen where there are many."""

TEACHING_STEPS = 1000
"""Steps of a teacher from `FEW` examples per class on: what it errs is then what holds a set back, which with fewer it is not."""

STEPS, PLAIN_STEPS, QUICK_STEPS = 1000, 100, 200
"""Of training a ConvNet on every set, with augmentation and without, and in a first look.

What augmentation suits is not hurt by many steps; centres of k-means, which it spoils, lose by every further one.
"""

WAYS: Trainings = {
    "with augmentation": {},
    f"{PLAIN_STEPS} steps without augmentation": {"steps": PLAIN_STEPS, "augmentation": None},
}
"""In which a ConvNet is tried on every set of images."""

WIDE_STEPS, WIDE_RATE = 300, 0.001
"""Of training the network of the field, with augmentation, on few images per class: it errs less so than as narrow ones train."""


def network_of(name: str, shape: tuple[int, ...], classes: int) -> Callable[[], nn.Module]:
    """Return a builder of networks by its name.

    Args:
        name: ``convnet-3`` (three blocks of width 128, instance normalisation, the network of the field), ``convnet-2x32`` (two of
            width 32), ``mlp`` (128 hidden units), ``mlp-256x256`` (two hidden layers).
        shape: of an image, channels, height, width.
        classes: outputs.

    Raises:
        ValueError: there is no such network, or the images are too small for it.
    """
    if found := re.fullmatch(r"convnet-([1-9])(?:x([1-9]\d{0,3}))?", name):
        depth, width = int(found[1]), int(found[2] or WIDTH)
        return ConvNet((shape[0], shape[1], shape[2]), classes, width, depth)
    if found := re.fullmatch(r"mlp(?:-([1-9]\d{0,4}(?:x[1-9]\d{0,4})*))?", name):
        return MLP(math.prod(shape), classes, tuple(int(width) for width in (found[1] or str(WIDTH)).split("x")))
    raise ValueError(
        f"network {name!r} is unknown: expected convnet-DEPTH or convnet-DEPTHxWIDTH, such as convnet-3 or convnet-3x32, or mlp or "
        "mlp-WIDTHxWIDTH, such as mlp-256x256"
    )


def usual_network(shape: tuple[int, ...]) -> str:
    """Return the name of the network for images of a shape where nobody names one: such as a processor trains."""
    return f"convnet-3x{NARROW}" if min(shape[1:]) >= 16 else "mlp"


def image_task(
    dataset: Dataset,
    name: str,
    *,
    per_class: int = 1,
    network: str | None = None,
    mirrored: bool | None = None,
    seed: int = 0,
    **stated: Any,
) -> StatedTask:
    """State the task of images: the test error of networks that are trained from scratch on a few of them.

    A ConvNet's set is distilled by matching gradients (fewer than five images per class) or mean features (from there on), both
    with differentiable augmentation and a narrow ConvNet, and labelled in the end by such a network that is trained on all images,
    where that helps; every set is trained with augmentation or without, whichever suits it (`WAYS`). The network of the field, of
    width 128, judges a finished set where it is asked for. An MLP's is distilled by back-propagation through its whole training, with
    soft labels.

    Args:
        dataset: standardised images.
        name: of the task.
        per_class: images per class of the set; where another number is asked for, the task is as if it had stood here.
        network: see `network_of` (None: `usual_network`).
        mirrored: whether an image means the same in a mirror (None: of images in colour).
        seed: of the split of the training part.
        stated: everything else that a stated task takes; where it names a learner, it names its ways of training too, if it has any.

    Raises:
        ValueError: the network is unknown or too deep, or a class has too few images.
    """
    if len(dataset.shape) != 3:
        raise ValueError(f"{name}: examples have shape {dataset.shape}, expected images: channels, height, width")
    classes = len(dataset.classes)
    network = network or usual_network(dataset.shape)
    model = NetworkModel(network_of(network, dataset.shape, classes))
    parts = Parts.of_dataset(dataset, seed=seed)
    require_enough(parts, dataset.classes, per_class, name)
    convolutional = network.startswith("convnet")
    how = _convolutional if convolutional else _perceptron
    mirrored = dataset.shape[0] == 3 if mirrored is None else mirrored
    augmentation = _augmentation(float(dataset.train_inputs.min()) if dataset.shape[0] == 1 else 0.0, mirrored)

    def recipe(each: int) -> Mapping[str, Any]:
        usual = how(network, model, parts, each, augmentation)
        if "learner" in stated:
            # another learner has other arguments, or none
            usual.pop("trainings", None)
            usual.pop("judges", None)
        # what is stated stays in a first look too
        usual["quick"] = {name: value for name, value in usual.get("quick", {}).items() if name not in stated}
        return {name: stated.get(name, value) for name, value in usual.items()}

    return StatedTask(
        name,
        data=parts,
        distance=CrossEntropy(),
        size=per_class * classes,
        **{
            "baselines": BASELINES,
            "at_size": of_each_class(parts, dataset.classes, name, recipe),
            **recipe(per_class),
            **stated,
        },
    )


def class_incremental(seen: Sequence[int]) -> PartTask:
    """Return what asks about the first classes alone, as a learner of ever more classes is asked (`ClassIncremental`).

    Args:
        seen: numbers of the classes seen so far.
    """
    return lambda part: ClassIncremental(part[INPUTS], part[TARGETS].argmax(-1), tuple(seen))


def require_enough(parts: Parts, classes: tuple[str, ...], per_class: int, name: str) -> None:
    """Make sure that every class has as many images to distill from as a set of it.

    Raises:
        ValueError: one has fewer.
    """
    counts = parts.train[TARGETS].sum(0)
    least = int(counts.argmin())
    if not 1 <= per_class <= int(counts[least]):
        raise ValueError(
            f"{name}: {per_class} images per class wanted, the class {classes[least]!r} has {int(counts[least])} to distill from: "
            "ask for fewer, at least 1"
        )


def of_each_class(
    parts: Parts, classes: tuple[str, ...], name: str, recipe: Callable[[int], Mapping[str, Any]] | None = None
) -> AtSize:
    """Return what says how a task of images changes with the size of its set, which every class has enough of.

    Args:
        parts: of the task.
        classes: their names.
        name: of the task.
        recipe: what is stated for so many images per class (None: always the same).

    Returns:
        A function of the size, which raises ValueError where a class has too few images.
    """

    def at_size(size: int) -> Mapping[str, Any]:
        per_class = max(1, size // len(classes))
        require_enough(parts, classes, per_class, name)
        return {} if recipe is None else recipe(per_class)

    return at_size


def _augmentation(fill: float, mirrored: bool) -> DifferentiableAugmentation:
    strategies: tuple[Any, ...] = ("crop", "scale", "rotate", "shear", *(("flip",) if mirrored else ()))
    return DifferentiableAugmentation(strategies, apply="all", fill=fill, crop=0.1, scale=1.2, rotate=15.0, shear=0.2)


def _perceptron(
    network: str, model: NetworkModel, parts: Parts, per_class: int, augmentation: DifferentiableAugmentation
) -> dict[str, Any]:
    few = per_class < FEW
    steps, rate = (30, 0.01) if few else (60, 0.003)
    # so many states of training are kept that they take as much memory as those that are computed again
    keep = max(1, round(math.sqrt(steps))) if model.size > 100_000 else 1
    learner = MinibatchAdam(model, steps, rate)
    return {
        "learner": {network: learner},
        "ceiling": MinibatchAdam(model, full_steps(parts), 0.003, batch=FULL_BATCH, networks=1),
        "hypergradient": UnrolledAdjoint(keep_every=keep, keep_graph=model.size <= SMALL),
        "outer": OuterSettings(
            steps=200, batch=4, learning_rate=0.005, rates={TARGETS: 4.0 if few else 1.0}, validate_every=20
        ),
        "test_blocks": 10,
    }


def _convolutional(
    network: str, model: NetworkModel, parts: Parts, per_class: int, augmentation: DifferentiableAugmentation
) -> dict[str, Any]:
    few = per_class < FEW
    shape = tuple(parts.train["inputs"].shape[1:])
    depth = network.removeprefix("convnet-").partition("x")[0]
    classes = parts.train[TARGETS].shape[-1]
    narrow = NetworkModel(network_of(f"convnet-{depth}x{NARROW}", shape, classes))
    field = f"convnet-{depth}"
    others = {} if network in (field, f"{field}x{WIDTH}") else {field: NetworkModel(network_of(field, shape, classes))}
    criterion: Hypergradient
    if few:
        criterion = GradientMatching(parts.train, layerwise=True, by_class=True, batch=32, augmentation=augmentation)
    else:
        embedding = NetworkEmbedding(narrow)
        criterion = DistributionMatching(parts.train, embedding, by_class=True, batch=64, augmentation=augmentation)
    choosing: Adam = MinibatchAdam(narrow, 60, 0.003, augmentation=augmentation.each)
    trained = MinibatchAdam(model, STEPS, 0.003, batch=None if few else 32, augmentation=augmentation.each)
    # a second teacher made the labels of MNIST no better
    teacher = MinibatchAdam(narrow, FULL_STEPS if few else TEACHING_STEPS, 0.003, batch=FULL_BATCH, augmentation=augmentation.each)
    return {
        "learner": {network: trained},
        "judges": {
            name: replace(trained, model=other, steps=WIDE_STEPS if few else STEPS, learning_rate=WIDE_RATE)
            for name, other in others.items()
        },
        "trainings": WAYS,
        "ceiling": MinibatchAdam(model, full_steps(parts), 0.001, batch=FULL_BATCH, augmentation=augmentation.each, networks=1),
        "surrogate": choosing,
        "hypergradient": criterion,
        "outer": OuterSettings(steps=600, batch=1, learning_rate=0.002 if few else 0.005, validate_every=60),
        "smoothing": 0.0,
        "teachers": Teachers(TEACHERS, teacher),
        "test_blocks": 3,
        "subsets": 5,
        "quick": {
            "learner": {network: replace(trained, steps=QUICK_STEPS)},
            "trainings": {},
            "teachers": Teachers(TEACHERS, replace(teacher, steps=FULL_STEPS)),
            "baselines": ("random", "k-means"),
            "test_blocks": 2,
            "subsets": 2,
        },
    }


def full_steps(parts: Parts) -> int:
    """Return how many steps a network is trained for on all data."""
    return max(FULL_STEPS, FULL_ROUNDS * parts.count // FULL_BATCH)
