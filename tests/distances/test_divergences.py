"""f-divergences: scipy's values, definitions at zeros, gradients, and what is refused."""

import math

import pytest
import scipy.spatial.distance
import scipy.special
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinndd.distances import KL, ChiSquared, Hellinger, JensenShannon, ReverseKL, TotalVariation
from pinndd.distances.divergences import FDivergence

# torch itself calls what it deprecates, at the first derivative in forward mode
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

ALL = [KL, ReverseKL, JensenShannon, TotalVariation, Hellinger, ChiSquared]
SYMMETRIC = [JensenShannon, TotalVariation, Hellinger]
BOUNDS = {JensenShannon: math.log(2), TotalVariation: 1.0, Hellinger: 1.0}


def vector(*entries: float) -> Tensor:
    return torch.tensor([[entries]], dtype=torch.float64)


def random_logits(seed: int = 0, shape: tuple[int, ...] = (2, 3, 4)) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def expected(kind: type[FDivergence], p: Tensor, q: Tensor) -> Tensor:
    """The textbook sums, with scipy where it has one."""
    if kind is KL:
        terms = torch.from_numpy(scipy.special.rel_entr(p.numpy(), q.numpy()))
    elif kind is ReverseKL:
        terms = torch.from_numpy(scipy.special.rel_entr(q.numpy(), p.numpy()))
    elif kind is JensenShannon:
        return torch.from_numpy(scipy.spatial.distance.jensenshannon(p.numpy(), q.numpy(), axis=-1) ** 2).mean(-1)
    elif kind is TotalVariation:
        terms = (p - q).clamp_min(0)
    elif kind is Hellinger:
        return (1 - (p * q).sqrt().sum(-1)).sqrt().mean(-1)
    else:
        return ((p * p / q).sum(-1) - 1).mean(-1)
    return terms.sum(-1).mean(-1)


@pytest.mark.parametrize("kind", ALL)
def test_values_are_the_mean_over_the_questions_of_each_episode(kind: type[FDivergence]) -> None:
    truth, logits = random_logits(0).softmax(-1), random_logits(1)
    answer = logits.softmax(-1)
    torch.testing.assert_close(kind()(answer, truth), expected(kind, truth, answer))
    torch.testing.assert_close(kind(logits=True)(logits, truth), expected(kind, truth, answer))
    torch.testing.assert_close(kind()(answer.float(), truth.float()), expected(kind, truth, answer).float())
    assert kind.derivatives == 0


@pytest.mark.parametrize(
    ("kind", "against_less", "against_more"),
    [
        (KL, math.inf, math.log(2)),
        (ReverseKL, math.log(2), math.inf),
        (JensenShannon, 0.75 * math.log(4 / 3), 0.75 * math.log(4 / 3)),
        (TotalVariation, 0.5, 0.5),
        (Hellinger, math.sqrt(1 - math.sqrt(0.5)), math.sqrt(1 - math.sqrt(0.5))),
        (ChiSquared, math.inf, 1.0),
    ],
)
def test_zeros_count_by_definition(kind: type[FDivergence], against_less: float, against_more: float) -> None:
    # the truth has mass where the answer has none, then the other way round; the last entry has none in either
    certain, even = vector(1, 0, 0), vector(0.5, 0.5, 0)
    assert float(kind()(certain, even)) == pytest.approx(against_less)
    assert float(kind()(even, certain)) == pytest.approx(against_more)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("logits", [False, True], ids=["probabilities", "logits"])
def test_equal_arguments_with_and_without_zeros(kind: type[FDivergence], logits: bool) -> None:
    truth = torch.cat((vector(0.2, 0.3, 0.5, 0), vector(1, 0, 0, 0), random_logits(2, (1, 1, 4)).softmax(-1)), 1)
    leaf = (truth.log() if logits else truth.clone()).requires_grad_()
    distance = kind(logits=logits)(leaf, truth)
    assert float(distance.detach()) == pytest.approx(0, abs=1e-7 if kind is Hellinger else 1e-15)
    (slope,) = torch.autograd.grad(distance.sum(), leaf)
    assert bool(slope.isfinite().all())


@pytest.mark.parametrize("kind", [ReverseKL, *SYMMETRIC])
def test_an_answer_of_exact_zeros_has_a_finite_gradient_where_it_has_a_finite_value(kind: type[FDivergence]) -> None:
    leaf = vector(1, 0, 0).requires_grad_()
    (slope,) = torch.autograd.grad(kind()(leaf, vector(0.25, 0.25, 0.5)).sum(), leaf)
    assert bool(slope.isfinite().all())


@pytest.mark.parametrize("kind", ALL)
def test_gradients(kind: type[FDivergence]) -> None:
    truth, leaf = random_logits(0).softmax(-1), random_logits(1).requires_grad_()
    truth[0, 0] = vector(0, 0.4, 0.6, 0) if kind is not ReverseKL else truth[0, 0]
    assert torch.autograd.gradcheck(lambda logits: kind()(logits.softmax(-1), truth), (leaf,), check_forward_ad=True)
    assert torch.autograd.gradcheck(lambda logits: kind(logits=True)(logits, truth), (leaf,), check_forward_ad=True)
    asked = random_logits(3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda logits: kind()(leaf.detach().softmax(-1), logits.softmax(-1)), (asked,), check_forward_ad=True
    )


@pytest.mark.parametrize("kind", ALL)
def test_far_logits_neither_overflow_nor_turn_into_infinity(kind: type[FDivergence]) -> None:
    leaf = vector(0, -600, -2000).requires_grad_()
    truth = vector(0.5, 0.5, 0) if kind is not ReverseKL else vector(0.5, 0.25, 0.25)
    distance = kind(logits=True)(leaf, truth)
    (slope,) = torch.autograd.grad(distance.sum(), leaf)
    assert bool(distance.isfinite().all())
    assert bool(slope.isfinite().all())
    if kind is KL:
        assert float(distance.detach()) == pytest.approx(300 - math.log(2))


probabilities = (
    st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda v: sum(v) > 1e-3).map(lambda v: vector(*v) / sum(v))
)


@settings(max_examples=60, deadline=None)
@given(p=probabilities, q=probabilities, kind=st.sampled_from(ALL))
@example(p=vector(0, 0, 0, 1), q=vector(0, 0, 5e-324, 1), kind=JensenShannon).via("half of it is no float")
def test_never_negative_bounded_and_zero_at_equality(p: Tensor, q: Tensor, kind: type[FDivergence]) -> None:
    distance = float(kind()(q, p))
    assert 0 <= distance <= BOUNDS.get(kind, math.inf) + 1e-12
    assert float(kind()(p, p)) == 0
    if kind in SYMMETRIC:
        assert float(kind()(p, q)) == pytest.approx(distance, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(p=probabilities, q=probabilities)
def test_the_divergences_order_as_their_inequalities_say(p: Tensor, q: Tensor) -> None:
    variation, hellinger = float(TotalVariation()(q, p)), float(Hellinger()(q, p))
    assert hellinger**2 <= variation + 1e-12
    assert variation <= math.sqrt(2) * hellinger + 1e-7
    assert 2 * variation**2 <= float(KL()(q, p)) + 1e-12, "Pinsker"
    assert float(KL()(q, p)) <= math.log1p(float(ChiSquared()(q, p))) + 1e-12


@pytest.mark.parametrize("kind", ALL)
def test_a_diverged_answer_is_nan_and_nothing_else_is(kind: type[FDivergence]) -> None:
    truth, answer = random_logits(0).softmax(-1), random_logits(1).softmax(-1)
    answer[1, 2, 0] = math.nan
    for distance in (kind()(answer, truth), kind(logits=True)(answer, truth)):
        assert distance.isnan().tolist() == [False, True]


@pytest.mark.parametrize("kind", ALL)
def test_misuse_is_refused(kind: type[FDivergence]) -> None:
    even = torch.full((2, 3, 4), 0.25)
    with pytest.raises(ValueError, match=r"answer has shape \(2, 3, 2\), truth \(2, 3, 4\): expected \(E, Q, K\) for both"):
        kind()(torch.full((2, 3, 2), 0.5), even)
    with pytest.raises(ValueError, match=r"answer has shape \(3, 4\), truth \(3, 4\)"):
        kind()(even[0], even[0])
    odd = even.clone()
    odd[1, 2] = torch.tensor([0.5, 0.7, 0.0, -0.2])
    with pytest.raises(
        ValueError, match=r"answer of episode 1, question 2 is not .*: its smallest entry is -0.2, its sum 1; .* logits=True"
    ):
        kind()(odd, even)
    odd[1, 2] = torch.tensor([0.5, 0.7, 0.0, 0.2])
    with pytest.raises(
        ValueError, match=r"truth of episode 1, question 2 is not .*: its smallest entry is 0, its sum 1.4; .* divide"
    ):
        kind(logits=True)(even, odd)
