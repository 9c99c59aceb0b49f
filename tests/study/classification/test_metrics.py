"""Metrics against closed forms."""

import math

import pytest
import torch

from pinndd.study.classification import (
    LabelRobustness,
    accuracy,
    expected_calibration_error,
    hard_label_recovery,
    improvement_over_random,
    label_robust_score,
)


def binary(confidence, right):
    """Probabilities of two classes with some confidence in the first, and labels that are right for so many."""
    probabilities = torch.tensor([confidence, 1 - confidence], dtype=torch.float64).expand(10, 2)
    return probabilities, torch.tensor([0] * right + [1] * (10 - right))


def test_accuracy_counts_the_highest_score():
    scores = torch.tensor([[[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]])
    assert accuracy(scores, torch.tensor([0, 1, 1])).tolist() == pytest.approx([2 / 3, 1 / 3])
    with pytest.raises(ValueError, match=r"scores have shape \(2, 3, 2\) and labels \(2,\), expected"):
        accuracy(scores, torch.tensor([0, 1]))


@pytest.mark.parametrize(("confidence", "right"), [(0.9, 9), (0.9, 5), (0.6, 10), (0.75, 0)])
def test_calibration_error_of_one_confidence_is_its_distance_from_the_accuracy(confidence, right):
    assert expected_calibration_error(*binary(confidence, right)) == pytest.approx(abs(confidence - right / 10))


def test_calibration_error_adds_up_over_bins_and_averages_within():
    apart, same = (torch.cat(parts) for parts in zip(binary(0.9, 5), binary(0.6, 10), strict=True))
    # 0.4 too confident in one bin, 0.4 too little in another
    assert expected_calibration_error(apart, same) == pytest.approx(0.4)
    # one bin: 15 of 20 right at a mean confidence of 0.75
    assert expected_calibration_error(apart, same, bins=1) == pytest.approx(0, abs=1e-12)


def test_a_bin_holds_its_upper_end():
    # with two bins, confidence 0.5 belongs to the lower one, so the errors of the two do not cancel
    half, sure = torch.tensor([[0.5, 0.5]], dtype=torch.float64), torch.tensor([[0.75, 0.25]], dtype=torch.float64)
    found = expected_calibration_error(torch.cat((half, sure)), torch.tensor([0, 1]), bins=2)
    assert found == pytest.approx(0.5 * 0.5 + 0.5 * 0.75)


def test_calibration_needs_probabilities():
    labels = torch.zeros(2, dtype=torch.long)
    with pytest.raises(ValueError, match="rows summing to one: apply softmax to scores"):
        expected_calibration_error(torch.tensor([[2.0, 1.0], [0.0, 1.0]]), labels)
    with pytest.raises(ValueError, match="rows summing to one"):
        expected_calibration_error(torch.tensor([[1.5, -0.5], [0.0, 1.0]]), labels)
    with pytest.raises(ValueError, match="bins=0 must be at least 1"):
        expected_calibration_error(torch.tensor([[0.5, 0.5], [0.0, 1.0]]), labels, bins=0)


def test_label_robust_score_at_its_ends_and_where_nothing_is_gained():
    assert label_robust_score(1, -1) == pytest.approx(0)
    assert label_robust_score(-1, 1) == pytest.approx(1)
    assert label_robust_score(0, 0) == pytest.approx(1 / (1 + math.e))
    # weight 1 forgets the recovery, weight 0 the improvement
    assert label_robust_score(0.7, 0.2, weight=1) == label_robust_score(-0.3, 0.2, weight=1)
    assert label_robust_score(0.2, 0.9, weight=0) == label_robust_score(0.2, -0.4, weight=0)
    with pytest.raises(ValueError, match=r"recovery=40 and improvement=0\.1 must be in"):
        label_robust_score(40, 0.1)
    with pytest.raises(ValueError, match="weight=2"):
        label_robust_score(0, 0, weight=2)


def test_label_robustness_of_four_accuracies():
    found = LabelRobustness(real_hard=0.98, set_hard=0.9, set_any=0.94, random_any=0.69)
    assert found.recovery == pytest.approx(0.08)
    assert found.improvement == pytest.approx(0.25)
    alpha = 0.5 * 0.25 - 0.5 * 0.08
    assert found.score == pytest.approx((math.exp(alpha) - 1 / math.e) / (math.e - 1 / math.e))
    with pytest.raises(ValueError, match=r"real_hard=98 must be an accuracy in \[0, 1\]: divide per cents by 100"):
        hard_label_recovery(98, 0.9)
    with pytest.raises(ValueError, match="random_any=-1"):
        improvement_over_random(0.5, -1)
