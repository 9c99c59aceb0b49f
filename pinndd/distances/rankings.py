"""Distances between rankings, for tasks that ask which of several candidates is better."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Kendall:
    """Share of the pairs that two rankings order differently, ``(1 - τ) / 2`` where nothing is tied (Kendall 1938).

    Answers and truths, ``(E, Q, K)`` floats, are K columns of scores that rank Q candidates; the result is ``(E,)``, the mean
    over the columns, between 0 and 1. A pair that only one of the two rankings ties counts half (Fagin et al. 2004,
    doi 10.1145/1055558.1055568), so equal rankings have distance 0 with ties as well.

    Args:
        temperature: 0 gives the exact distance, a step function: it is returned without gradient. Above 0, the sign of every
            difference of two scores becomes ``tanh(difference / temperature)``, in answers and truths alike: differentiable, 0
            for equal scores, and the exact distance as the temperature falls below all differences. In the units of the scores.

    Raises:
        ValueError: the temperature is negative or not finite; when called: the shapes differ, or there are fewer than two
            candidates.
    """

    derivatives: ClassVar[int] = 0
    temperature: float

    def __post_init__(self) -> None:
        check_temperature("Kendall", self.temperature)

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        q = candidates(answer, truth)
        different = (order(answer, self.temperature) - order(truth, self.temperature)).abs().sum((1, 2))
        return different.mean(-1) / (2 * q * (q - 1))


@dataclass(frozen=True, kw_only=True)
class Spearman:
    """Squared difference of the ranks over the largest possible, ``(1 - ρ) / 2`` where nothing is tied (Spearman 1904).

    As `Kendall`; tied candidates share the mean of their ranks. A rank is one half plus the signs of the differences from all
    candidates, so the temperature turns it into the soft rank of Qin et al. 2010 (doi 10.1007/s10791-009-9124-x).

    Args:
        temperature: as in `Kendall`.

    Raises:
        ValueError: as in `Kendall`.
    """

    derivatives: ClassVar[int] = 0
    temperature: float

    def __post_init__(self) -> None:
        check_temperature("Spearman", self.temperature)

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        q = candidates(answer, truth)
        ranks = (order(answer, self.temperature) - order(truth, self.temperature)).sum(2) / 2
        return 3 * ranks.square().sum(1).mean(-1) / (q * (q * q - 1))


def order(scores: Tensor, temperature: float) -> Tensor:
    """Return which of two candidates scores higher, -1 to 1, as ``(E, Q, Q, K)`` for scores ``(E, Q, K)``."""
    difference = scores[:, :, None] - scores[:, None]
    if temperature:
        return torch.tanh(difference / temperature)
    # the sign of NaN is 0, which would pass for a tie
    return torch.where(difference.isnan(), math.nan, difference.sign()).detach()


def candidates(answer: Tensor, truth: Tensor) -> int:
    """Return the number of candidates that answers and truths, ``(E, Q, K)`` each, rank.

    Raises:
        ValueError: the shapes differ, or there are fewer than two candidates.
    """
    shapes = tuple(answer.shape), tuple(truth.shape)
    if answer.ndim != 3 or shapes[0] != shapes[1]:
        raise ValueError(f"answer has shape {shapes[0]}, truth {shapes[1]}: expected (E, Q, K) for both")
    count = answer.shape[1]
    if count < 2:
        raise ValueError(f"answer has shape {shapes[0]}, which ranks {count} candidates: expected two or more")
    return count


def check_temperature(name: str, temperature: float) -> None:
    """Refuse a temperature that is negative or not finite.

    Raises:
        ValueError: it is.
    """
    if not 0 <= temperature < math.inf:
        raise ValueError(f"{name}: temperature={temperature} must be positive, or 0 for the exact distance without gradient")
