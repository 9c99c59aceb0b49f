"""Distances: closed forms and what is refused."""

import pytest
import torch

from pinndd.distances import RelativeH1, RelativeL2


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


@pytest.mark.parametrize("distance", [RelativeL2(), RelativeH1()], ids=repr)
def test_misuse_is_refused(distance: RelativeL2) -> None:
    with pytest.raises(ValueError, match=r"answer has shape \(2, 3, 1\), truth \(2, 4, 1\)"):
        distance(torch.ones(2, 3, 1), torch.ones(2, 4, 1))
    truth = torch.ones(3, 2, 1)
    truth[1] = 0
    with pytest.raises(ValueError, match="the truth of episode 1 is zero everywhere"):
        distance(torch.ones(3, 2, 1), truth)
