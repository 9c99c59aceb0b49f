"""Settings of the training, chosen for each set on examples held out of the training part."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pinndd.data import SyntheticData
from pinndd.devices import AUTO
from pinndd.study.classification.evaluation import evaluate
from pinndd.study.classification.protocol import EvaluationProtocol
from pinndd.vision.datasets import Dataset


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
