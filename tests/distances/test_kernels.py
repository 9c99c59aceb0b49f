"""Maximum mean discrepancy and energy distance: closed forms, scipy's values, gradients, and what is refused."""

import math
from typing import Any

import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinndd.distances import MMD, Distance, EnergyDistance
from pinndd.distances.kernels import KERNELS

# torch itself calls what it deprecates, at the first derivative in forward mode
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

ALL: list[Distance] = [*(MMD(kernel=kernel, scale=0.7) for kernel in KERNELS), MMD(), EnergyDistance()]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_energy_distance_is_that_of_scipy() -> None:
    answer, truth = draw(3, 7, 1), 1.5 * draw(3, 5, 1, seed=1) + 0.5
    expected = [
        scipy.stats.energy_distance(a, t) for a, t in zip(answer[..., 0].numpy(), truth[..., 0].numpy(), strict=True)
    ]
    torch.testing.assert_close(EnergyDistance(squared=False)(answer, truth), torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(EnergyDistance()(answer, truth), torch.tensor(expected, dtype=torch.float64) ** 2)


def test_energy_distance_of_point_masses_is_twice_their_distance() -> None:
    answer, truth = torch.zeros(1, 3, 2, dtype=torch.float64), torch.tensor([[[3.0, 4.0]]], dtype=torch.float64)
    assert float(EnergyDistance()(answer, truth)) == pytest.approx(10)


@pytest.mark.parametrize(
    ("kernel", "similarity"),
    [
        ("gaussian", math.exp(-0.5 * 2.5**2)),
        ("laplace", math.exp(-2.5)),
        ("rational quadratic", 1 / (1 + 2.5**2 / 2)),
        ("inverse multiquadric", 1 / math.sqrt(1 + 2.5**2)),
    ],
)
def test_mmd_of_point_masses(kernel: str, similarity: float) -> None:
    answer, truth = torch.zeros(1, 3, 2, dtype=torch.float64), torch.tensor([[[3.0, 4.0]]], dtype=torch.float64)
    assert float(MMD(kernel=kernel, bandwidths=(1.0,), scale=2.0)(answer, truth)) == pytest.approx(2 - 2 * similarity)
    assert float(MMD(kernel=kernel, bandwidths=(2.0,), scale=1.0, squared=False)(answer, truth)) == pytest.approx(
        math.sqrt(2 - 2 * similarity)
    )


def test_mmd_of_gaussians() -> None:
    # E exp(-(x - y)² / 2h²) of two normal variables: their difference is normal with variance v, mean d
    def similarity(v: float, d: float) -> float:
        return math.sqrt(1 / (1 + v)) * math.exp(-d * d / (2 * (1 + v)))

    levels = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    normal = torch.special.ndtri(levels)[None, :, None]
    expected = similarity(2, 0) + similarity(2 * 1.5**2, 0) - 2 * similarity(1 + 1.5**2, 2)
    assert float(MMD(bandwidths=(1.0,), scale=1.0)(normal, 2 + 1.5 * normal)) == pytest.approx(expected, rel=5e-3)


def test_the_median_heuristic_is_per_episode_and_of_the_truths_that_differ() -> None:
    truth = torch.tensor([[[0.0], [0.0], [0.0], [3.0]], [[0.0], [0.0], [0.0], [0.5]]], dtype=torch.float64)
    answer = draw(2, 6, 1)
    expected = [MMD(scale=scale)(answer[[e]], truth[[e]]) for e, scale in enumerate((3.0, 0.5))]
    torch.testing.assert_close(MMD()(answer, truth), torch.cat(expected))


def test_several_bandwidths_are_averaged() -> None:
    answer, truth = draw(2, 6, 3), draw(2, 5, 3, seed=1)
    each = [MMD(bandwidths=(width,))(answer, truth) for width in (0.3, 1.0, 4.0)]
    torch.testing.assert_close(MMD(bandwidths=(0.3, 1.0, 4.0))(answer, truth), torch.stack(each).mean(0))


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("distance", ALL, ids=repr)
def test_gradients(distance: Any, squared: bool) -> None:
    distance = type(distance)(**{**vars(distance), "squared": squared})
    truth, leaf = draw(2, 4, 2, seed=1), draw(2, 5, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: distance(x, truth), (leaf,), check_forward_ad=True, fast_mode=True)
    if distance != MMD(squared=squared):
        assert torch.autograd.gradcheck(lambda x: distance(truth, x), (leaf,), check_forward_ad=True, fast_mode=True)
    assert distance.derivatives == 0


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("distance", ALL, ids=repr)
def test_equal_samples_have_distance_zero_and_slope_zero(distance: Any, squared: bool) -> None:
    distance = type(distance)(**{**vars(distance), "squared": squared})
    truth = torch.cat((torch.zeros(1, 3, 2, dtype=torch.float64), draw(1, 4, 2)), 1)
    leaf = truth.clone().requires_grad_()
    value = distance(leaf, truth)
    assert float(value.detach()) == 0
    (slope,) = torch.autograd.grad(value.sum(), leaf)
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-15, rtol=0)


@pytest.mark.parametrize("distance", ALL, ids=repr)
def test_far_supports_are_finite(distance: Distance) -> None:
    for dtype in (torch.float32, torch.float64):
        truth, leaf = draw(2, 4, 2).to(dtype), (draw(2, 5, 2, seed=1).to(dtype) + 1e8).requires_grad_()
        value = distance(leaf, truth)
        (slope,) = torch.autograd.grad(value.sum(), leaf)
        assert bool(value.isfinite().all())
        assert bool(slope.isfinite().all())


samples = st.lists(st.floats(-5, 5), min_size=2, max_size=12).map(
    lambda v: torch.tensor(v[: len(v) // 2 * 2], dtype=torch.float64).reshape(1, -1, 2)
)


@settings(max_examples=60, deadline=None)
@given(x=samples, y=samples, distance=st.sampled_from([d for d in ALL if d != MMD()]))
def test_never_negative_symmetric_and_blind_to_the_order_of_the_samples(x: Tensor, y: Tensor, distance: Distance) -> None:
    value = float(distance(x, y))
    assert value >= 0
    assert float(distance(y, x)) == pytest.approx(value, abs=1e-12)
    assert float(distance(x.flip(1), y)) == pytest.approx(value, abs=1e-12)
    assert float(distance(x.flip(1), x)) == pytest.approx(0, abs=1e-12)


def test_a_diverged_answer_is_nan_and_nothing_else_is() -> None:
    answer = draw(2, 5, 2)
    answer[1, 0] = math.nan
    for distance in ALL:
        assert distance(answer, draw(2, 4, 2, seed=1)).isnan().tolist() == [False, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel": "cosine"}, "MMD: kernel 'cosine' is not known: expected one of gaussian, laplace"),
        ({"bandwidths": ()}, r"MMD: bandwidths=\(\) must be positive"),
        ({"bandwidths": (1.0, 0.0)}, r"MMD: bandwidths=\(1.0, 0.0\) must be positive"),
        ({"bandwidths": (math.nan,)}, r"MMD: bandwidths=\(nan,\) must be positive"),
        ({"scale": 0.0}, "MMD: scale=0.0 must be positive; None takes the median"),
        ({"scale": math.inf}, "MMD: scale=inf must be positive"),
    ],
)
def test_odd_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MMD(**arguments)


@pytest.mark.parametrize("distance", ALL, ids=repr)
@pytest.mark.parametrize(
    ("answer", "truth"), [((2, 3, 1), (2, 3, 2)), ((2, 3, 1), (1, 3, 1)), ((3, 1), (3, 1)), ((2, 0, 1), (2, 3, 1))]
)
def test_samples_that_do_not_fit_are_refused(distance: Distance, answer: tuple[int, ...], truth: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match=r"answer has shape \(.*\), truth \(.*\): expected samples \(E, Q, K\) and \(E, R, K\)"
    ):
        distance(torch.ones(answer), torch.ones(truth))


def test_truths_without_a_median_distance_are_refused() -> None:
    truth = draw(3, 4, 2)
    truth[1] = 7.0
    with pytest.raises(
        ValueError, match="all truths of episode 1 are the same, so their median distance is 0: give a scale"
    ):
        MMD()(draw(3, 5, 2), truth)
