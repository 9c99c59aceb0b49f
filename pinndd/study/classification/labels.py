"""Labels for given examples: those of teachers, and those that are distilled; much of what a set is worth lies in its labels."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from pinndd.constraints import Fixed, Simplex
from pinndd.data import SyntheticData
from pinndd.devices import AUTO
from pinndd.distances import CrossEntropy
from pinndd.held_out import HeldOutPrediction, one_hot
from pinndd.hypergradients import Hypergradient, UnrolledAdjoint
from pinndd.learners.adam import Adam
from pinndd.learners.minibatch import QUESTIONS
from pinndd.learners.network import FittedNetworks
from pinndd.outer_loop import OuterSettings, distill
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.stated.teachers import WITH_LABELS, TeacherLabels
from pinndd.study.classification.baselines import all_training_data
from pinndd.study.classification.dataset import as_seen, hard_labels, with_targets
from pinndd.study.classification.devices import settled
from pinndd.study.classification.memory import check_memory, estimate_memory
from pinndd.study.classification.protocol import ARCHITECTURES, BATCH, Architecture, EvaluationProtocol
from pinndd.study.classification.training import VALIDATION, scores_of, train_networks
from pinndd.vision.datasets import Dataset

TEACHERS = 3


def trained_teachers(
    dataset: Dataset,
    protocol: EvaluationProtocol,
    *,
    count: int = TEACHERS,
    device: torch.device | str = AUTO,
    architectures: Mapping[str, Architecture] = ARCHITECTURES,
) -> FittedNetworks:
    """Train networks on the training part of a data set.

    Args:
        dataset: of which the test part is not looked at.
        protocol: of the networks; they see batches, so more steps (`EvaluationProtocol.for_all_data`).
        count: of the networks.
        device: of the training, or ``auto``, see `pinndd.devices.chosen_device`.
        architectures: the registry of builders.

    Raises:
        MemoryError: there is not memory enough.
    """
    how = protocol.for_all_data()
    model = how.model(dataset.shape, len(dataset.classes), architectures)
    device = settled(device, model, networks=1, examples=BATCH)
    needed = estimate_memory(model, dataset.shape, examples=BATCH, steps=1, episodes=1, questions=QUESTIONS, unrolled=False)
    check_memory(needed, device)
    data = all_training_data(dataset).to(device)
    augment = how.augment()
    return train_networks(
        how.learner(model), model, data, range(count), batch=how.batch, augmentation=augment and augment.each
    )


def with_teacher_labels(data: SyntheticData, teachers: FittedNetworks, labels: TeacherLabels | None = None) -> SyntheticData:
    """Return the set with the labels of teachers in place of its own, or beside them.

    With random examples this is the baseline of Qin, Deng & Alvarez-Melis (2024, arXiv 2406.10485): soft labels alone explain
    much of what distilled sets reach.

    Args:
        data: with ``inputs`` and ``targets``.
        teachers: trained on all data.
        labels: None: the teachers' probabilities alone.
    """
    found = (labels or TeacherLabels()).beside(data["targets"], scores_of(teachers, data["inputs"]))
    return with_targets(data, found, method=data.header.get("method", "given") + WITH_LABELS)


def smoothed(data: SyntheticData, smoothing: float) -> SyntheticData:
    """Return the set with labels to learn, ``(1 - s)`` of its most probable class and ``s`` of all alike.

    Args:
        data: with ``targets`` ``(n, K)``.
        smoothing: s; a label of exactly zero could not be learned, since it has no finite logit.

    Raises:
        ValueError: the smoothing is not between 0 and 1.
    """
    if not 0 < smoothing < 1:
        raise ValueError(f"smoothed: smoothing={smoothing} must lie between 0 and 1, such as 0.1")
    hard = hard_labels(data)["targets"]
    targets = (1 - smoothing) * hard + smoothing / hard.shape[-1]
    fields = {**data.fields, "targets": targets}
    return SyntheticData(fields, {**data.constraints, "targets": Simplex()}, data.header)


def with_learned_labels(
    data: SyntheticData,
    dataset: Dataset,
    learner: Adam,
    *,
    settings: OuterSettings,
    hypergradient: Hypergradient | None = None,
    questions: int = 256,
    smoothing: float = 0.1,
    held_out: float = 0.2,
    checks: int = 8,
) -> SyntheticData:
    """Return the set with labels that are distilled for the test error, its inputs as they are (Bohdal et al. 2020, arXiv 2006.08572).

    Args:
        data: with ``inputs`` and ``targets``, whose most probable classes are where the labels start.
        dataset: its training part gives the questions; a share of it, drawn at random, chooses the best iterate.
        learner: is trained on the set in every episode.
        settings: of the outer loop.
        hypergradient: None: `pinndd.hypergradients.UnrolledAdjoint`.
        questions: an episode; all of a part that has fewer.
        smoothing: of the first labels.
        held_out: share of the training part for the choice of the iterate.
        checks: networks that judge an iterate.

    Raises:
        ValueError: a share is not between 0 and 1.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"with_learned_labels: held_out={held_out} must lie between 0 and 1, such as 0.2")
    count = len(dataset.train_labels)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(settings.seed)).to(dataset.train_labels.device)
    apart = round(held_out * count)
    inputs = as_seen(data, dataset.train_inputs)
    targets = one_hot(dataset.train_labels, len(dataset.classes), data["targets"].dtype).to(data["targets"].device)
    parts = (order[:apart], order[apart:])
    held, rest = (HeldOutPrediction(inputs[part], targets[part], min(questions, len(part))) for part in parts)
    start = smoothed(data, smoothing)
    start = SyntheticData(
        start.fields, {name: Simplex() if name == "targets" else Fixed() for name in start.fields}, data.header
    )
    found = distill(
        DistillationProblem(learner, rest, CrossEntropy(), Mean()),
        start,
        hypergradient=hypergradient or UnrolledAdjoint(),
        validation=[held.episodes(checks, torch.Generator().manual_seed(settings.seed + VALIDATION))],
        settings=settings,
    )
    return with_targets(found.data, found.data["targets"], method=f"{data.header.get('method', 'given')} + learned labels")
