"""Distances between rankings: scipy's values, ties, the differentiable surrogate, and what is refused."""

import itertools
import math

import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinndd.distances import Kendall, Spearman

# torch itself calls what it deprecates, at the first derivative in forward mode
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

KINDS = [Kendall, Spearman]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def column(*scores: float) -> Tensor:
    return torch.tensor(scores, dtype=torch.float64)[None, :, None]


@pytest.mark.parametrize(("kind", "correlation"), [(Kendall, scipy.stats.kendalltau), (Spearman, scipy.stats.spearmanr)])
def test_exact_distances_follow_from_the_correlations_of_scipy(kind: type[Kendall], correlation: object) -> None:
    answer, truth = draw(3, 9, 2), draw(3, 9, 2, seed=1)
    found = [[correlation(answer[e, :, k], truth[e, :, k]).statistic for k in range(2)] for e in range(3)]
    expected = ((1 - torch.tensor(found, dtype=torch.float64)) / 2).mean(1)
    torch.testing.assert_close(kind(temperature=0)(answer, truth), expected)
    assert kind.derivatives == 0


@pytest.mark.parametrize("kind", KINDS)
def test_opposite_rankings_are_at_distance_one_and_monotone_scores_at_zero(kind: type[Kendall]) -> None:
    scores = draw(1, 6, 1)
    assert float(kind(temperature=0)(scores, -scores)) == pytest.approx(1)
    assert float(kind(temperature=0)(scores, scores.exp())) == 0


def test_kendall_counts_a_pair_tied_once_as_half() -> None:
    answer, truth = (1.0, 1.0, 2.0, 0.0), (1.0, 2.0, 3.0, 3.0)
    pairs = list(itertools.combinations(range(4), 2))
    signs = [[(s[i] > s[j]) - (s[i] < s[j]) for i, j in pairs] for s in (answer, truth)]
    expected = sum(abs(a - t) / 2 for a, t in zip(*signs, strict=True)) / len(pairs)
    assert float(Kendall(temperature=0)(column(*answer), column(*truth))) == pytest.approx(expected)
    assert float(Kendall(temperature=0)(column(1, 1), column(1, 2))) == pytest.approx(0.5)


def test_spearman_gives_tied_candidates_the_mean_of_their_ranks() -> None:
    answer, truth = draw(1, 12, 1).round(), draw(1, 12, 1, seed=1).round()
    ranks = [scipy.stats.rankdata(scores[0, :, 0]) for scores in (answer, truth)]
    expected = 3 * ((ranks[0] - ranks[1]) ** 2).sum() / (12 * (12**2 - 1))
    assert float(Spearman(temperature=0)(answer, truth)) == pytest.approx(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_surrogate_tends_to_the_exact_distance(kind: type[Kendall]) -> None:
    answer, truth = draw(3, 7, 2), draw(3, 7, 2, seed=1)
    exact = kind(temperature=0)(answer, truth)
    errors = [float((kind(temperature=t)(answer, truth) - exact).abs().max()) for t in (1.0, 0.1, 0.01, 1e-4)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [0.3, 2.0])
def test_gradients(kind: type[Kendall], temperature: float) -> None:
    truth, leaf = draw(2, 5, 2, seed=1), draw(2, 5, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: kind(temperature=temperature)(x, truth), (leaf,), check_forward_ad=True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_exact_distance_has_no_gradient(kind: type[Kendall]) -> None:
    assert not kind(temperature=0)(draw(2, 5, 1).requires_grad_(), draw(2, 5, 1, seed=1)).requires_grad


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scores", [column(0.3, 0.1, 0.1, 2.0), column(0, 0, 0), column(1e8, 0, -1e8)])
def test_equal_scores_have_distance_zero_and_slope_zero(kind: type[Kendall], scores: Tensor) -> None:
    leaf = scores.clone().requires_grad_()
    distance = kind(temperature=0.1)(leaf, scores)
    (slope,) = torch.autograd.grad(distance.sum(), leaf)
    assert float(distance.detach()) == float(kind(temperature=0)(scores, scores)) == 0
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=0, rtol=0)


rankings = st.lists(st.integers(0, 5), min_size=5, max_size=5).map(lambda scores: column(*scores))


@settings(max_examples=60, deadline=None)
@given(x=rankings, y=rankings, kind=st.sampled_from(KINDS), temperature=st.sampled_from([0.0, 0.5, 3.0]))
def test_between_zero_and_one_symmetric_and_zero_at_equality(
    x: Tensor, y: Tensor, kind: type[Kendall], temperature: float
) -> None:
    distance = kind(temperature=temperature)
    assert 0 <= float(distance(x, y)) <= 1 + 1e-12
    assert float(distance(x, y)) == pytest.approx(float(distance(y, x)), abs=1e-12)
    assert float(distance(x, x)) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [0.0, 0.5])
def test_a_diverged_answer_is_nan_and_nothing_else_is(kind: type[Kendall], temperature: float) -> None:
    answer = draw(2, 5, 1)
    answer[1, 0] = math.nan
    assert kind(temperature=temperature)(answer, draw(2, 5, 1, seed=1)).isnan().tolist() == [False, True]


@pytest.mark.parametrize("kind", KINDS)
def test_misuse_is_refused(kind: type[Kendall]) -> None:
    for temperature in (-0.1, math.inf, math.nan):
        with pytest.raises(ValueError, match=f"{kind.__name__}: temperature={temperature} must be positive, or 0"):
            kind(temperature=temperature)
    distance = kind(temperature=0.1)
    with pytest.raises(ValueError, match=r"answer has shape \(2, 3, 1\), truth \(2, 4, 1\): expected \(E, Q, K\) for both"):
        distance(torch.ones(2, 3, 1), torch.ones(2, 4, 1))
    with pytest.raises(ValueError, match=r"answer has shape \(3, 1\), truth \(3, 1\)"):
        distance(torch.ones(3, 1), torch.ones(3, 1))
    with pytest.raises(ValueError, match=r"answer has shape \(2, 1, 3\), which ranks 1 candidates: expected two or more"):
        distance(torch.ones(2, 1, 3), torch.ones(2, 1, 3))
