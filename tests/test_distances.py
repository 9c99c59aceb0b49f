"""Distances: closed forms and what is refused."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pinndd.distances import RelativeH1, RelativeL2, RelativeMaximum


def test_relative_l2_of_each_question() -> None:
    truth = torch.tensor([[[3.0], [4.0]], [[1.0], [0.0]]], dtype=torch.float64)
    answer = truth + torch.tensor([[[0.3], [0.4]], [[0.0], [2.0]]], dtype=torch.float64)
    torch.testing.assert_close(RelativeL2()(answer, truth), torch.tensor([0.1, 2.0], dtype=torch.float64))
    assert RelativeL2.derivatives == 0


def test_a_common_factor_and_a_common_rotation_change_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    truth, answer = torch.randn((2, 3, 7, 2), generator=generator, dtype=torch.float64)
    expected = RelativeL2()(answer, truth)
    torch.testing.assert_close(RelativeL2()(-5 * answer, -5 * truth), expected)
    turn = torch.linalg.qr(torch.randn((7, 7), generator=generator, dtype=torch.float64)).Q
    torch.testing.assert_close(RelativeL2()(turn @ answer, turn @ truth), expected)


def test_relative_h1_weighs_values_and_slopes_together() -> None:
    # u = sin(k x) against 0.9 sin(k x) plus cos(k x) / 10: both parts are off by the same share
    k, x = 3.0, 2 * torch.pi * torch.arange(50, dtype=torch.float64) / 50
    truth = torch.stack((torch.sin(k * x), k * torch.cos(k * x)), -1)[None]
    shifted = torch.stack((torch.cos(k * x), -k * torch.sin(k * x)), -1)[None]
    error = RelativeH1()(0.9 * truth + 0.1 * shifted, truth)
    torch.testing.assert_close(error, torch.full((1,), 0.02, dtype=torch.float64).sqrt())
    assert RelativeH1.derivatives == 1


def test_relative_maximum_of_each_question() -> None:
    truth = torch.tensor([[[3.0, 1.0], [-4.0, 0.0]], [[1.0, 0.0], [0.5, 0.0]]], dtype=torch.float64)
    off = torch.tensor([[[0.3, -0.1], [0.0, 0.8]], [[-2.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    distance = RelativeMaximum()
    torch.testing.assert_close(distance(truth + off, truth), torch.tensor([0.2, 2.0], dtype=torch.float64))
    torch.testing.assert_close(distance(-5 * (truth + off), -5 * truth), torch.tensor([0.2, 2.0], dtype=torch.float64))
    assert RelativeMaximum.derivatives == 0


@pytest.mark.parametrize("distance", [RelativeL2(), RelativeH1(), RelativeMaximum()], ids=repr)
def test_gradients_agree_with_central_differences(distance: RelativeL2, central_differences: Callable[..., Tensor]) -> None:
    truth, answer = torch.randn((2, 3, 5, 2), generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    weights = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    moved = answer.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad((weights * distance(moved, truth)).sum(), moved)
    numeric = central_differences(lambda a: (weights * distance(a, truth)).sum(), answer)
    torch.testing.assert_close(gradient, numeric, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("distance", [RelativeL2(), RelativeH1(), RelativeMaximum()], ids=repr)
def test_misuse_is_refused(distance: RelativeL2) -> None:
    with pytest.raises(ValueError, match=r"answer has shape \(2, 3, 1\), truth \(2, 4, 1\)"):
        distance(torch.ones(2, 3, 1), torch.ones(2, 4, 1))
    truth = torch.ones(3, 2, 1)
    truth[1] = 0
    with pytest.raises(ValueError, match="the truth of episode 1 is zero everywhere"):
        distance(torch.ones(3, 2, 1), truth)
