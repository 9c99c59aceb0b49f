"""f-divergences between probability vectors."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

TOLERANCE = 1e-5
"""How far the entries of a probability vector may be from summing to one: room for rounding in single precision."""


@dataclass(frozen=True, kw_only=True)
class FDivergence(ABC):
    """``D_f(P ‖ Q) = Σ_k q_k f(p_k / q_k)`` of the truth P from the answer Q, averaged over the questions (Csiszár 1967).

    Answers and truths, ``(E, Q, K)`` floats, hold Q probability vectors on the last axis; the result is ``(E,)``, in nats
    where there is a logarithm. f is normalised to ``f(1) = f'(1) = 0``, so that every term of the sum is non-negative.

    Zeros follow the definition: ``0 f(0 / 0) = 0``, and a divergence that is infinite there is infinite. Where a divergence
    is finite at an answer with an exact zero, its slope in that entry may not be; the zero is then left out of the gradient,
    which is the limit that the logits of a softmax see. NaN in an answer, as after a diverged training, gives NaN.

    Args:
        logits: the answer holds logits instead of probabilities. No probability is then zero, however far apart the logits.

    Raises:
        ValueError: the shapes differ or have not three axes, or a vector is negative somewhere or does not sum to one.
    """

    derivatives: ClassVar[int] = 0
    logits: bool = False

    def __call__(self, answer: Tensor, truth: Tensor) -> Tensor:
        shapes = tuple(answer.shape), tuple(truth.shape)
        if answer.ndim != 3 or shapes[0] != shapes[1]:
            raise ValueError(f"answer has shape {shapes[0]}, truth {shapes[1]}: expected (E, Q, K) for both")
        p = Probabilities.of(checked(truth, "truth"))
        q = Probabilities.of_logits(answer) if self.logits else Probabilities.of(checked(answer, "answer"))
        return self.total(self.terms(p, q)).mean(-1)

    @abstractmethod
    def terms(self, p: Probabilities, q: Probabilities) -> Tensor:
        """Return ``q f(p / q)``, entry by entry."""

    def total(self, terms: Tensor) -> Tensor:
        """Return the divergence of every question, ``(E, Q)``: the sum of the terms, not below zero by rounding."""
        return terms.sum(-1).clamp_min(0)


@dataclass(frozen=True)
class Probabilities:
    """Probability vectors with their logarithms, -inf at a zero."""

    value: Tensor
    log: Tensor

    @classmethod
    def of(cls, values: Tensor) -> Probabilities:
        """Take the logarithms; an exact zero is left out of their gradient."""
        zero = values == 0
        return cls(values, torch.where(zero, -math.inf, torch.where(zero, 1, values).log()))

    @classmethod
    def of_logits(cls, logits: Tensor) -> Probabilities:
        """Take the softmax; its logarithms stay finite where the probabilities underflow."""
        log = logits.log_softmax(-1)
        return cls(log.exp(), log)

    def weigh(self, factor: Tensor) -> Tensor:
        """Return the probabilities times ``factor``, which does not count where they are zero."""
        return self.value * torch.where(self.value == 0, 0, factor)


def checked(values: Tensor, name: str) -> Tensor:
    """Return ``values``, ``(E, Q, K)``, if their last axis is a probability vector everywhere; NaN passes.

    Raises:
        ValueError: a vector is negative somewhere or does not sum to one.
    """
    low, total = values.amin(-1), values.sum(-1)
    wrong = (low < 0) | ((total - 1).abs() > TOLERANCE)
    if bool(wrong.any()):
        episode, question = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"the {name} of episode {episode}, question {question} is not a probability vector: its smallest entry is "
            f"{float(low[episode, question]):.6g}, its sum {float(total[episode, question]):.6g}; expected no negative "
            "entry and sum 1: divide by the sum, or say logits=True where answers are logits"
        )
    return values


@dataclass(frozen=True, kw_only=True)
class KL(FDivergence):
    """Kullback-Leibler divergence of the truth from the answer, ``Σ p log(p / q)`` (Kullback & Leibler 1951).

    Cross-entropy less the entropy of the truth. Infinite where the truth has mass and the answer none.
    """

    def terms(self, p: Probabilities, q: Probabilities) -> Tensor:
        return p.weigh(p.log - q.log) - p.value + q.value


@dataclass(frozen=True, kw_only=True)
class ReverseKL(FDivergence):
    """Kullback-Leibler divergence of the answer from the truth, ``Σ q log(q / p)``.

    Infinite where the answer has mass and the truth none, which answers from logits always have.
    """

    def terms(self, p: Probabilities, q: Probabilities) -> Tensor:
        return q.weigh(q.log - p.log) - q.value + p.value


@dataclass(frozen=True, kw_only=True)
class JensenShannon(FDivergence):
    """``(KL(p ‖ m) + KL(q ‖ m)) / 2`` with ``m = (p + q) / 2``, at most log 2 (Lin 1991, doi 10.1109/18.61115).

    The divergence, not its square root, which is the metric that `scipy.spatial.distance.jensenshannon` returns.
    """

    def terms(self, p: Probabilities, q: Probabilities) -> Tensor:
        # everything doubled: half of the smallest float would be zero
        log_m, log_p, log_q = (Probabilities.of(twice).log for twice in (p.value + q.value, 2 * p.value, 2 * q.value))
        return (p.weigh(log_p - log_m) + q.weigh(log_q - log_m)) / 2


@dataclass(frozen=True, kw_only=True)
class TotalVariation(FDivergence):
    """``½ Σ |p - q|``, the largest difference of the probabilities of any event, at most 1. Its slope at equality is zero."""

    def terms(self, p: Probabilities, q: Probabilities) -> Tensor:
        return (p.value - q.value).abs() / 2


@dataclass(frozen=True, kw_only=True)
class Hellinger(FDivergence):
    """Hellinger distance ``√(½ Σ (√p - √q)²)``, a metric of at most 1. Its slope at equality is set to zero."""

    def terms(self, p: Probabilities, q: Probabilities) -> Tensor:
        return ((p.log / 2).exp() - (q.log / 2).exp()).square() / 2

    def total(self, terms: Tensor) -> Tensor:
        return root(super().total(terms))


@dataclass(frozen=True, kw_only=True)
class ChiSquared(FDivergence):
    """χ²-divergence of the truth from the answer, ``Σ (p - q)² / q`` (Pearson 1900).

    Infinite where the truth has mass and the answer none.
    """

    def terms(self, p: Probabilities, q: Probabilities) -> Tensor:
        ratio = torch.where(p.value == 0, -math.inf, p.log - q.log / 2)
        return (ratio.exp() - (q.log / 2).exp()).square()


def root(values: Tensor) -> Tensor:
    """Return the square root of non-negative ``values``, with slope 0 instead of infinity at 0."""
    zero = values == 0
    return torch.where(zero, 0, torch.where(zero, 1, values).sqrt())
