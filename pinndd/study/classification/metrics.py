"""Metrics of a distilled set: accuracy, calibration, and what is left of the accuracy once labels and luck are taken out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

BINS = 15


def accuracy(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the share of examples whose highest score is that of their class.

    Args:
        scores: ``(..., N, K)``, scores or probabilities.
        labels: ``(N,)``, integers.

    Returns:
        ``(...)``.
    """
    _check(scores, labels)
    return (scores.argmax(-1) == labels).double().mean(-1)


def expected_calibration_error(probabilities: Tensor, labels: Tensor, *, bins: int = BINS) -> float:
    """Return how far confidence is from accuracy, ``Σ_b n_b / N |accuracy_b - confidence_b|`` over bins of equal width.

    The confidence of an example is its highest probability; a bin holds its upper end (Guo et al. 2017, arXiv 1706.04599).

    Args:
        probabilities: ``(N, K)``.
        labels: ``(N,)``, integers.
        bins: their number.

    Raises:
        ValueError: the shapes do not fit, a row is no probability vector, or there is no bin.
    """
    _check(probabilities, labels)
    if bins < 1:
        raise ValueError(f"expected_calibration_error: bins={bins} must be at least 1")
    off = (probabilities.sum(-1) - 1).abs().max() if len(probabilities) else torch.zeros(())
    if probabilities.ndim != 2 or bool((probabilities < 0).any()) or float(off) > 1e-4:
        raise ValueError(
            f"expected_calibration_error: probabilities of shape {tuple(probabilities.shape)}, expected (N, K), not negative, "
            "rows summing to one: apply softmax to scores"
        )
    confidence, predicted = probabilities.double().max(-1)
    right = (predicted == labels).double()
    number = ((confidence * bins).ceil().long() - 1).clamp(0, bins - 1)
    gap = torch.zeros(bins, dtype=torch.float64, device=right.device).index_add(0, number, right - confidence)
    return float(gap.abs().sum() / len(right))


def hard_label_recovery(real_hard: float, set_hard: float) -> float:
    """Return HLR: accuracy on all data minus accuracy on the set, both with hard labels. Smaller is better.

    Li et al. 2025, DD-Ranking, arXiv 2505.13300.

    Raises:
        ValueError: an accuracy is not in [0, 1].
    """
    return _share("real_hard", real_hard) - _share("set_hard", set_hard)


def improvement_over_random(set_any: float, random_any: float) -> float:
    """Return IOR: accuracy on the set minus that on as many random examples, both with the labels of the method.

    Li et al. 2025, DD-Ranking, arXiv 2505.13300.

    Raises:
        ValueError: an accuracy is not in [0, 1].
    """
    return _share("set_any", set_any) - _share("random_any", random_any)


def label_robust_score(recovery: float, improvement: float, *, weight: float = 0.5) -> float:
    """Return LRS, ``(e^α - e^-1) / (e - e^-1)`` with ``α = w IOR - (1 - w) HLR``, from 0 (worst) to 1 (best).

    Li et al. 2025, DD-Ranking, arXiv 2505.13300, with accuracies as shares, not in per cent. As good as all data and no better
    than random, α is 0 and the score ``1 / (1 + e)`` = 0.269.

    Args:
        recovery: HLR.
        improvement: IOR.
        weight: w, of the improvement.

    Raises:
        ValueError: the weight is not in [0, 1], or one of the two not in [-1, 1].
    """
    if not 0 <= weight <= 1 or not -1 <= recovery <= 1 or not -1 <= improvement <= 1:
        raise ValueError(
            f"label_robust_score: recovery={recovery} and improvement={improvement} must be in [-1, 1], as differences of "
            f"accuracies that are shares, and weight={weight} in [0, 1]"
        )
    alpha = weight * improvement - (1 - weight) * recovery
    return (math.exp(alpha) - math.exp(-1)) / (math.e - math.exp(-1))


@dataclass(frozen=True)
class LabelRobustness:
    """The four accuracies that DD-Ranking compares, as shares, and what follows from them.

    Attributes:
        real_hard: of all data with hard labels.
        set_hard: of the set with hard labels.
        set_any: of the set with its own labels.
        random_any: of as many random examples with labels of the same kind.
    """

    real_hard: float
    set_hard: float
    set_any: float
    random_any: float

    @property
    def recovery(self) -> float:
        """HLR."""
        return hard_label_recovery(self.real_hard, self.set_hard)

    @property
    def improvement(self) -> float:
        """IOR."""
        return improvement_over_random(self.set_any, self.random_any)

    @property
    def score(self) -> float:
        """LRS with both parts weighted alike."""
        return label_robust_score(self.recovery, self.improvement)

    def describe(self) -> str:
        """Say what the numbers are, in per cent."""
        return (
            f"with hard labels: all data {self.real_hard:.1%}, the set {self.set_hard:.1%} (HLR {self.recovery:.1%}); with its own "
            f"labels: the set {self.set_any:.1%}, random examples with learned labels {self.random_any:.1%} "
            f"(IOR {self.improvement:.1%}); label-robust score {self.score:.2f}"
        )


def _share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{name}={value} must be an accuracy in [0, 1]: divide per cents by 100")
    return value


def _check(scores: Tensor, labels: Tensor) -> None:
    if scores.ndim < 2 or labels.shape != scores.shape[-2:-1] or not len(labels):
        raise ValueError(
            f"scores have shape {tuple(scores.shape)} and labels {tuple(labels.shape)}, expected (..., N, "
            "K) and (N,) with N at least 1"
        )
