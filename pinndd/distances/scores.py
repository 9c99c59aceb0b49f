"""Proper scores of predicted probabilities beside the log loss, which is `pinndd.distances.KL` with an outcome as the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from pinndd.distances.divergences import checked


@dataclass(frozen=True)
class Brier:
    """Brier score ``½ Σ_k (p_k - q_k)²`` of the answer q for the truth p, averaged over the questions (Brier 1950).

    With the factor of one half, two states and an outcome as the truth it is ``(y - q)²``, at most 1. Answers and truths,
    ``(E, Q, K)``, hold probability vectors on the last axis; the result is ``(E,)``.

    Raises:
        ValueError: the shapes differ or have not three axes, or a vector is negative somewhere or does not sum to one.
    """

    derivatives: ClassVar[int] = 0

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        if answer.ndim != 3 or answer.shape != truth.shape:
            raise ValueError(
                f"answer has shape {tuple(answer.shape)}, truth {tuple(truth.shape)}: expected (E, Q, K) for both"
            )
        difference = checked(truth, "truth") - checked(answer, "answer")
        return difference.square().sum(-1).mean(-1) / 2
