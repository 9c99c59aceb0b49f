"""Evaluate a set: retrain networks from scratch as its protocol says, and ask them about the test part."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.study.bootstrap import LEVEL, Interval
from pinndd.study.classification.baselines import all_training_data
from pinndd.study.classification.dataset import as_seen, hard_labels, is_whitened, whitened
from pinndd.study.classification.memory import MemoryEstimate, check_memory, estimate_memory, room_for
from pinndd.study.classification.metrics import LabelRobustness, accuracy, expected_calibration_error
from pinndd.study.classification.protocol import ARCHITECTURES, Architecture, EvaluationProtocol
from pinndd.study.classification.training import QUESTIONS, scores_of, train_networks
from pinndd.vision.datasets import Dataset
from pinndd.vision.whitening import ZCA


@dataclass(frozen=True)
class Row:
    """One retrained network.

    Attributes:
        method: that made the set.
        distilled_with: network that the set was distilled with; empty where that plays no part.
        trained_with: network and options.
        seed: of the network.
        examples: of the set.
        accuracy: on the test part, a share.
        cross_entropy: mean over the test part, nats.
        calibration_error: expected, 15 bins.
        seconds: of training, those of networks trained together divided by their number.
    """

    method: str
    distilled_with: str
    trained_with: str
    seed: int
    examples: int
    accuracy: float
    cross_entropy: float
    calibration_error: float
    seconds: float


@dataclass(frozen=True)
class Summary:
    """The rows of one method and one network.

    Attributes:
        method, distilled_with, trained_with, examples: as in `Row`.
        retrainings: number of rows.
        accuracy: mean, with the 95 % interval of Student's t over the retrainings.
        calibration_error: likewise.
        seconds: mean.
    """

    method: str
    distilled_with: str
    trained_with: str
    examples: int
    retrainings: int
    accuracy: Interval
    calibration_error: Interval
    seconds: float


def evaluate(
    data: SyntheticData | Path | str,
    dataset: Dataset,
    *,
    protocol: EvaluationProtocol | None = None,
    method: str | None = None,
    distilled_with: str = "",
    device: torch.device | str = "cpu",
    architectures: Mapping[str, Architecture] = ARCHITECTURES,
    at_once: int | None = None,
) -> tuple[Row, ...]:
    """Train networks from scratch on a set, and ask them about the test part of a data set.

    Args:
        data: the set, or the path of its file.
        dataset: with the test part.
        protocol: None: that in the header of the set, repeated exactly.
        method: that made the set; None: what its header says.
        distilled_with: for the rows.
        device: of the training.
        architectures: the registry of builders.
        at_once: networks that are trained together; None: as many as there is memory for on CUDA, one on a CPU, where batching
            saves no time.

    Returns:
        One row a network.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the header has no protocol, the network is unknown, or set, data set and protocol do not fit.
        MemoryError: there is not memory enough.
    """
    data = data if isinstance(data, SyntheticData) else SyntheticData.load(data)
    protocol = protocol or EvaluationProtocol.stored(data)
    protocol.check(data, dataset)
    labels = dataset.test_labels.to(device)
    shape = tuple(dataset.test_inputs.shape[1:])
    model = protocol.model(shape, len(dataset.classes), architectures)
    learner = protocol.learner(model)
    shown = len(data["targets"]) if protocol.batch is None else min(protocol.batch, len(data["targets"]))

    def needed(together: int) -> MemoryEstimate:
        return estimate_memory(
            model,
            shape,
            examples=shown,
            steps=1,
            episodes=together,
            questions=QUESTIONS,
            dtype=learner.dtype,
            unrolled=False,
        )

    augment = protocol.augment()
    together = at_once or (room_for(protocol.retrainings, needed, device) if torch.device(device).type == "cuda" else 1)
    check_memory(needed(together), device)
    started = time.perf_counter()
    networks = train_networks(
        learner,
        model,
        data.to(device),
        protocol.seeds,
        batch=protocol.batch,
        augmentation=augment and augment.each,
        at_once=together,
    )
    if networks.parameters.is_cuda:
        torch.cuda.synchronize(device)
    seconds = (time.perf_counter() - started) / protocol.retrainings
    scores = scores_of(networks, as_seen(data, dataset.test_inputs))
    name = method or str(data.header.get("method", "distilled"))
    return tuple(
        Row(name, distilled_with, protocol.name, seed, len(data["targets"]), *_judged(own, labels), seconds)
        for seed, own in zip(protocol.seeds, scores, strict=True)
    )


def _judged(scores: Tensor, labels: Tensor) -> tuple[float, float, float]:
    loss = torch.nn.functional.cross_entropy(scores.double(), labels)
    error = expected_calibration_error(scores.double().softmax(-1), labels)
    return float(accuracy(scores, labels)), float(loss), error


def label_robustness(
    data: SyntheticData,
    random: SyntheticData,
    dataset: Dataset,
    *,
    protocol: EvaluationProtocol | None = None,
    full: EvaluationProtocol | None = None,
    device: torch.device | str = "cpu",
    architectures: Mapping[str, Architecture] = ARCHITECTURES,
) -> LabelRobustness:
    """Measure the four accuracies of DD-Ranking: what of a set's accuracy is not owed to its labels (arXiv 2505.13300).

    Args:
        data: the set.
        random: as many random examples, with labels of the same kind as the set: those of teachers, or learned ones.
        dataset: gives the test part and all data.
        protocol: None: that in the header of the set.
        full: protocol for all data; None: the same with batches of 256.
        device: of the training.
        architectures: the registry of builders.

    Raises:
        ValueError: the two sets have different numbers of examples; and as `evaluate`.
    """
    if len(data["targets"]) != len(random["targets"]):
        raise ValueError(
            f"label_robustness: the set has {len(data['targets'])} examples, the random one {len(random['targets'])}: expected "
            "as many"
        )
    protocol = protocol or EvaluationProtocol.stored(data)
    full = full or replace(protocol, batch=256)

    def mean(of: SyntheticData, how: EvaluationProtocol) -> float:
        rows = evaluate(of, dataset, protocol=how, device=device, architectures=architectures)
        return float(np.mean([row.accuracy for row in rows]))

    everything = all_training_data(dataset)
    if is_whitened(data):
        everything = whitened(everything, ZCA.from_tensors(data.fields))
    return LabelRobustness(
        real_hard=mean(everything, full),
        set_hard=mean(hard_labels(data), protocol),
        set_any=mean(data, protocol),
        random_any=mean(random, protocol),
    )


def summarise(rows: Iterable[Row]) -> list[Summary]:
    """Return means over the retrainings, one a method and network, in the order of their first rows."""
    groups: dict[tuple[str, str, str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.method, row.distilled_with, row.trained_with, row.examples), []).append(row)
    return [
        Summary(
            *key,
            retrainings=len(own),
            accuracy=student_interval([row.accuracy for row in own]),
            calibration_error=student_interval([row.calibration_error for row in own]),
            seconds=float(np.mean([row.seconds for row in own])),
        )
        for key, own in groups.items()
    ]


def student_interval(values: Sequence[float]) -> Interval:
    """Return the mean with its 95 % interval, ``mean ± t s / √n`` (Student 1908); a single value has none."""
    mean, count = float(np.mean(values)), len(values)
    if count == 1:
        return Interval(mean, mean, mean)
    half = float(stats.t.ppf((1 + LEVEL) / 2, count - 1) * np.std(values, ddof=1) / count**0.5)
    return Interval(mean, mean - half, mean + half)


def paired_difference(rows: Iterable[Row], method: str, other: str, *, trained_with: str | None = None) -> Interval:
    """Return by how much ``method`` is more accurate than ``other``, with its 95 % interval; pairs have seed and network in common.

    Args:
        rows: of both.
        method, other: names in the rows.
        trained_with: network; None: all of them.

    Raises:
        ValueError: no network and seed is common to both.
    """
    found: dict[str, dict[tuple[str, int], float]] = {method: {}, other: {}}
    for row in rows:
        if row.method in found and trained_with in (None, row.trained_with):
            found[row.method][row.trained_with, row.seed] = row.accuracy
    common = [key for key in found[method] if key in found[other]]
    if not common:
        raise ValueError(
            f"paired_difference: {method!r} and {other!r} have no network and seed in common: evaluate both alike"
        )
    return student_interval([found[method][key] - found[other][key] for key in common])


def markdown(summaries: Sequence[Summary]) -> str:
    """Return a Markdown table, per cents with half the width of their intervals."""
    lines = [
        "| method | trained with | examples | accuracy, % | calibration error, % | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for each in summaries:
        method = f"{each.method} ({each.distilled_with})" if each.distilled_with else each.method
        values = f"{per_cent(each.accuracy)} | {per_cent(each.calibration_error)}"
        lines.append(f"| {method} | {each.trained_with} | {each.examples} | {values} | {each.seconds:.2f} |")
    return "\n".join(lines)


def per_cent(value: Interval) -> str:
    """Return ``94.5 ± 0.3``, or the number alone where it has no interval."""
    half = (value.high - value.low) / 2
    return f"{100 * value.value:.1f} ± {100 * half:.1f}" if half else f"{100 * value.value:.1f}"
