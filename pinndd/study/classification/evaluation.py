"""Evaluate a set: retrain networks from scratch as its protocol says, and ask them about the test part."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.devices import AUTO
from pinndd.learners.minibatch import QUESTIONS
from pinndd.study.classification.dataset import as_seen
from pinndd.study.classification.devices import settled
from pinndd.study.classification.memory import MemoryEstimate, check_memory, estimate_memory, room_for
from pinndd.study.classification.metrics import accuracy, expected_calibration_error
from pinndd.study.classification.protocol import ARCHITECTURES, Architecture, EvaluationProtocol
from pinndd.study.classification.repetitions import per_cents, student_half
from pinndd.study.classification.training import scores_of, train_networks
from pinndd.study.results.writing import markdown_table
from pinndd.vision.datasets import Dataset

COLUMNS = (
    "method",
    "distilled_with",
    "trained_with",
    "seed",
    "examples",
    "accuracy",
    "cross_entropy",
    "calibration_error",
    "seconds",
)
"""Of a frame with one row per retrained network.

Who made the set; the network that it was distilled with, empty where that plays no part; network and options that were
trained; their seed; the number of examples of the set; on the test part the accuracy as a share, the mean cross-entropy in
nats and the expected calibration error over 15 bins; the seconds of training, those of networks trained together divided by
their number."""

_GROUP = ["method", "distilled_with", "trained_with", "examples"]


def evaluate(
    data: SyntheticData | Path | str,
    dataset: Dataset,
    *,
    protocol: EvaluationProtocol | None = None,
    method: str | None = None,
    distilled_with: str = "",
    device: torch.device | str = AUTO,
    architectures: Mapping[str, Architecture] = ARCHITECTURES,
    at_once: int | None = None,
) -> pd.DataFrame:
    """Train networks from scratch on a set, and ask them about the test part of a data set.

    Args:
        data: the set, or the path of its file.
        dataset: with the test part.
        protocol: None: that in the header of the set, repeated exactly.
        method: that made the set; None: what its header says.
        distilled_with: for the rows.
        device: of the training, or ``auto``, see `pinndd.devices.chosen_device`.
        architectures: the registry of builders.
        at_once: networks that are trained together; None: as many as there is memory for on CUDA, one on a CPU, where batching
            saves no time.

    Returns:
        A frame with one row per network and the columns `COLUMNS`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the header has no protocol, the network is unknown, or set, data set and protocol do not fit.
        MemoryError: there is not memory enough.
    """
    data = data if isinstance(data, SyntheticData) else SyntheticData.load(data)
    protocol = protocol or EvaluationProtocol.stored(data)
    protocol.check(data, dataset)
    shape = tuple(dataset.test_inputs.shape[1:])
    model = protocol.model(shape, len(dataset.classes), architectures)
    learner = protocol.learner(model)
    shown = len(data["targets"]) if protocol.batch is None else min(protocol.batch, len(data["targets"]))
    device = settled(device, model, networks=protocol.retrainings, examples=shown)
    labels = dataset.test_labels.to(device)

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
    together = at_once or (room_for(protocol.retrainings, needed, device) if device.type == "cuda" else 1)
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
    made = (name, distilled_with, protocol.name)
    return pd.DataFrame(
        [
            (*made, seed, len(data["targets"]), *_judged(own, labels), seconds)
            for seed, own in zip(protocol.seeds, scores, strict=True)
        ],
        columns=COLUMNS,
    )


def _judged(scores: Tensor, labels: Tensor) -> tuple[float, float, float]:
    loss = torch.nn.functional.cross_entropy(scores.double(), labels)
    error = expected_calibration_error(scores.double().softmax(-1), labels)
    return float(accuracy(scores, labels)), float(loss), error


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Return means over the retrainings, one row per method, network and number of examples, in the order of their first
    rows.

    Args:
        rows: with `COLUMNS`.

    Returns:
        A frame with the method, both networks, the number of examples and of ``retrainings``, the means of ``accuracy``,
        ``calibration_error`` and ``seconds``, and for the first two half the width of their 95 % interval, see
        `student_half`: ``accuracy_half`` and ``calibration_error_half``.
    """
    return rows.groupby(_GROUP, sort=False, as_index=False).agg(
        retrainings=("seed", "size"),
        accuracy=("accuracy", "mean"),
        accuracy_half=("accuracy", student_half),
        calibration_error=("calibration_error", "mean"),
        calibration_error_half=("calibration_error", student_half),
        seconds=("seconds", "mean"),
    )


def sets_of(rows: pd.DataFrame) -> pd.Series[str]:
    """Name the set of each row: its method, and the network that it was distilled with where there is one."""
    return rows["method"].where(rows["distilled_with"] == "", rows["method"] + " (" + rows["distilled_with"] + ")")


def markdown(summary: pd.DataFrame) -> str:
    """Return what `summarise` found as a Markdown table, per cents with half the width of their intervals."""
    shown = pd.DataFrame(
        {
            "method": sets_of(summary),
            "trained with": summary["trained_with"],
            "examples": summary["examples"],
            "accuracy, %": per_cents(summary, "accuracy"),
            "calibration error, %": per_cents(summary, "calibration_error"),
            "seconds": summary["seconds"],
        }
    )
    return markdown_table(shown, {"seconds": ".2f"})


def cross_architecture(rows: pd.DataFrame) -> str:
    """Return a Markdown table of accuracies, one row per set and one column per network: do sets serve other networks?

    Args:
        rows: of several networks trained on each set, with `COLUMNS`; each set has one number of examples.
    """
    summary = summarise(rows)
    cells = pd.DataFrame(
        {"set": sets_of(summary), "network": summary["trained_with"], "accuracy, %": per_cents(summary, "accuracy")}
    )
    order = cells["set"].unique(), cells["network"].unique()
    table = cells.pivot(index="set", columns="network", values="accuracy, %").reindex(index=order[0], columns=order[1])
    return markdown_table(table.reset_index(names="accuracy, %; trained with →"))
