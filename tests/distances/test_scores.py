"""The Brier score: its formula, its gradient, and what is refused."""

import pytest
import torch

from pinndd.distances import Brier


def test_two_states_and_an_outcome_give_the_squared_error():
    answer = torch.tensor([[[0.7, 0.3], [0.2, 0.8]]], dtype=torch.float64)
    truth = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]], dtype=torch.float64)
    assert Brier()(answer, truth).tolist() == pytest.approx([(0.09 + 0.64) / 2])


def test_the_truth_has_the_least_expected_score():
    truth = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    logits = truth.log().requires_grad_()
    outcomes = torch.eye(3, dtype=torch.float64)[:, None]
    score = (truth * Brier()(logits.softmax(-1).expand(3, 1, 3), outcomes)).sum()
    (slope,) = torch.autograd.grad(score, logits)
    assert float(slope.abs().max()) < 1e-15
    elsewhere = torch.tensor([0.25, 0.45, 0.3], dtype=torch.float64).expand(3, 1, 3)
    assert float((truth * Brier()(elsewhere, outcomes)).sum()) > float(score.detach())


def test_bad_answers_are_refused():
    half = torch.full((1, 1, 2), 0.5)
    with pytest.raises(ValueError, match=r"answer has shape \(1, 2\), truth \(1, 2\): expected \(E, Q, K\)"):
        Brier()(half[0], half[0])
    with pytest.raises(ValueError, match=r"truth \(1, 1, 3\)"):
        Brier()(half, torch.full((1, 1, 3), 1 / 3))
    with pytest.raises(ValueError, match="the answer of episode 0, question 0 is not a probability vector"):
        Brier()(2 * half, half)
    with pytest.raises(ValueError, match="the truth of episode 0, question 0 is not a probability vector"):
        Brier()(half, 2 * half)
