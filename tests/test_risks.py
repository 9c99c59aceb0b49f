"""Risk measures: limits, closed forms and gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pinndd.risks import CVaR, GeometricMean, Mean, Risk

LOSSES = torch.tensor([0.3, 2.0, 0.7, 1.1, 0.05], dtype=torch.float64)


def test_mean() -> None:
    assert float(Mean()(LOSSES)) == pytest.approx(0.83)


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        (1.0, 0.83),
        (1e-9, 2.0),
        (0.2, 2.0),
        (0.4, (2.0 + 1.1) / 2),
        (0.3, (2.0 + 0.5 * 1.1) / 1.5),
        (0.9, (2.0 + 1.1 + 0.7 + 0.3 + 0.5 * 0.05) / 4.5),
    ],
)
def test_cvar_averages_the_worst_the_last_of_them_in_part(alpha: float, expected: float) -> None:
    assert float(CVaR(alpha)(LOSSES)) == pytest.approx(expected)


def test_geometric_mean_counts_relative_improvements_alike() -> None:
    risk = GeometricMean()
    assert float(risk(LOSSES)) == pytest.approx(float(LOSSES.prod()) ** 0.2)
    for k in range(5):
        halved = LOSSES.clone()
        halved[k] /= 2
        assert float(risk(halved) / risk(LOSSES)) == pytest.approx(0.5**0.2)


@pytest.mark.parametrize("risk", [Mean(), CVaR(0.5), CVaR(0.01), GeometricMean()], ids=repr)
def test_gradients(risk: Risk, central_differences: Callable[..., Tensor]) -> None:
    leaf = LOSSES.clone().requires_grad_()
    (slope,) = torch.autograd.grad(risk(leaf), leaf)
    torch.testing.assert_close(slope, central_differences(risk, LOSSES), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("alpha", [0.0, -0.1, 1.5])
def test_odd_levels_are_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"CVaR: alpha=.* must lie in \(0, 1\]"):
        CVaR(alpha)
