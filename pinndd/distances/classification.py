"""Distances of classification: between scores of classes and the probabilities of the true ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor


@dataclass(frozen=True)
class CrossEntropy:
    """``- mean Σ_k y_k log softmax(answer)_k`` over the Q questions, in nats.

    Answers are scores (logits), ``(E, Q, K)``, truths probabilities of the classes; the result is ``(E,)``.

    Raises:
        ValueError: the shapes differ.
    """

    derivatives: ClassVar[int] = 0

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        _check(answer, truth)
        return -(truth * answer.log_softmax(-1)).sum(-1).mean(-1)


@dataclass(frozen=True)
class ZeroOne:
    """Share of the Q questions whose highest score is not that of the most probable class: 1 - accuracy.

    Answers are scores or probabilities, ``(E, Q, K)``, truths probabilities; the result is ``(E,)``, without a gradient.

    Raises:
        ValueError: the shapes differ.
    """

    derivatives: ClassVar[int] = 0

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        _check(answer, truth)
        return (answer.argmax(-1) != truth.argmax(-1)).to(answer.dtype).mean(-1)


def _check(answer: Tensor, truth: Tensor) -> None:
    if answer.shape != truth.shape:
        raise ValueError(
            f"answer has shape {tuple(answer.shape)}, truth {tuple(truth.shape)}: expected the same; the outputs of the model "
            "must be as many as the classes"
        )
