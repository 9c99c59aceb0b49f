"""Wasserstein distance between distributions over ordered states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from pinndd.distances.divergences import checked


@dataclass(frozen=True)
class OrderedWasserstein1:
    """``Σ_k |P(≤ k) - Q(≤ k)|``, averaged over the questions: how many states the mass has to move, on average.

    The states 0 to K - 1 lie one apart (Villani 2003, doi 10.1090/gsm/058, section 2.2), so that a mistake by two grades of a
    disease counts twice as much as one by a single grade. States that a target lacks have probability zero and change nothing.
    Answers and truths are ``(E, Q, K)`` floats, probability vectors on the last axis; the result is ``(E,)``, in states. Where
    two cumulative probabilities meet the slope is zero.

    Raises:
        ValueError: the shapes differ or have not three axes, or a vector is not a distribution.
    """

    derivatives: ClassVar[int] = 0

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        if answer.ndim != 3 or answer.shape != truth.shape:
            raise ValueError(
                f"answer has shape {tuple(answer.shape)}, truth {tuple(truth.shape)}: expected (E, Q, K) for both"
            )
        gaps = (checked(answer, "answer") - checked(truth, "truth")).cumsum(-1)[..., :-1]
        return gaps.abs().sum(-1).mean(-1)
