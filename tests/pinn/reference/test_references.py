"""Reference solutions against closed forms, orders of convergence and second, independent methods."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import quad, solve_ivp
from scipy.special import erfc
from torch import Tensor

from pinndd import PDE, BoundaryValues, families
from pinndd.pinn.declare.loading import list_pdes, load_pde
from pinndd.pinn.reference import laplace_on_square, solve_dirichlet, solve_periodic
from pinndd.pinn.reference.dirichlet import collocation
from pinndd.pinn.reference.exponential import integrate, kernel_integrals, slab_boundaries
from pinndd.pinn.reference.fourier import real_fourier
from pinndd.pinn.reference.interpolation import (
    composite_gauss_legendre,
    differentiation_matrix,
    gauss_legendre,
    gauss_lobatto,
    interpolation_matrix,
    legendre,
    legendre_transform,
)
from pinndd.pinn.reference.series import sine_coefficients

PDES = {name: load_pde(name) for name, _ in list_pdes()}


def points(count: int, seed: int = 0) -> Tensor:
    return torch.rand((count, 2), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def inside(pde: PDE, count: int) -> Tensor:
    """Draw points in the domain of a PDE."""
    unit = torch.rand((count, pde.box.dimension), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return pde.box.scale(unit)


def draws(pde: PDE, count: int, shift: str = "none") -> BoundaryValues:
    ensemble = pde.ensemble(shift)
    return BoundaryValues(ensemble, ensemble.sample(count, torch.Generator().manual_seed(1)))


def row(values: Tensor) -> Tensor:
    """One boundary condition: a batch of one."""
    return values[None]


def zero(s: Tensor) -> Tensor:
    return row(torch.zeros_like(s))


def relative(u: Tensor, v: Tensor) -> float:
    return float(((u - v).flatten(1).norm(dim=1) / v.flatten(1).norm(dim=1)).max())


class TestInterpolation:
    def test_gauss_lobatto_has_the_known_nodes_of_degree_3(self) -> None:
        nodes, weights = gauss_lobatto(3)
        inner = 1 / math.sqrt(5)
        torch.testing.assert_close(2 * nodes - 1, torch.tensor([-1, -inner, inner, 1], dtype=torch.float64))
        torch.testing.assert_close(2 * weights, torch.tensor([1, 5, 5, 1], dtype=torch.float64) / 6)

    @pytest.mark.parametrize("degree", [2, 7, 40])
    def test_gauss_lobatto_integrates_degree_2n_minus_1(self, degree: int) -> None:
        nodes, weights = gauss_lobatto(degree)
        top = 2 * degree - 1
        assert float((weights * nodes**top).sum()) == pytest.approx(1 / (top + 1), rel=1e-12)

    def test_gauss_lobatto_refuses_degree_1(self) -> None:
        with pytest.raises(ValueError, match="degree=1: expected 2 or more"):
            gauss_lobatto(1)

    def test_composite_quadrature_is_exact_for_jumps_between_panels(self) -> None:
        nodes, weights = composite_gauss_legendre(8, 5)
        step = torch.where(nodes > 0.375, nodes**9, -nodes)
        assert float((weights * step).sum()) == pytest.approx((1 - 0.375**10) / 10 - 0.375**2 / 2, rel=1e-13)

    def test_differentiation_is_spectral(self) -> None:
        nodes, _ = gauss_lobatto(24)
        error = differentiation_matrix(nodes) @ (3 * nodes).sin() - 3 * (3 * nodes).cos()
        assert error.abs().max() < 1e-11

    def test_interpolation_is_exact_for_polynomials_and_at_nodes(self) -> None:
        nodes, _ = gauss_lobatto(9)
        at = torch.cat((points(20)[:, 0], nodes[:3]))
        torch.testing.assert_close(interpolation_matrix(nodes, at) @ nodes**9, at**9, atol=1e-13, rtol=0)

    def test_legendre_transform_inverts_evaluation(self) -> None:
        nodes, _ = gauss_legendre(7)
        torch.testing.assert_close(
            legendre_transform(7) @ legendre(2 * nodes - 1, 6), torch.eye(7, dtype=torch.float64), atol=1e-13, rtol=0
        )


class TestExponentialCollocation:
    @pytest.mark.parametrize("rate", [0.0, 0.3, 40.0, 1e3, 1e7])
    def test_kernel_integrals_against_quadrature(self, rate: float) -> None:
        nodes = gauss_legendre(4)[0]
        length, time = 0.2, 0.13
        integrals = kernel_integrals(
            torch.tensor([rate], dtype=torch.float64), length, torch.tensor([time], dtype=torch.float64), 4
        )
        for j in range(4):

            def integrand(sigma: float, j: int = j) -> float:
                at = torch.tensor([(time - sigma) / length], dtype=torch.float64)
                return math.exp(-rate * sigma) * float(interpolation_matrix(nodes, at)[0, j])

            expected = quad(integrand, 0, min(time, 40 / rate if rate else time), epsabs=1e-14, epsrel=1e-12)[0]
            assert float(integrals[0, j, 0]) == pytest.approx(expected, abs=1e-13 / max(1.0, rate), rel=1e-10)

    @pytest.mark.parametrize("order", [2, 3, 4])
    def test_order_of_convergence(self, order: int) -> None:
        """w' = -w + w² has the solution 1 / (1 + (1/w0 - 1) exp t); the dense output converges with the order."""
        rates, start = torch.ones(1, dtype=torch.float64), torch.tensor([[0.4]], dtype=torch.float64)
        times = torch.linspace(0, 1, 37, dtype=torch.float64)
        exact = 1 / (1 + (1 / 0.4 - 1) * times.exp())
        errors = []
        for slabs in (4, 8, 16):
            trajectory = integrate(rates, lambda _, w: w**2, start, slab_boundaries(1.0, slabs), order=order)
            errors.append(float((trajectory.project(times, torch.ones((37, 1)).double())[0] - exact).abs().max()))
        observed = [math.log2(a / b) for a, b in pairwise(errors)]
        assert min(observed) > order - 0.2

    def test_stiffness_costs_nothing(self) -> None:
        """w' = -1e8 (w - cos t) - sin t has the solution cos t."""
        rates = torch.tensor([1e8], dtype=torch.float64)

        def forcing(t: Tensor, w: Tensor) -> Tensor:
            return (1e8 * t.cos() - t.sin())[None, :, None].expand_as(w)

        trajectory = integrate(rates, forcing, torch.ones((1, 1)).double(), slab_boundaries(1.0, 4), order=6)
        times = points(30)[:, 0]
        u = trajectory.project(times, torch.ones((30, 1)).double())[0]
        torch.testing.assert_close(u, times.cos(), atol=1e-7, rtol=0)

    def test_slabs_that_do_not_converge_are_halved(self) -> None:
        rates, start = torch.zeros(1, dtype=torch.float64), torch.tensor([[1.0]], dtype=torch.float64)
        trajectory = integrate(
            rates, lambda t, w: -40 * (w - t.cos()[:, None]) - t.sin()[:, None], start, [0.0, 1.0], order=8
        )
        assert len(trajectory.slabs) > 1
        times = torch.tensor([1.0], dtype=torch.float64)
        assert float(trajectory.project(times, torch.ones((1, 1)).double())) == pytest.approx(math.cos(1), abs=1e-6)

    def test_blow_up_is_reported(self) -> None:
        """w' = w² from 2 blows up at t = 1/2."""
        with pytest.raises(ArithmeticError, match=r"no convergence on the time slab \[0\.\d+, 0\.\d+\].*may blow up"):
            integrate(torch.zeros(1).double(), lambda _, w: w**2, torch.full((1, 1), 2.0).double(), [0.0, 0.5, 1.0])

    def test_grading_cuts_the_first_slab_only(self) -> None:
        assert slab_boundaries(1.0, 2, graded=2) == [0.0, 0.03125, 0.125, 0.5, 1.0]


class TestHeat:
    def test_eigenvalues_are_those_of_the_second_derivative(self) -> None:
        k = torch.arange(1, 21, dtype=torch.float64)
        torch.testing.assert_close(collocation(64).squares[:20], (k * math.pi) ** 2, rtol=1e-10, atol=0)

    def test_moving_ends_closed_form(self) -> None:
        at = points(200)
        x, t = at.unbind(-1)

        def exact(x: Tensor, t: Tensor) -> Tensor:
            return (-0.4 * t).exp() * (2 * x).cos() + x**2 + 0.2 * t

        u = solve_dirichlet(
            lambda s: row(exact(torch.zeros_like(s), s)),
            lambda s: row(exact(torch.ones_like(s), s)),
            lambda s: row(exact(s, torch.zeros_like(s))),
            at,
            diffusivity=0.1,
            degree=24,
            slabs=8,
            order=6,
        )
        torch.testing.assert_close(u[0], exact(x, t), atol=1e-10, rtol=0)

    def test_a_switched_end_against_the_error_function(self) -> None:
        """Left end 0, then 1 from t = 1/4 on: images of erfc(x / 2 √(0.1 (t - 1/4)))."""
        at = points(300)
        x, t = at.numpy().T
        reach = 2 * np.sqrt(0.1 * np.maximum(t - 0.25, 1e-12))
        exact = sum(erfc((2 * n + x) / reach) - erfc((2 * n + 2 - x) / reach) for n in range(4)) * (t > 0.25)
        u = solve_dirichlet(lambda s: row((s >= 0.25).double()), zero, zero, at, diffusivity=0.1)
        assert np.abs(u[0].numpy() - exact).max() < 1e-6

    def test_against_finite_differences(self) -> None:
        """A second method: second-order differences in x, an adaptive stiff solver in t, Richardson extrapolation."""
        values = draws(PDES["heat"], 1)
        times = torch.linspace(0.1, 1, 5, dtype=torch.float64)
        x = torch.linspace(0, 1, 41, dtype=torch.float64)[1:-1]

        def differences(cells: int) -> np.ndarray:
            inner = torch.linspace(0, 1, cells + 1, dtype=torch.float64)[1:-1]

            def slope(t: float, u: np.ndarray) -> np.ndarray:
                now = torch.tensor([t], dtype=torch.float64)
                padded = np.concatenate((values["left"](now)[0].numpy(), u, values["right"](now)[0].numpy()))
                return np.asarray(0.05 * (padded[2:] - 2 * u + padded[:-2]) * cells**2)

            jacobian = 0.05 * cells**2 * (np.eye(cells - 1, k=1) + np.eye(cells - 1, k=-1) - 2 * np.eye(cells - 1))
            start = values["start"](inner)[0].numpy()
            solution = solve_ivp(slope, (0, 1), start, "BDF", times.numpy(), rtol=1e-9, atol=1e-10, jac=jacobian)
            return np.asarray(solution.y)[cells // 40 - 1 :: cells // 40]

        extrapolated = (4 * differences(80) - differences(40).repeat(1, 0)) / 3
        at = torch.cartesian_prod(x, times)
        u = PDES["heat"].reference(values, at).reshape(len(x), len(times))
        assert np.abs(u.numpy() - extrapolated).max() < 2e-5

    def test_convergence_is_spectral_in_space(self) -> None:
        values, at = draws(PDES["heat"], 2, "shape"), points(100)
        ends = values["left"], values["right"], values["start"]
        fine = solve_dirichlet(*ends, at, diffusivity=0.1, degree=96, slabs=8)
        errors = [relative(solve_dirichlet(*ends, at, diffusivity=0.1, degree=n, slabs=8), fine) for n in (6, 12, 24)]
        assert errors[1] < 0.05 * errors[0]
        assert errors[2] < 1e-3 * errors[1]


def test_solving_in_inference_mode_first_spoils_no_gradient() -> None:
    """Bases are cached; one that was made in inference mode must still be differentiable through later."""
    at, process = points(5), families.GaussianProcess(length=0.31)

    def solve(coefficients: Tensor) -> Tensor:
        return solve_dirichlet(
            lambda s: process.evaluate(coefficients, s[:, None])[None], zero, zero, at, diffusivity=0.1, degree=19, slabs=2
        )

    with torch.inference_mode():
        solve(torch.ones(10).double())
    coefficients = torch.ones(10, dtype=torch.float64, requires_grad=True)
    solve(coefficients).sum().backward()
    assert coefficients.grad is not None


class TestBurgers:
    def test_travelling_wave(self) -> None:
        """u = c - a tanh(a (x - x0 - c t) / 2ν), with both ends moving."""
        at = points(200)
        x, t = at.unbind(-1)

        def exact(x: Tensor, t: Tensor) -> Tensor:
            return 0.4 - 0.8 * (0.8 * (x - 0.3 - 0.4 * t) / 0.1).tanh()

        u = solve_dirichlet(
            lambda s: row(exact(torch.zeros_like(s), s)),
            lambda s: row(exact(torch.ones_like(s), s)),
            lambda s: row(exact(s, torch.zeros_like(s))),
            at,
            diffusivity=0.05,
            nonlinearity=lambda u, u_x: -u * u_x,
            slabs=40,
        )
        torch.testing.assert_close(u[0], exact(x, t), atol=1e-7, rtol=0)

    def test_cole_hopf(self) -> None:
        """With zero ends u = -2ν φ_x / φ, where φ solves the heat equation with insulated ends."""
        pde = PDES["burgers"]
        values = draws(pde, 3)
        values = BoundaryValues(values.ensemble, values.coefficients * torch.tensor([0.0] * 6 + [1.0] * 5))
        c = values.coefficients[:, 6:].numpy()
        at = points(150)
        x, t = at.numpy().T
        s = (np.arange(2000) + 0.5) / 2000
        k, n = np.arange(1, 6), np.arange(120)
        potential = (c / (np.pi * k)) @ (1 - np.cos(np.pi * k[:, None] * s))
        phi = np.exp(-potential / 0.1)
        a = np.where(n == 0, 1, 2) * (phi @ np.cos(np.pi * n * s[:, None])) / len(s)
        decay = np.exp(-0.05 * (np.pi * n) ** 2 * t[:, None])
        value = a @ (np.cos(np.pi * n * x[:, None]) * decay).T
        slope = a @ (-np.pi * n * np.sin(np.pi * n * x[:, None]) * decay).T
        assert relative(pde.reference(values, at), torch.from_numpy(-0.1 * slope / value)) < 1e-7

    def test_order_of_convergence_in_time(self) -> None:
        values, at = draws(PDES["burgers"], 1), points(60)
        ends = values["left"], values["right"], values["start"]

        def solve(slabs: int, order: int) -> Tensor:
            return solve_dirichlet(
                *ends, at, diffusivity=0.05, nonlinearity=lambda u, u_x: -u * u_x, degree=32, slabs=slabs, order=order
            )

        fine = solve(128, 6)
        coarse, middle = (relative(solve(slabs, 3), fine) for slabs in (32, 64))
        assert math.log2(coarse / middle) > 2.5

    @pytest.mark.parametrize("shift", ["amplitude", "shape"])
    def test_refinement(self, shift: str) -> None:
        pde, at = PDES["burgers"], points(40)
        values = draws(pde, 2, shift)
        fine = solve_dirichlet(
            values["left"],
            values["right"],
            values["start"],
            at,
            diffusivity=0.05,
            nonlinearity=lambda u, u_x: -u * u_x,
            degree=104,
            slabs=100,
            order=7,
        )
        assert relative(pde.reference(values, at), fine) < 1e-6


class TestAllenCahn:
    def test_uniform_data_follow_the_ordinary_differential_equation(self) -> None:
        """Without variation in x: u = u0 exp(2t) / √(1 + u0² (exp(4t) - 1))."""
        pde, at = PDES["allen_cahn"], points(50)
        ensemble = pde.ensemble()
        start = torch.tensor([0.1, -0.7, 1.6], dtype=torch.float64)[:, None]
        values = BoundaryValues(ensemble, torch.cat((start, torch.zeros((3, ensemble.size - 1)).double()), 1))
        t = at[:, 1]
        exact = start * (2 * t).exp() / (1 + start**2 * ((4 * t).exp() - 1)).sqrt()
        assert relative(pde.reference(values, at), exact) < 1e-9

    @pytest.mark.parametrize("shift", ["none", "modes"])
    def test_against_an_adaptive_solver(self, shift: str) -> None:
        """A second method: derivatives by fast Fourier transform, an explicit Runge-Kutta solver of order 8 in t."""
        pde, count = PDES["allen_cahn"], 128
        values = draws(pde, 1, shift)
        grid = torch.arange(count, dtype=torch.float64) / count
        squares = (2 * np.pi * np.fft.rfftfreq(count, 1 / count)) ** 2

        def slope(_: float, u: np.ndarray) -> np.ndarray:
            return np.asarray(np.fft.irfft(-0.01 * squares * np.fft.rfft(u), count) + 2 * (u - u**3))

        times = np.array([0.01, 0.3, 1.0])
        u = solve_ivp(slope, (0, 1), values["start"](grid)[0].numpy(), "DOP853", times, rtol=1e-10, atol=1e-11).y
        at = torch.cartesian_prod(grid, torch.from_numpy(times))
        assert relative(pde.reference(values, at), torch.from_numpy(u.reshape(1, -1))) < 1e-6

    def test_basis_is_orthonormal(self) -> None:
        basis = real_fourier(torch.arange(9, dtype=torch.float64) / 9, 4)
        torch.testing.assert_close(basis.T @ basis / 9, torch.eye(9, dtype=torch.float64), atol=1e-14, rtol=0)

    def test_linear_reaction_closed_form(self) -> None:
        at = points(40)
        x, t = at.unbind(-1)
        u = solve_periodic(
            lambda s: row((4 * math.pi * s).sin()), at, diffusivity=0.02, nonlinearity=lambda u: 0.5 * u, modes=4, slabs=4
        )
        exact = ((0.5 - 0.02 * (4 * math.pi) ** 2) * t).exp() * (4 * math.pi * x).sin()
        torch.testing.assert_close(u[0], exact, atol=1e-7, rtol=0)


class TestPoisson:
    @pytest.mark.parametrize(
        "harmonic",
        [
            lambda x, y: 1 + x - 2 * y + 3 * x * y,
            lambda x, y: x**4 - 6 * x**2 * y**2 + y**4,
            lambda x, y: (3 * x).exp() * (3 * y).cos() / 10,
        ],
    )
    def test_harmonic_functions_are_reproduced(self, harmonic) -> None:  # type: ignore[no-untyped-def]
        at = 0.05 + 0.9 * points(200)
        edges = {
            "left": lambda s: row(harmonic(torch.zeros_like(s), s)),
            "right": lambda s: row(harmonic(torch.ones_like(s), s)),
            "bottom": lambda s: row(harmonic(s, torch.zeros_like(s))),
            "top": lambda s: row(harmonic(s, torch.ones_like(s))),
        }
        torch.testing.assert_close(laplace_on_square(edges, at)[0], harmonic(*at.unbind(-1)), atol=2e-7, rtol=0)

    def test_against_finite_differences(self) -> None:
        """A second method: the five-point stencil with its sine eigenvectors on two grids, extrapolated."""
        pde = PDES["poisson"]
        values = draws(pde, 2, "shape")
        coarse = torch.linspace(0, 1, 33, dtype=torch.float64)[1:-1]

        def differences(cells: int) -> Tensor:
            inner = torch.linspace(0, 1, cells + 1, dtype=torch.float64)[1:-1]
            wave = (math.pi * cells * torch.outer(inner, inner)).sin() * math.sqrt(2 / cells)
            square = (2 * cells * (math.pi * inner / 2).sin()) ** 2
            right = 10 * torch.outer((math.pi * inner).sin(), (math.pi * inner).sin()).repeat(2, 1, 1)
            for name, place in {"left": (0, slice(None)), "right": (-1, slice(None))}.items():
                right[:, place[0], place[1]] += values[name](inner) * cells**2
            for name, place in {"bottom": (slice(None), 0), "top": (slice(None), -1)}.items():
                right[:, place[0], place[1]] += values[name](inner) * cells**2
            u = wave @ ((wave @ right @ wave) / (square[:, None] + square)) @ wave
            step = cells // 32
            return u[:, step - 1 :: step, step - 1 :: step].flatten(1)

        extrapolated = (4 * differences(256) - differences(128)) / 3
        assert relative(pde.reference(values, torch.cartesian_prod(coarse, coarse)), extrapolated) < 1e-4

    def test_sine_coefficients_of_a_parabola(self) -> None:
        k = torch.arange(1, 65, dtype=torch.float64)
        exact = torch.where(k % 2 == 1, 8 / (math.pi * k) ** 3, 0.0)
        torch.testing.assert_close(sine_coefficients(lambda s: row(s * (1 - s)), 64)[0], exact, atol=1e-15, rtol=1e-10)


def test_advection_follows_characteristics() -> None:
    pde = PDES["advection"]
    values, at = draws(pde, 3, "modes"), points(50)
    foot = torch.stack(((at[:, 0] - 0.5 * at[:, 1]) % 1, torch.zeros(50).double()), -1)
    assert relative(pde.reference(values, at), pde.reference(values, foot)) < 1e-12
    turned = torch.tensor([[0.9, 0.4]], dtype=torch.float64)
    torch.testing.assert_close(pde.reference(values, turned), values["start"](torch.tensor([0.7], dtype=torch.float64)))


@pytest.mark.parametrize("name", PDES)
def test_a_batch_is_solved_as_its_members_are(name: str) -> None:
    pde, at = PDES[name], inside(PDES[name], 20)
    values = draws(pde, 3)
    together = pde.reference(values, at)
    assert together.shape == ((3, 20) if pde.output_count == 1 else (3, 20, pde.output_count))
    assert together.dtype == torch.float64
    alone = pde.reference(BoundaryValues(values.ensemble, values.coefficients[1:2]), at)
    assert relative(together[1:2], alone) < 1e-7


@pytest.mark.parametrize("name", [n for n, p in PDES.items() if p.stand_in is not None])
def test_stand_ins_are_close_and_differentiable(name: str) -> None:
    pde, at = PDES[name], inside(PDES[name], 40)
    assert pde.stand_in is not None
    values = draws(pde, 2)
    assert relative(pde.stand_in(values, at), pde.reference(values, at)) < 0.2
    coefficients = values.coefficients.clone().requires_grad_()
    weights = torch.randn((2, 40 * pde.output_count), generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def answer(c: Tensor) -> Tensor:
        assert pde.stand_in is not None
        return (weights * pde.stand_in(BoundaryValues(values.ensemble, c), at).flatten(1)).sum()

    (gradient,) = torch.autograd.grad(answer(coefficients), coefficients)
    direction = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with torch.no_grad():
        step = 1e-4 * direction
        difference = (answer(values.coefficients + step) - answer(values.coefficients - step)) / 2e-4
    # the fixed-point iteration of a stand-in stops at 1e-4, for values and derivatives alike
    assert float((gradient * direction).sum()) == pytest.approx(float(difference), rel=2e-3)
