"""Settings of the training, chosen on examples held out of the training part: for a baseline, or for each set by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from pinndd.data import SyntheticData
from pinndd.devices import AUTO
from pinndd.study.classification.baselines import k_means
from pinndd.study.classification.dataset import without_test
from pinndd.study.classification.evaluation import evaluate
from pinndd.study.classification.protocol import EvaluationProtocol
from pinndd.vision.datasets import Dataset


def tuned(
    protocol: EvaluationProtocol,
    dataset: Dataset,
    per_class: int,
    *,
    steps: Sequence[int],
    rates: Sequence[float],
    held_out: float = 0.2,
    judged_on: int = 2000,
    device: torch.device | str = AUTO,
) -> EvaluationProtocol:
    """Return the protocol with the steps and the learning rate that suit the k-means baseline best.

    Networks are trained on the centres of one part of the training part and judged on the other, so that neither a distilled
    set nor the test part has a say.

    Args:
        protocol: all other settings.
        dataset: of which the training part is used.
        per_class: examples per class.
        steps, rates: to choose from.
        held_out: share that judges.
        judged_on: most examples of it that are asked about.
        device: of the training, or ``auto``, see `pinndd.devices.chosen_device`.
    """
    inner = without_test(dataset, held_out, protocol.seed, most=judged_on)
    centres = k_means(inner, per_class, seed=protocol.seed, restarts=1)
    candidates = [replace(protocol, steps=count, learning_rate=rate) for count in steps for rate in rates]
    return most_accurate(candidates, centres, inner, device=device)


def most_accurate(
    candidates: Sequence[EvaluationProtocol],
    data: SyntheticData,
    dataset: Dataset,
    *,
    device: torch.device | str = AUTO,
) -> EvaluationProtocol:
    """Return the protocol whose networks, trained on a set, are most accurate on the test part of ``dataset``.

    Of equals it is the first.

    Args:
        candidates: to choose from.
        data: the set.
        dataset: whose test part is none: examples held out of a training part.
        device: of the training, or ``auto``, see `pinndd.devices.chosen_device`.
    """

    def accuracy(protocol: EvaluationProtocol) -> float:
        return float(evaluate(data, dataset, protocol=protocol, device=device)["accuracy"].mean())

    return max(candidates, key=accuracy)
