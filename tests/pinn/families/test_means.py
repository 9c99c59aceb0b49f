"""Known parts of families: fixed functions, means, in torch and in numpy, and what is refused."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinndd import families
from pinndd.pinn.families import Family


def parabola(s: Tensor) -> Tensor:
    return 4 * s[:, 0] * (1 - s[:, 0])


def in_numpy(s):  # type: ignore[no-untyped-def]
    return 1 + 0.5 * np.sin(np.pi * s[:, 0:1])


def answers(function, s: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
    """What a function of arrays or of tensors says, ``(N,)``."""
    found = function(s.numpy() if function is in_numpy else s)
    return torch.as_tensor(found, dtype=torch.float64).reshape(-1).expand(len(s))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def coordinates(count: int, axes: int = 1) -> Tensor:
    return torch.rand((count, axes), generator=generator(5), dtype=torch.float64)


EVERY = [
    families.Sine,
    families.Cosine,
    families.Clamped,
    families.Fourier,
    families.Chebyshev,
    families.PiecewiseConstant,
    families.GaussianProcess,
    families.Bump,
    families.Constant,
]


@pytest.mark.parametrize("build", EVERY)
@pytest.mark.parametrize("mean", [300, 2.5, parabola, in_numpy], ids=["int", "float", "torch", "numpy"])
def test_a_mean_is_added_to_every_function(build, mean) -> None:  # type: ignore[no-untyped-def]
    plain, family, s = build(), build(mean=mean), coordinates(7)
    drawn = family.sample(5, generator())
    assert torch.equal(drawn, plain.sample(5, generator()))
    known = answers(mean, s) if callable(mean) else torch.full((7,), float(mean)).double()
    torch.testing.assert_close(family.evaluate(drawn[:, None], s), plain.evaluate(drawn[:, None], s) + known)
    torch.testing.assert_close(family.mean_values(s), known)
    assert family.mean is mean
    assert family.has_mean
    assert not plain.has_mean


@pytest.mark.parametrize("build", EVERY)
def test_a_mean_of_nothing_changes_no_bit(build) -> None:  # type: ignore[no-untyped-def]
    s, drawn = coordinates(7), build().sample(5, generator())
    plain = build().evaluate(drawn[:, None], s)
    assert torch.equal(build(mean=0.0).evaluate(drawn[:, None], s), plain)
    assert not build(mean=0.0).has_mean
    assert build().mean_values(s).tolist() == [0.0] * 7


@given(number=st.floats(-1e6, 1e6), count=st.integers(1, 6), axes=st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_a_fixed_number_is_that_number_everywhere(number: float, count: int, axes: int) -> None:
    fixed, s = families.Fixed(number), coordinates(count, axes)
    values = fixed.evaluate(fixed.sample(2, generator())[:, None], s)
    assert values.tolist() == [[number] * count] * 2
    assert fixed.size == 0
    assert fixed.scales == ()
    assert fixed.mean == number


@pytest.mark.parametrize("function", [parabola, in_numpy, lambda s: s[:, 0:1] ** 2, lambda s: 3.0, lambda s: np.float64(2.0)])
@pytest.mark.parametrize("shape", [(6, 1), (2, 6, 1), (1,)])
def test_a_fixed_function_takes_any_leading_axes(function, shape) -> None:  # type: ignore[no-untyped-def]
    s = coordinates(math.prod(shape)).reshape(shape)
    expected = answers(function, s.reshape(-1, 1)).reshape(shape[:-1])
    values = families.Fixed(function).evaluate(torch.empty(0, dtype=torch.float64), s)
    torch.testing.assert_close(values, expected)
    assert families.Fixed(function).evaluate(torch.empty(0), s.float()).dtype == torch.float32


# torch's own rules for forward mode are scripts, which torch itself has deprecated
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("function", [parabola, in_numpy, lambda s: np.exp(s[:, 0] - 2 * s[:, 1])])
def test_known_functions_are_differentiated_backwards_and_forwards(function) -> None:  # type: ignore[no-untyped-def]
    fixed, s = families.Fixed(function), coordinates(4, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda at: fixed.evaluate(at.new_empty(0), at), (s,), atol=1e-6)
    tangent = coordinates(4, 2).flip(0)
    _, pushed = torch.func.jvp(lambda at: fixed.evaluate(at.new_empty(0), at), (s.detach(),), (tangent,))
    (pulled,) = torch.autograd.grad(fixed.evaluate(s.new_empty(0), s).sum(), s)
    torch.testing.assert_close(pushed, (pulled * tangent).sum(-1), atol=1e-7, rtol=1e-7)


def test_a_numpy_function_is_not_asked_outside_the_patch() -> None:
    fixed = families.Fixed(lambda s: np.sqrt(s[:, 0] * (1 - s[:, 0])))
    s = torch.tensor([[0.0], [0.5], [1.0]], dtype=torch.float64, requires_grad=True)
    fixed.evaluate(s.new_empty(0), s).sum().backward()
    assert bool(s.grad.isfinite().all())
    assert abs(float(s.grad[1])) < 1e-6


def test_sums_add_means_and_along_sees_one_coordinate() -> None:
    s = coordinates(6, 2)
    along = families.Along(1, families.Sine(modes=2, mean=in_numpy))
    torch.testing.assert_close(along.mean_values(s), answers(in_numpy, s[:, 1:]))
    total = families.Sum(families.Along(0, families.Chebyshev(degree=1, mean=2.0)), along)
    torch.testing.assert_close(total.mean_values(s), 2 + along.mean_values(s))
    drawn = total.sample(3, generator())
    parts = total.first.evaluate(drawn[:, None, :2], s) + total.second.evaluate(drawn[:, None, 2:], s)
    torch.testing.assert_close(total.evaluate(drawn[:, None], s), parts)
    assert families.Sum(families.Constant(), families.Constant(mean=4.0)).mean == 4.0
    assert families.Sum(families.Constant(), families.Constant()).mean is None
    assert families.Along(0, families.Sine(mean=3.0)).mean == 3.0
    assert families.Sum(families.Fixed(1.0), families.Fixed(parabola)).evaluate(s.new_empty(0), s).shape == (6,)


def test_a_product_has_a_mean_of_its_own() -> None:
    s = coordinates(6, 2)
    product = families.Product(families.Sine(2), families.Sine(2), mean=lambda s: s[:, 0] * s[:, 1])
    torch.testing.assert_close(product.evaluate(torch.zeros(4, dtype=torch.float64), s), s.prod(-1))
    with pytest.raises(ValueError, match=r"Product\(second=Constant\(.*a factor has a mean; give the mean of the whole"):
        families.Product(families.Sine(2), families.Constant(mean=1.0))


@pytest.mark.parametrize("build", [*EVERY, families.Fixed])
@pytest.mark.parametrize("bad", ["300 K", math.nan, math.inf, [1.0], True])
def test_what_is_no_known_function_is_refused(build, bad) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="expected a finite number, or a function of the local coordinates such as lambda s:"):
        build(bad) if build is families.Fixed else build(mean=bad)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda s: s, r"the function <lambda> of the local coordinates returned shape \(5, 2\) for 5 places .* such as s\[:, 0\]"),
        (lambda s: np.ones(3), r"returned shape \(3,\) for 5 places"),
        (lambda s: "warm", "returned str, expected 5 numbers for 5 places: a tensor or an array"),
        (lambda s: None, "returned NoneType, expected 5 numbers"),
    ],
)
def test_a_function_of_the_wrong_shape_says_so(function, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        families.Fixed(function).evaluate(torch.empty(0), coordinates(5, 2))


def test_an_error_of_the_function_itself_is_shown() -> None:
    def broken(s: Tensor) -> Tensor:
        return torch.nothing(s)  # type: ignore[attr-defined,no-any-return]

    def mismatched(s: Tensor) -> Tensor:
        return torch.ones(3) + s[:, 0]

    def misspelt(s):  # type: ignore[no-untyped-def]
        return np.sin(s)[:, 0].cosine()

    with pytest.raises(AttributeError, match=r"'numpy\.ndarray' object has no attribute 'cosine'"):
        families.Fixed(misspelt).evaluate(torch.empty(0), coordinates(5))
    with pytest.raises(AttributeError, match="nothing"):
        families.Fixed(broken).evaluate(torch.empty(0), coordinates(5))
    with pytest.raises(RuntimeError, match="size of tensor"):
        families.Fixed(mismatched).evaluate(torch.empty(0), coordinates(5))


def test_every_family_says_whether_it_has_a_mean() -> None:
    every: list[Family] = [families.Zero(), families.Tied("left"), families.Fixed(0.0)]
    assert not any(f.has_mean for f in every)
    assert families.Fixed(parabola).has_mean
