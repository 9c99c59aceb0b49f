"""Function families: coefficients, basis functions, derivatives, and what the constructors refuse."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinndd import families
from pinndd.pinn.families import Family, LinearFamily

FAMILIES: list[Family] = [
    families.Sine(modes=4),
    families.Sine(modes=(2, 5), weights=(0.0, 1.0)),
    families.Cosine(modes=3, amplitude=0.5),
    families.Clamped(modes=(1, 3)),
    families.Fourier(modes=3),
    families.Fourier(modes=3, constant=0.5, period=2.0, active=1),
    families.Chebyshev(degree=4, distribution="uniform"),
    families.Chebyshev(degree=0),
    families.PiecewiseConstant(pieces=4),
    families.PiecewiseConstant(pieces=3, smoothing=0.05),
    families.GaussianProcess(length=0.2),
    families.GaussianProcess(length=0.3, size=6, pinned=True),
    families.GaussianProcess(length=0.6, size=9, periodic=True),
    families.Bump(),
    families.Bump(pinned=False),
]
LINEAR = [f for f in FAMILIES if isinstance(f, LinearFamily)]
ENDS = torch.tensor([[0.0], [1.0]], dtype=torch.float64)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def coordinates(count: int) -> Tensor:
    return torch.rand((count, 1), generator=generator(5), dtype=torch.float64)


@pytest.mark.parametrize("family", FAMILIES, ids=str)
class TestEveryFamily:
    def test_shapes_and_precision(self, family: Family) -> None:
        coefficients = family.sample(5, generator())
        assert coefficients.shape == (5, family.size)
        assert coefficients.dtype == torch.float64
        s = coordinates(7)
        crossed = family.evaluate(coefficients[:, None], s)
        assert crossed.shape == (5, 7)
        paired = family.evaluate(coefficients, s[:5])
        torch.testing.assert_close(paired, crossed[:, :5].diagonal())

    def test_the_generator_decides(self, family: Family) -> None:
        assert torch.equal(family.sample(3, generator(1)), family.sample(3, generator(1)))
        assert not torch.equal(family.sample(3, generator(1)), family.sample(3, generator(2)))

    def test_one_point_is_evaluated_as_many_are(self, family: Family) -> None:
        coefficients = family.sample(1, generator())[0]
        s = coordinates(3)
        torch.testing.assert_close(family.evaluate(coefficients, s[1]), family.evaluate(coefficients, s)[1])

    def test_derivatives_in_coefficients_and_coordinates(self, family: Family) -> None:
        coefficients = family.sample(2, generator()).requires_grad_()
        s = coordinates(4).requires_grad_()
        assert torch.autograd.gradcheck(lambda c, at: family.evaluate(c[:, None], at), (coefficients, s), atol=1e-5)

    def test_single_precision_agrees_with_double(self, family: Family) -> None:
        coefficients, s = family.sample(4, generator()), coordinates(6)
        single = family.evaluate(coefficients[:, None].float(), s.float())
        assert single.dtype == torch.float32
        if not (isinstance(family, families.PiecewiseConstant) and family.smoothing == 0):
            torch.testing.assert_close(single.double(), family.evaluate(coefficients[:, None], s), atol=2e-5, rtol=2e-4)


@pytest.mark.parametrize("family", LINEAR, ids=str)
def test_scales_are_standard_deviations(family: LinearFamily) -> None:
    dense = replace(family, active=None)  # type: ignore[type-var]
    drawn = dense.sample(20_000, generator()).std(0)
    torch.testing.assert_close(drawn, torch.tensor(dense.scales, dtype=torch.float64), rtol=0.03, atol=1e-3)


@given(a=st.floats(-3, 3), b=st.floats(-3, 3), index=st.integers(0, len(LINEAR) - 1))
@settings(max_examples=30, deadline=None)
def test_linear_families_are_linear(a: float, b: float, index: int) -> None:
    family, s = LINEAR[index], coordinates(5)
    c, d = family.sample(2, generator())
    combined = family.evaluate(a * c + b * d, s)
    torch.testing.assert_close(combined, a * family.evaluate(c, s) + b * family.evaluate(d, s), atol=1e-10, rtol=1e-9)


@given(active=st.integers(1, 5), seed=st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_active_leaves_that_many_coefficients(active: int, seed: int) -> None:
    drawn = families.Sine(modes=5, active=active).sample(8, generator(seed))
    assert ((drawn != 0).sum(-1) == active).all()


@given(numbers=st.lists(st.integers(1, 30), min_size=1, max_size=4, unique=True))
@settings(max_examples=20, deadline=None)
def test_sine_is_the_sum_that_it_says(numbers: list[int]) -> None:
    family = families.Sine(modes=tuple(numbers))
    coefficients, s = family.sample(1, generator())[0], coordinates(6)
    expected = sum(c * (k * math.pi * s[:, 0]).sin() for c, k in zip(coefficients, numbers, strict=True))
    torch.testing.assert_close(family.evaluate(coefficients, s), expected, atol=1e-11, rtol=0)


@pytest.mark.parametrize(
    "family",
    [families.Sine(modes=4), families.GaussianProcess(pinned=True, size=6), families.Bump()],
    ids=str,
)
def test_pinned_families_vanish_at_both_ends(family: Family) -> None:
    values = family.evaluate(family.sample(6, generator())[:, None], ENDS)
    torch.testing.assert_close(values, torch.zeros_like(values), atol=1e-7, rtol=0)


@pytest.mark.parametrize(
    "family", [families.Fourier(constant=1.0), families.GaussianProcess(periodic=True, length=0.6)], ids=str
)
def test_periodic_families_have_equal_ends(family: Family) -> None:
    values = family.evaluate(family.sample(6, generator())[:, None], ENDS)
    torch.testing.assert_close(values[:, 0], values[:, 1], atol=1e-9, rtol=0)


def test_fourier_period_2_is_not_periodic_on_the_patch() -> None:
    values = families.Fourier(modes=1, period=2.0).basis(ENDS)
    torch.testing.assert_close(values, torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64))


def test_weights_replace_the_decay() -> None:
    assert families.Sine(modes=3, amplitude=2.0, decay=1.0).scales == pytest.approx((2, 1, 2 / 3))
    assert families.Sine(modes=3, amplitude=2.0, weights=(0, 1, 3)).scales == (0, 2, 6)
    assert families.Fourier(modes=2, constant=0.5, weights=(1, 3)).scales == (0.5, 1, 1, 3, 3)


def test_chebyshev_polynomials_are_cosines() -> None:
    s = coordinates(9)
    angle = (2 * s - 1).acos()
    torch.testing.assert_close(families.Chebyshev(degree=6).basis(s), (angle * torch.arange(7)).cos(), atol=1e-12, rtol=0)


def test_piecewise_constant_holds_its_pieces() -> None:
    middles = (torch.arange(4, dtype=torch.float64)[:, None] + 0.5) / 4
    sharp, smooth = families.PiecewiseConstant(pieces=4), families.PiecewiseConstant(pieces=4, smoothing=0.02)
    torch.testing.assert_close(sharp.basis(middles), torch.eye(4, dtype=torch.float64))
    torch.testing.assert_close(smooth.basis(middles), torch.eye(4, dtype=torch.float64), atol=1e-5, rtol=0)
    torch.testing.assert_close(smooth.basis(coordinates(9)).sum(-1), torch.ones(9, dtype=torch.float64))


@pytest.mark.parametrize(("pinned", "periodic"), [(False, False), (True, False), (False, True)])
def test_gaussian_process_has_its_covariance(pinned: bool, periodic: bool) -> None:
    """The sum of squared, scaled basis functions is the kernel, once the expansion is long enough."""
    family = families.GaussianProcess(length=0.4, size=24, pinned=pinned, periodic=periodic)
    s = coordinates(8)
    scaled = family.basis(s) * torch.tensor(family.scales, dtype=torch.float64)
    d = s - s.T
    kernel = (-2 * (math.pi * d).sin() ** 2 / 0.16).exp() if periodic else (-(d**2) / 0.32).exp()
    if pinned:
        ends = torch.cat((s, 1 - s), -1)
        cross = (-(ends**2) / 0.32).exp()
        corner = torch.tensor([[1.0, math.exp(-1 / 0.32)], [math.exp(-1 / 0.32), 1.0]], dtype=torch.float64)
        kernel = kernel - cross @ torch.linalg.solve(corner, cross.T)
    torch.testing.assert_close(scaled @ scaled.T, kernel, atol=2e-4, rtol=0)


@pytest.mark.parametrize(("pinned", "periodic"), [(False, False), (True, False), (False, True)])
def test_a_seed_draws_the_same_functions_whatever_eigenvectors_a_solver_returns(monkeypatch, pinned: bool, periodic: bool) -> None:
    """Signs are a solver's choice, even of odd vectors, whose largest entry comes twice; and so is a rotation of equal eigenvalues."""
    of_torch, noise = torch.linalg.eigh, torch.Generator().manual_seed(1)

    def drawn() -> Tensor:
        family = families.GaussianProcess(length=0.3, size=12, pinned=pinned, periodic=periodic)
        return family.evaluate(family.sample(5, generator())[:, None], coordinates(9))

    expected = drawn()

    def other(matrix: Tensor) -> tuple[Tensor, Tensor]:
        values, vectors = of_torch(matrix + 1e-16 * torch.randn(matrix.shape, generator=noise, dtype=matrix.dtype))
        return values, vectors * (1 - 2 * torch.randint(0, 2, (len(values),), generator=noise))

    monkeypatch.setattr(torch.linalg, "eigh", other)
    for _ in range(4):
        torch.testing.assert_close(drawn(), expected, atol=1e-7, rtol=0)


def test_a_periodic_gaussian_process_is_made_of_waves() -> None:
    s = coordinates(9)
    basis = families.GaussianProcess(length=0.6, size=6, periodic=True).basis(s)
    waves = families.Fourier(modes=3, constant=1.0).basis(s)[:, :6] * torch.tensor([1.0] + 5 * [2**0.5], dtype=torch.float64)
    torch.testing.assert_close(basis, waves, atol=1e-9, rtol=0)


def test_bump_has_the_height_that_was_drawn() -> None:
    family = families.Bump(amplitude=2.0, width=(0.05, 0.05), center=(0.5, 0.5), pinned=False)
    coefficients = family.sample(200, generator())
    top = family.evaluate(coefficients, torch.tensor([0.5], dtype=torch.float64))
    torch.testing.assert_close(top, coefficients[:, 0])
    assert top.abs().min() >= 1
    assert top.abs().max() <= 2
    assert 60 < int((top > 0).sum()) < 140


def test_a_bump_of_known_width_and_place() -> None:
    family = families.Bump(width=0.15, center=0.5, pinned=False)
    coefficients = family.sample(50, generator())
    assert torch.equal(coefficients, families.Bump(width=(0.15, 0.15), center=(0.5, 0.5), pinned=False).sample(50, generator()))
    assert set(coefficients[:, 1].tolist()) == {0.5}
    assert set(coefficients[:, 2].tolist()) == {0.15}


WITH_AMPLITUDE = [
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


@pytest.mark.parametrize("bad", [0, -1.0, math.nan, math.inf, "1", (1.0,), True, None])
@pytest.mark.parametrize("build", WITH_AMPLITUDE)
def test_an_amplitude_is_a_positive_number(build, bad) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=rf"{build.__name__}\(amplitude=.*\): expected a positive, finite number; where nothing"):
        build(amplitude=bad)


@given(amplitude=st.floats(1e-3, 1e3), index=st.integers(0, len(WITH_AMPLITUDE) - 1))
@settings(max_examples=30, deadline=None)
def test_functions_are_proportional_to_the_amplitude(amplitude: float, index: int) -> None:
    unit, family, s = WITH_AMPLITUDE[index](), WITH_AMPLITUDE[index](amplitude=amplitude), coordinates(5)
    ours, theirs = (f.evaluate(f.sample(3, generator())[:, None], s) for f in (family, unit))
    torch.testing.assert_close(ours, amplitude * theirs, rtol=1e-9, atol=1e-12 * amplitude)


@given(amplitude=st.floats(1e-3, 1e3), constant=st.floats(1e-3, 10))
@settings(max_examples=20, deadline=None)
def test_the_constant_of_fourier_is_relative_to_the_amplitude(amplitude: float, constant: float) -> None:
    assert families.Fourier(amplitude=amplitude, constant=constant).scales[0] == amplitude * constant


def test_tied_has_no_values_of_its_own() -> None:
    tied = families.Tied(to="left")
    assert tied.sample(3, generator()).shape == (3, 0)
    with pytest.raises(ValueError, match=r"Tied\(to='left'\) has no values of its own"):
        tied.evaluate(torch.zeros(1, 0), ENDS)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: families.Sine(modes=0), "modes=0: expected a positive number of modes"),
        (lambda: families.Sine(modes=()), r"modes=\(\): expected a positive number of modes"),
        (lambda: families.Fourier(modes=(0, 1)), r"modes=\(0, 1\): expected a positive number of modes"),
        (lambda: families.Sine(modes=3, weights=(1.0,)), r"weights=\(1.0,\): expected one factor for each of the 3 modes"),
        (
            lambda: families.Fourier(modes=2, weights=(1.0,)),
            r"weights=\(1.0,\): expected one factor for each of the 2 modes",
        ),
        (lambda: families.Sine(distribution="cauchy"), "distribution='cauchy': expected 'normal' or 'uniform'"),  # type: ignore[arg-type]
        (lambda: families.Sine(modes=3, active=4), "active=4: expected between 1 and the 3 coefficients"),
        (lambda: families.Chebyshev(active=0), "active=0: expected between 1 and the 5 coefficients"),
        (lambda: families.Chebyshev(degree=-1), r"Chebyshev\(degree=-1\): expected a whole number from 0 to 10000"),
        (lambda: families.Chebyshev(degree=10**9), r"Chebyshev\(degree=1000000000\): expected a whole number from 0 to 10000"),
        (lambda: families.PiecewiseConstant(pieces=10**9), r"pieces=1000000000\): expected a whole number from 1 to 10000"),
        (lambda: families.Sine(modes=10**9), "modes=1000000000: expected at most 10000 modes"),
        (lambda: families.Fourier(modes=10**9), "modes=1000000000: expected at most 10000 modes"),
        (lambda: families.PiecewiseConstant(pieces=0), r"PiecewiseConstant\(pieces=0\): expected a whole number from 1 to 10000"),
        (lambda: families.PiecewiseConstant(smoothing=-1.0), r"PiecewiseConstant\(smoothing=-1.0\): expected a width of 0"),
        (lambda: families.GaussianProcess(length=0.0), r"GaussianProcess\(length=0.0\): expected a positive, finite number"),
        (lambda: families.Sine(modes=2.5), r"modes=2.5: expected a positive number of modes, or a tuple"),  # type: ignore[arg-type]
        (lambda: families.Sine(modes=True), "modes=True: expected a positive number of modes"),
        (lambda: families.Sine(modes=2, weights=(1.0, -1.0)), r"weights=\(1.0, -1.0\): expected finite factors, none of them"),
        (lambda: families.Sine(modes=2, weights=0.5), "weights=0.5: expected one factor for each of the 2 modes"),  # type: ignore[arg-type]
        (lambda: families.Sine(active=1.5), "active=1.5: expected between 1 and the 3"),  # type: ignore[arg-type]
        (lambda: families.Sine(decay="1"), r"Sine\(decay='1'\): expected a finite number"),  # type: ignore[arg-type]
        (lambda: families.Fourier(period=0.0), r"Fourier\(period=0.0\): expected a positive, finite number"),
        (
            lambda: families.Fourier(amplitude=70.0, constant=300.0),
            r"Fourier\(constant=300.0\): expected a factor on amplitude=70.0, from 0 to 10; for a known value say mean=",
        ),
        (lambda: families.Fourier(constant=-1.0), r"Fourier\(constant=-1.0\): expected a factor on amplitude=1.0"),
        (lambda: families.Fourier(decay=math.nan), r"Fourier\(decay=nan\): expected a finite number"),
        (lambda: families.Chebyshev(degree=1.0), r"Chebyshev\(degree=1.0\): expected a whole number from 0"),  # type: ignore[arg-type]
        (lambda: families.Chebyshev(decay=math.inf), r"Chebyshev\(decay=inf\): expected a finite number"),
        (lambda: families.Bump(width=0.0), r"Bump\(width=0.0\): expected a positive, finite number"),
        (lambda: families.Bump(width=(0.2, 0.1)), r"Bump\(width=\(0.2, 0.1\)\): expected the smaller end first, \(0.1, 0.2\)"),
        (lambda: families.Bump(width=(0.1,)), r"Bump\(width=\(0.1,\)\): expected a number, or the two ends"),  # type: ignore[arg-type]
        (lambda: families.Bump(center=(0.5, 1.5)), r"Bump\(center=\(0.5, 1.5\)\): expected places within \[0, 1\]"),
        (lambda: families.GaussianProcess(size=2.0), r"GaussianProcess\(size=2.0\): expected a whole number"),  # type: ignore[arg-type]
        (lambda: families.Tied("left", factor=math.nan), r"Tied\(factor=nan\): expected a finite number"),
        (lambda: families.Sum(families.Sine(), families.Bump()), r"Sum\(second=Bump\(.*expected a family that is linear"),  # type: ignore[arg-type]
        (lambda: families.Product(families.Bump(), families.Sine()), r"Product\(first=Bump\(.*that is linear"),  # type: ignore[arg-type]
        (lambda: families.Along(0, 3.0), r"Along\(family=3.0\): expected a family that is linear"),  # type: ignore[arg-type]
        (lambda: families.Along(-1, families.Sine()), r"Along\(axis=-1\): expected the number of a local coordinate"),
        (lambda: families.GaussianProcess(size=1000), "size from 1 to 128"),
        (lambda: families.GaussianProcess(pinned=True, periodic=True), "pinned and periodic exclude each other"),
    ],
)
def test_what_the_constructors_refuse(build, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        build()
