"""Risk measures: limits, closed forms and gradients."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinndd.risks import CVaR, Entropic, GeometricMean, Grouped, Mean, MeanPlusVariance, Risk, WorstCase

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


def test_worst_case_shares_the_gradient_among_ties() -> None:
    assert float(WorstCase()(LOSSES)) == 2.0
    leaf = torch.tensor([1.0, 3.0, 3.0], requires_grad=True)
    (slope,) = torch.autograd.grad(WorstCase()(leaf), leaf)
    torch.testing.assert_close(slope, torch.tensor([0.0, 0.5, 0.5]))


def test_entropic_lies_between_its_two_limits() -> None:
    assert float(Entropic(0.5)(LOSSES)) == pytest.approx(0.5 * math.log(float((LOSSES / 0.5).exp().mean())))
    assert float(Entropic(1e-4)(LOSSES)) == pytest.approx(2.0, rel=1e-3)
    assert float(Entropic(1e6)(LOSSES)) == pytest.approx(0.83, rel=1e-6)
    assert float(Entropic(1.0)(1e4 * LOSSES)) == pytest.approx(2e4 - math.log(5)), "no overflow"


def test_entropic_of_normal_losses_is_mean_plus_half_the_variance_over_the_temperature() -> None:
    losses = 1 + 0.3 * torch.special.ndtri((torch.arange(4000, dtype=torch.float64) + 0.5) / 4000)
    assert float(Entropic(2.0)(losses)) == pytest.approx(1 + 0.09 / 4, rel=1e-4)
    assert float(MeanPlusVariance(0.25)(losses)) == pytest.approx(1 + 0.09 / 4, rel=1e-4)


def test_mean_plus_variance() -> None:
    assert float(MeanPlusVariance(0.0)(LOSSES)) == pytest.approx(0.83)
    assert float(MeanPlusVariance(2.0)(LOSSES)) == pytest.approx(0.83 + 2 * float(((LOSSES - 0.83) ** 2).mean()))
    assert float(MeanPlusVariance(2.0)(LOSSES[:1])) == pytest.approx(0.3), "one episode does not vary"


def test_grouped_takes_the_outer_risk_over_the_means_of_the_groups() -> None:
    groups = ("b", "a", "b", "c", "a")
    means = torch.tensor([0.5, 1.025, 1.1], dtype=torch.float64)
    for outer in (Mean(), WorstCase(), CVaR(0.5), GeometricMean(), MeanPlusVariance(1.0)):
        torch.testing.assert_close(Grouped(groups, outer)(LOSSES), outer(means))
    assert float(Grouped((7,) * 5, WorstCase())(LOSSES)) == pytest.approx(0.83)
    assert float(Grouped(tuple(range(5)), CVaR(0.4))(LOSSES)) == pytest.approx(float(CVaR(0.4)(LOSSES)))


@settings(max_examples=60, deadline=None)
@given(
    losses=st.lists(st.floats(0.01, 10), min_size=4, max_size=4),
    shift=st.floats(0, 5),
    risk=st.sampled_from([Mean(), CVaR(0.3), WorstCase(), Entropic(0.7), Grouped((0, 0, 1, 1), WorstCase())]),
)
def test_monetary_risks_lie_between_mean_and_worst_case_and_follow_a_shift(
    losses: list[float], shift: float, risk: Risk
) -> None:
    values = torch.tensor(losses, dtype=torch.float64)
    assert float(values.mean()) - 1e-9 <= float(risk(values)) <= float(values.max()) + 1e-9
    assert float(risk(values + shift)) == pytest.approx(float(risk(values)) + shift)
    raised = values.clone()
    raised[0] += shift
    assert float(risk(raised)) >= float(risk(values)) - 1e-9, "monotone"


@pytest.mark.parametrize(
    "risk",
    [
        Mean(),
        CVaR(0.5),
        CVaR(0.01),
        GeometricMean(),
        WorstCase(),
        Entropic(0.5),
        MeanPlusVariance(0.7),
        Grouped((1, 0, 1, 0, 2), Entropic(0.3)),
    ],
    ids=repr,
)
def test_gradients(risk: Risk, central_differences: Callable[..., Tensor]) -> None:
    leaf = LOSSES.clone().requires_grad_()
    (slope,) = torch.autograd.grad(risk(leaf), leaf)
    torch.testing.assert_close(slope, central_differences(risk, LOSSES), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("alpha", [0.0, -0.1, 1.5])
def test_odd_levels_are_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"CVaR: alpha=.* must lie in \(0, 1\]"):
        CVaR(alpha)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_odd_temperatures_are_refused(temperature: float) -> None:
    with pytest.raises(
        ValueError, match=f"Entropic: temperature={temperature} must be positive; its limits are WorstCase and Mean"
    ):
        Entropic(temperature)


@pytest.mark.parametrize("weight", [-0.1, math.inf, math.nan])
def test_odd_weights_are_refused(weight: float) -> None:
    with pytest.raises(ValueError, match=f"MeanPlusVariance: weight={weight} must be at least 0; 0 is the mean"):
        MeanPlusVariance(weight)


def test_groups_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Grouped: groups=\(\) is empty; expected one label per episode"):
        Grouped((), Mean())
    with pytest.raises(
        ValueError, match=r"Grouped: losses have shape \(5,\), expected \(2,\): one for each label in groups"
    ):
        Grouped(("a", "b"), Mean())(LOSSES)
