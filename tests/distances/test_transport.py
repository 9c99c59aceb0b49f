"""Optimal transport: closed forms, the values of scipy and POT, gradients, and what is refused."""

import math
from typing import Any

import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinndd.distances import Distance, Sinkhorn, SlicedWasserstein, Wasserstein1, Wasserstein2
from pinndd.distances.transport import common_quantiles

# torch itself calls what it deprecates, at the first derivative in forward mode
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

SINKHORN = Sinkhorn(regularisation=0.2, scale=1.0, tolerance=1e-10)
ONE_DIMENSIONAL: list[Distance] = [Wasserstein1(), Wasserstein2(), SlicedWasserstein(order=1), SlicedWasserstein(), SINKHORN]
ALL = ONE_DIMENSIONAL[2:]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def ot() -> Any:
    return pytest.importorskip("ot", reason="POT, of the extra 'test', is the second opinion here")


@pytest.mark.parametrize(("q", "r"), [(7, 7), (7, 5), (6, 4), (1, 9), (12, 3)])
def test_wasserstein_in_one_dimension_is_that_of_scipy_and_of_pot(q: int, r: int, ot: Any) -> None:
    answer, truth = draw(3, q, 1), 1.5 * draw(3, r, 1, seed=1) + 0.5
    pairs = list(zip(answer[..., 0].numpy(), truth[..., 0].numpy(), strict=True))
    first = torch.tensor([scipy.stats.wasserstein_distance(a, t) for a, t in pairs], dtype=torch.float64)
    second = torch.tensor([ot.wasserstein_1d(a, t, p=2) for a, t in pairs], dtype=torch.float64).sqrt()
    torch.testing.assert_close(Wasserstein1()(answer, truth), first)
    torch.testing.assert_close(Wasserstein2()(answer, truth), second)


@pytest.mark.parametrize(("q", "r"), [(4, 4), (6, 4), (1, 5), (7, 5), (1, 1)])
def test_common_quantiles_cover_all_levels_once(q: int, r: int) -> None:
    weights, left, right = common_quantiles(q, r)
    assert len(weights) == q + r - math.gcd(q, r)
    for ranks, count in ((left, q), (right, r)):
        shares = torch.zeros(count, dtype=torch.float64).index_add(0, ranks, weights)
        torch.testing.assert_close(shares, torch.full((count,), 1 / count, dtype=torch.float64))


def test_wasserstein_of_gaussians() -> None:
    normal = torch.special.ndtri((torch.arange(2000, dtype=torch.float64) + 0.5) / 2000)[None, :, None]
    assert float(Wasserstein2()(normal, 3 + 2.5 * normal)) == pytest.approx(math.hypot(3, 1.5), rel=1e-3)
    assert float(Wasserstein1()(normal, 2.5 * normal)) == pytest.approx(1.5 * math.sqrt(2 / math.pi), rel=1e-3)


@pytest.mark.parametrize("order", [1, 2])
def test_sliced_wasserstein_is_that_of_pot_on_the_same_directions(order: int, ot: Any) -> None:
    distance = SlicedWasserstein(directions=20, order=order, seed=3)
    answer, truth = draw(2, 9, 3), draw(2, 6, 3, seed=1) + 1
    expected = [
        ot.sliced_wasserstein_distance(a, t, p=order, projections=distance.draw(3).numpy())
        for a, t in zip(answer.numpy(), truth.numpy(), strict=True)
    ]
    torch.testing.assert_close(distance(answer, truth), torch.tensor(expected, dtype=torch.float64))


def test_sliced_wasserstein_of_a_shift_and_in_one_dimension() -> None:
    x, shift = draw(1, 8, 3), torch.tensor([1.0, -2.0, 2.0], dtype=torch.float64)
    expected = 3 / math.sqrt(3), 3 / 2  # the root mean square and the mean of 3 cos θ over the sphere
    assert float(SlicedWasserstein(directions=4000)(x, x + shift)) == pytest.approx(expected[0], rel=0.02)
    assert float(SlicedWasserstein(directions=4000, order=1)(x, x + shift)) == pytest.approx(expected[1], rel=0.02)
    y = draw(1, 5, 1, seed=1)
    torch.testing.assert_close(SlicedWasserstein(directions=3)(x[..., :1], y), Wasserstein2()(x[..., :1], y))
    assert float(SlicedWasserstein(seed=1)(x, 2 * x)) != float(SlicedWasserstein(seed=2)(x, 2 * x))


@pytest.mark.parametrize("regularisation", [1.0, 4.0])
def test_sinkhorn_divergence_is_that_of_pot(regularisation: float, ot: Any) -> None:
    answer, truth, scale = draw(2, 9, 2), 1.5 * draw(2, 6, 2, seed=1) + 1, 1.3

    def entropic(a: Tensor, b: Tensor) -> float:
        cost = ot.dist(a.numpy(), b.numpy(), metric="sqeuclidean")
        plan = ot.sinkhorn([], [], cost, regularisation * scale**2, method="sinkhorn_log", numItermax=10_000, stopThr=1e-11)
        return float(
            (plan * cost).sum() + regularisation * scale**2 * scipy.stats.entropy(plan.ravel(), [1 / plan.size] * plan.size)
        )

    expected = [entropic(a, t) - (entropic(a, a) + entropic(t, t)) / 2 for a, t in zip(answer, truth, strict=True)]
    distance = Sinkhorn(regularisation=regularisation, scale=scale, tolerance=1e-10)
    torch.testing.assert_close(distance(answer, truth), torch.tensor(expected, dtype=torch.float64), rtol=1e-8, atol=1e-10)


def test_sinkhorn_lies_between_its_two_limits() -> None:
    answer, truth = draw(2, 8, 1), 1.5 * draw(2, 8, 1, seed=1) + 1
    sharp = Sinkhorn(regularisation=1e-3, scale=1.0, tolerance=1e-4)(answer, truth)
    torch.testing.assert_close(sharp, Wasserstein2()(answer, truth) ** 2, rtol=2e-3, atol=0)
    blurred = Sinkhorn(regularisation=1e6, scale=1.0)(answer, truth)
    torch.testing.assert_close(blurred, (answer.mean(1) - truth.mean(1)).squeeze(-1) ** 2, rtol=1e-4, atol=0)


def test_sinkhorn_of_point_masses_and_of_a_shift_is_the_squared_distance() -> None:
    point = torch.tensor([[[3.0, 4.0]]], dtype=torch.float64)
    assert float(SINKHORN(torch.zeros(1, 5, 2, dtype=torch.float64), point)) == pytest.approx(25)
    x = draw(1, 6, 2)
    assert float(SINKHORN(x, x + point)) == pytest.approx(25)


def test_sinkhorn_of_clusters_between_which_mass_hardly_moves() -> None:
    # updates in turn alone need e^15 of them here
    x, y = (torch.tensor(v, dtype=torch.float64)[None, :, None] for v in ((0.0, 0.0, -1.0), (0.0, 0.0, -2.0)))
    distance = Sinkhorn(regularisation=0.2, scale=1.0, iterations=20)
    assert float(distance(x, y)) == pytest.approx(float(Wasserstein2()(x, y)) ** 2, rel=5e-3)
    assert float(distance(10 * x, 10 * y)) == pytest.approx(float(Wasserstein2()(10 * x, 10 * y)) ** 2)


def test_sinkhorn_of_an_episode_does_not_depend_on_the_others() -> None:
    answer, truth = draw(4, 6, 2), 1.5 * draw(4, 5, 2, seed=1) + 1
    answer[1], truth[1], answer[2], truth[2] = 0.0, 0.0, math.nan, 1.0
    together = SINKHORN(answer, truth)
    torch.testing.assert_close(together[[0, 3]], torch.cat([SINKHORN(answer[[e]], truth[[e]]) for e in (0, 3)]))
    assert float(together[1]) == 0
    assert bool(together[2].isnan())


@pytest.mark.parametrize("distance", ONE_DIMENSIONAL, ids=repr)
@pytest.mark.parametrize("r", [5, 4])
def test_gradients(distance: Distance, r: int) -> None:
    truth, leaf = draw(2, r, 1, seed=1), draw(2, 5, 1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: distance(x, truth), (leaf,), check_forward_ad=True, fast_mode=True)
    assert torch.autograd.gradcheck(lambda x: distance(truth, x), (leaf,), check_forward_ad=True, fast_mode=True)
    assert distance.derivatives == 0


@pytest.mark.parametrize("distance", ALL, ids=repr)
def test_gradients_in_several_dimensions(distance: Distance) -> None:
    truth, leaf = draw(2, 4, 3, seed=1), draw(2, 5, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: distance(x, truth), (leaf,), check_forward_ad=True, fast_mode=True)


@pytest.mark.parametrize("distance", ONE_DIMENSIONAL, ids=repr)
def test_equal_samples_have_distance_zero_and_slope_zero(distance: Distance) -> None:
    truth = torch.cat((torch.zeros(1, 3, 1, dtype=torch.float64), draw(1, 4, 1)), 1)
    for samples in (truth, torch.zeros_like(truth)):
        leaf = samples.clone().requires_grad_()
        value = distance(leaf, samples)
        assert float(value.detach()) == pytest.approx(0, abs=1e-14)
        (slope,) = torch.autograd.grad(value.sum(), leaf)
        torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-9, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("distance", ONE_DIMENSIONAL, ids=repr)
def test_far_supports_lose_no_accuracy(distance: Distance, dtype: torch.dtype) -> None:
    truth = draw(2, 8, 1).to(dtype)
    leaf = (truth + 2.0**12).requires_grad_()
    value = distance(leaf, truth)
    (slope,) = torch.autograd.grad(value.sum(), leaf)
    expected = 2.0**24 if distance == SINKHORN else 2.0**12
    torch.testing.assert_close(value.detach(), torch.full_like(value, expected), rtol=1e-6, atol=0)
    torch.testing.assert_close(
        slope, torch.full_like(slope, (2 * 2.0**12 if distance == SINKHORN else 1) / 8), rtol=1e-3, atol=0
    )


def test_squares_neither_overflow_nor_vanish() -> None:
    x = torch.tensor([[[1.0], [2.0]]])
    for size in (1e30, 1e-30):
        torch.testing.assert_close(Wasserstein2()(size * x, -size * x), torch.tensor([size * 3]), rtol=1e-6, atol=0)


samples = st.lists(st.floats(-3, 3), min_size=1, max_size=6).map(
    lambda v: torch.tensor(v, dtype=torch.float64).reshape(1, -1, 1)
)


@settings(max_examples=60, deadline=None)
@given(x=samples, y=samples, distance=st.sampled_from(ONE_DIMENSIONAL))
def test_never_negative_symmetric_and_blind_to_the_order_of_the_samples(x: Tensor, y: Tensor, distance: Distance) -> None:
    value = float(distance(x, y))
    assert value >= 0
    assert float(distance(y, x)) == pytest.approx(value, abs=1e-8)
    assert float(distance(x.flip(1), y)) == pytest.approx(value, abs=1e-8)
    assert float(distance(x.flip(1), x)) == pytest.approx(0, abs=1e-8)


@settings(max_examples=40, deadline=None)
@given(x=samples, y=samples, z=samples, distance=st.sampled_from([Wasserstein1(), Wasserstein2()]))
def test_wasserstein_distances_obey_the_triangle_inequality(x: Tensor, y: Tensor, z: Tensor, distance: Distance) -> None:
    assert float(distance(x, z)) <= float(distance(x, y)) + float(distance(y, z)) + 1e-12
    assert float(Wasserstein1()(x, z)) <= float(Wasserstein2()(x, z)) + 1e-12


def test_a_diverged_answer_is_nan_and_nothing_else_is() -> None:
    answer = draw(2, 5, 1)
    answer[1, 0] = math.nan
    for distance in ONE_DIMENSIONAL:
        assert distance(answer, draw(2, 4, 1, seed=1)).isnan().tolist() == [False, True]


def test_iterations_that_do_not_suffice_are_refused() -> None:
    answer, truth = draw(1, 8, 1), 1.5 * draw(1, 8, 1, seed=1)
    distance = Sinkhorn(regularisation=0.1, scale=1.0, iterations=2)
    with pytest.raises(
        ValueError, match=r"after iterations=2 a potential still moves by .* more than tolerance=1e-06: raise"
    ):
        distance(answer, truth)


@pytest.mark.parametrize("name", ["regularisation", "scale", "iterations", "tolerance"])
@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf])
def test_odd_settings_of_sinkhorn_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"Sinkhorn: {name}={value} must be positive"):
        Sinkhorn(**{"regularisation": 0.1, "scale": 1.0, name: value})


def test_odd_settings_of_sliced_wasserstein_are_refused() -> None:
    with pytest.raises(ValueError, match="SlicedWasserstein: directions=0 must be at least 1"):
        SlicedWasserstein(directions=0)
    with pytest.raises(ValueError, match="SlicedWasserstein: order=3 is not known: expected 1 or 2"):
        SlicedWasserstein(order=3)


@pytest.mark.parametrize("distance", ONE_DIMENSIONAL, ids=repr)
@pytest.mark.parametrize(
    ("answer", "truth"), [((2, 3, 1), (2, 3, 2)), ((2, 3, 1), (1, 3, 1)), ((3, 1), (3, 1)), ((2, 3, 1), (2, 0, 1))]
)
def test_samples_that_do_not_fit_are_refused(distance: Distance, answer: tuple[int, ...], truth: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match=r"answer has shape \(.*\), truth \(.*\): expected samples \(E, Q, K\) and \(E, R, K\)"
    ):
        distance(torch.ones(answer), torch.ones(truth))


@pytest.mark.parametrize("distance", ONE_DIMENSIONAL[:2], ids=repr)
def test_several_dimensions_are_refused_where_quantiles_need_one(distance: Distance) -> None:
    name = type(distance).__name__
    with pytest.raises(
        ValueError, match=f"{name}: samples have 2 dimensions, expected 1: take SlicedWasserstein or Sinkhorn"
    ):
        distance(torch.ones(1, 3, 2), torch.ones(1, 4, 2))
