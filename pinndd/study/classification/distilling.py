"""Distill a data set of k examples per class, by a method of the field, for networks that a protocol trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from pinndd.constraints import Box, Constraint, Fixed, Simplex
from pinndd.data import SyntheticData
from pinndd.devices import AUTO
from pinndd.distances import CrossEntropy, Distance, ZeroOne
from pinndd.held_out import HeldOutPrediction, one_hot
from pinndd.hypergradients import Hypergradient, RandomlyTruncated, Truncated, UnrolledAdjoint
from pinndd.learners.kernel_ridge import arc_cosine
from pinndd.learners.network import NetworkModel
from pinndd.matching import (
    DistributionMatching,
    FeatureRidge,
    GradientMatching,
    KernelInducingPoints,
    NetworkEmbedding,
    TrajectoryMatching,
)
from pinndd.outer_loop import Distillation, OuterSettings, distill
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.stated.teachers import TeacherLabels
from pinndd.study.classification.baselines import k_means, random_samples
from pinndd.study.classification.devices import settled
from pinndd.study.classification.labels import smoothed, trained_teachers, with_teacher_labels
from pinndd.study.classification.memory import check_memory, estimate_memory
from pinndd.study.classification.protocol import ARCHITECTURES, Architecture, EvaluationProtocol, built_augmentation
from pinndd.study.classification.training import VALIDATION
from pinndd.vision.augmentation import DifferentiableAugmentation
from pinndd.vision.datasets import Dataset, stratified_split


@dataclass(frozen=True)
class _Parts:
    """What a method is made of: all data that it may look at, the networks, and the settings."""

    full: SyntheticData
    model: NetworkModel
    settings: ClassificationSettings


Method = Callable[[_Parts], Hypergradient]

METHODS: Mapping[str, Method] = {
    "unrolled": lambda parts: UnrolledAdjoint(keep_every=parts.settings.keep_every),
    "truncated": lambda parts: Truncated(parts.settings.window),
    "randomly-truncated": lambda parts: RandomlyTruncated(parts.settings.window, seed=parts.settings.seed),
    "feature-ridge": lambda parts: FeatureRidge(parts.settings.window),
    "gradient-matching": lambda parts: GradientMatching(
        parts.full, layerwise=True, by_class=True, batch=parts.settings.batch, augmentation=parts.settings.augment()
    ),
    "distribution-matching": lambda parts: DistributionMatching(
        parts.full,
        NetworkEmbedding(parts.model),
        by_class=True,
        batch=parts.settings.batch,
        augmentation=parts.settings.augment(),
    ),
    "trajectory-matching": lambda parts: TrajectoryMatching(parts.full, batch=10 * parts.settings.batch),
    "kernel": lambda parts: KernelInducingPoints(parts.full, arc_cosine, 1e-3, batch=10 * parts.settings.batch),
    "labels": lambda parts: UnrolledAdjoint(keep_every=parts.settings.keep_every),
}
"""Methods by name: back-propagation through training (whole, truncated, randomly truncated), ridge regression on features,
matching of gradients, distributions and trajectories, kernel ridge regression on pixels, and labels alone."""

_BY_CLASS = ("gradient-matching", "distribution-matching")
_UNROLLED = ("unrolled", "labels")
_CENTRED = "feature-ridge"
_ROOM = 1.0


@dataclass(frozen=True)
class ClassificationSettings:
    """Settings of a distillation for classification.

    Attributes:
        per_class: examples per class, k.
        method: a name in `METHODS`.
        start: k-means or random: which examples the set starts from.
        learn_labels: whether labels are distilled too; the methods that match by class keep them.
        steps: of the outer loop.
        learning_rate: of the outer loop, in shares of the range of the inputs; labels move in logits.
        label_rate: factor on the learning rate of the labels.
        episodes: networks per step.
        questions: training examples that each is asked about, at most.
        window: steps walked back (truncated), or age of the oldest network (feature-ridge).
        batch: examples of each class that a matching method looks at.
        augmentation: of both sides of a matching by class, options of
            `pinndd.vision.augmentation.DifferentiableAugmentation`; None: none.
        teacher_labels: labels that the examples get in the end from networks trained on all data, by methods that match by class;
            None: hard ones.
        keep_every: states of training that back-propagation keeps, as in `pinndd.hypergradients.UnrolledAdjoint`.
        smoothing: of the first labels, where they are learned.
        held_out: share of the training part that chooses the best iterate.
        judges: networks that judge an iterate.
        judged_on: most examples held out that they are asked about.
        validate_every: outer steps between two looks.
        seed: of everything.

    Raises:
        ValueError: the method or the start is unknown, or a number is out of its range.
    """

    per_class: int = 1
    method: str = "unrolled"
    start: str = "k-means"
    learn_labels: bool = True
    steps: int = 400
    learning_rate: float = 0.005
    label_rate: float = 1.0
    episodes: int = 4
    questions: int = 256
    window: int = 30
    batch: int = 64
    augmentation: Mapping[str, Any] | None = None
    teacher_labels: TeacherLabels | None = None
    keep_every: int = 1
    smoothing: float = 0.1
    held_out: float = 0.2
    judges: int = 5
    judged_on: int = 2000
    validate_every: int = 25
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, known in (("method", self.method, METHODS), ("start", self.start, ("k-means", "random"))):
            if value not in known:
                raise ValueError(f"ClassificationSettings: {name}={value!r}, expected one of {', '.join(known)}")
        for name in ("per_class", "episodes", "questions", "window", "batch", "keep_every", "judges", "judged_on"):
            if getattr(self, name) < 1:
                raise ValueError(f"ClassificationSettings: {name}={getattr(self, name)} must be at least 1")
        if not 0 < self.held_out < 1 or not 0 < self.smoothing < 1:
            raise ValueError(
                f"ClassificationSettings: held_out={self.held_out} and smoothing={self.smoothing} must lie between 0 and 1"
            )
        if self.teacher_labels and self.method not in _BY_CLASS:
            raise ValueError(
                f"ClassificationSettings: method {self.method!r} has labels of its own: teacher_labels are for "
                f"{' and '.join(_BY_CLASS)}"
            )
        self.augment()

    def augment(self) -> DifferentiableAugmentation | None:
        """Return what changes both sides of a matching by class.

        Raises:
            ValueError: the augmentation does not take the options.
        """
        return built_augmentation(self.augmentation)


def distill_examples(
    dataset: Dataset,
    protocol: EvaluationProtocol,
    settings: ClassificationSettings,
    *,
    stored: EvaluationProtocol | None = None,
    start: SyntheticData | None = None,
    device: torch.device | str = AUTO,
    architectures: Mapping[str, Architecture] = ARCHITECTURES,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[int, float], None] | None = None,
) -> Distillation:
    """Distill k examples per class; the test part of the data set is not looked at.

    A share of the training part is held out: it chooses the best iterate, by the cross-entropy of networks trained from scratch
    (their error for feature-ridge, whose networks give no probabilities). The rest asks the questions.

    Args:
        dataset: to distill from.
        protocol: how networks are trained in the outer loop, and teachers in the end, these alone with its augmentation.
        settings: see `ClassificationSettings`.
        stored: the protocol that goes with the set; None: the first. A set may be distilled with a narrow network for a wide one.
        start: where to start, such as a set that another run has distilled; None: as the settings say.
        device: of the distillation, or ``auto``, see `pinndd.devices.chosen_device`.
        architectures: the registry of builders.
        checkpoint, resume, progress: as in `pinndd.distill`.

    Returns:
        The set with its evaluation protocol in the header, and the history; for feature-ridge the risk is an error.

    Raises:
        ValueError: a class has too few examples, the network does not fit the labels, or the loss of the protocol does not
            fit the method.
        MemoryError: the run would not fit; the message names the options that lower it.
    """
    centred = settings.method == _CENTRED
    if (protocol.loss == "squared-error") != centred:
        raise ValueError(
            f"method {settings.method!r} with loss={protocol.loss!r}: feature-ridge needs a protocol with loss='squared-error', "
            "the others one with loss='cross-entropy'"
        )
    model = protocol.model(dataset.shape, len(dataset.classes), architectures)
    learner = protocol.learner(model)
    examples = settings.per_class * len(dataset.classes)
    unrolled = settings.method in _UNROLLED
    device = settled(device, model, networks=settings.episodes, examples=examples)
    check_memory(
        estimate_memory(
            model,
            dataset.shape,
            examples=examples,
            steps=protocol.steps if unrolled else settings.window,
            episodes=settings.episodes,
            questions=settings.questions,
            keep_every=settings.keep_every,
        ),
        device,
    )
    kept, held = stratified_split(dataset.train_labels, settings.held_out, torch.Generator().manual_seed(settings.seed))
    rest = replace(dataset, train_inputs=dataset.train_inputs[kept], train_labels=dataset.train_labels[kept])
    data = _learnable(start or _start(rest, settings), rest, settings).to(device)
    inputs, targets = _pool(dataset, settings, device)
    task = HeldOutPrediction(inputs[kept], targets[kept], min(settings.questions, len(kept)))
    asked = held[torch.randperm(len(held), generator=torch.Generator().manual_seed(settings.seed))[: settings.judged_on]]
    judges = HeldOutPrediction(inputs[asked], targets[asked], len(asked))
    judged = judges.everything(settings.judges, settings.seed + VALIDATION)
    full = SyntheticData({"inputs": task.inputs, "targets": task.targets}, {"inputs": Fixed(), "targets": Fixed()})
    distance: Distance = ZeroOne() if centred else CrossEntropy()
    found = distill(
        DistillationProblem(learner, task, distance, Mean()),
        data,
        hypergradient=METHODS[settings.method](_Parts(full, model, settings)),
        validation=[judged],
        settings=_outer(settings),
        checkpoint=checkpoint,
        resume=resume,
        progress=progress,
    )
    if settings.teacher_labels:
        teachers = trained_teachers(rest, protocol, device=device, architectures=architectures)
        found = replace(found, data=with_teacher_labels(found.data, teachers, settings.teacher_labels))
    return replace(found, data=(stored or protocol).on(dataset).store(found.data))


def _pool(dataset: Dataset, settings: ClassificationSettings, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Return all training inputs and their targets; ridge regression is done on centred ones."""
    targets = one_hot(dataset.train_labels, len(dataset.classes)) - (settings.method == _CENTRED) / len(dataset.classes)
    return dataset.train_inputs.to(device), targets.to(device)


def _start(dataset: Dataset, settings: ClassificationSettings) -> SyntheticData:
    if settings.start == "k-means":
        return k_means(dataset, settings.per_class, seed=settings.seed, restarts=1)
    return random_samples(dataset, settings.per_class, torch.Generator().manual_seed(settings.seed))


def _learnable(data: SyntheticData, dataset: Dataset, settings: ClassificationSettings) -> SyntheticData:
    """Return the set with what the method may change.

    Inputs may leave the range of the training part by its width: what matters is what networks learn from them.
    """
    low, high = float(dataset.train_inputs.min()), float(dataset.train_inputs.max())
    room = _ROOM * (high - low)
    inputs: Constraint = Fixed() if settings.method == "labels" else Box((low - room,), (high + room,))
    targets, labels = data["targets"], cast(Constraint, Fixed())
    if settings.method == _CENTRED:
        targets = targets - targets.mean(-1, keepdim=True)
        labels = Box((-1.0,), (2.0,)) if settings.learn_labels else labels
    elif settings.learn_labels and settings.method not in _BY_CLASS:
        soft = bool(((targets > 0) & (targets < 1)).any())
        labels, targets = Simplex(), targets if soft else smoothed(data, settings.smoothing)["targets"]
    header = {"method": settings.method, "distillation": asdict(settings)}
    return SyntheticData({"inputs": data["inputs"], "targets": targets}, {"inputs": inputs, "targets": labels}, header)


def _outer(settings: ClassificationSettings) -> OuterSettings:
    return OuterSettings(
        steps=settings.steps,
        batch=settings.episodes,
        learning_rate=settings.learning_rate,
        rates={"targets": settings.label_rate},
        validate_every=settings.validate_every,
        seed=settings.seed,
    )
