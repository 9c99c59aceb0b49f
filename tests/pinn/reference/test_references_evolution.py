"""References of evolution equations: exact solutions, orders of convergence and second, independent methods."""

import inspect
import math
import re

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from pinndd import PDE, BoundaryValues
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.reference import solve_dispersive, solve_interval, vibrating_beam, vibrating_string
from pinndd.pinn.reference.exponential import integrate, kernel_integrals, slab_boundaries
from pinndd.pinn.reference.interval import SLOPE, VALUE, collocation

NAMES = ("wave", "fisher_kpp", "convection_diffusion", "kdv", "beam", "schrodinger")
PDES = {name: load_pde(name) for name in NAMES}


def points(count: int, seed: int = 0) -> Tensor:
    return torch.rand((count, 2), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


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


class TestOscillatingRates:
    @pytest.mark.parametrize("rate", [-3j, 0.5 + 40j, -2e3j])
    def test_kernel_integrals_of_waves(self, rate: complex) -> None:
        """With all nodes' weights summed the integral is (1 - exp(-r τ)) / r, however fast the wave."""
        rates, times = torch.tensor([rate], dtype=torch.complex128), torch.tensor([0.05, 0.2], dtype=torch.float64)
        total = kernel_integrals(rates, 0.2, times, 5).sum(1)
        torch.testing.assert_close(total, (1 - (-rates * times[:, None]).exp()) / rates, atol=1e-14, rtol=1e-12)

    def test_order_of_convergence(self) -> None:
        """y' = -3i y + 3i y² has the solution 1 / (1 + (1/y0 - 1) exp(3i t))."""
        rates, start = torch.tensor([3j], dtype=torch.complex128), torch.tensor([[0.2 + 0.1j]], dtype=torch.complex128)
        at = torch.linspace(0, 1, 37, dtype=torch.float64)
        exact = 1 / (1 + (1 / start[0] - 1) * (3j * at).exp())
        errors = []
        for slabs in (8, 16, 32):
            trajectory = integrate(rates, lambda _, y: 3j * y**2, start, slab_boundaries(1.0, slabs), order=4)
            found = trajectory.project(at, torch.ones((37, 1), dtype=torch.complex128))[0]
            errors.append(float((found - exact).abs().max()))
        assert math.log2(errors[0] / errors[1]) > 3.5
        assert math.log2(errors[1] / errors[2]) > 3.5


class TestInterval:
    @pytest.mark.parametrize(
        ("ends", "wanted"),
        [
            ((SLOPE, SLOPE), [(k * math.pi) ** 2 for k in range(12)]),
            ((VALUE, SLOPE), [((k + 0.5) * math.pi) ** 2 for k in range(12)]),
            ((SLOPE, VALUE), [((k + 0.5) * math.pi) ** 2 for k in range(12)]),
        ],
    )
    def test_eigenvalues_are_those_of_the_second_derivative(self, ends, wanted) -> None:  # type: ignore[no-untyped-def]
        found = collocation(48, *ends).squares[:12]
        torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64), atol=1e-9, rtol=1e-10)

    def test_eigenvalues_with_robin_ends(self) -> None:
        """With u + b du/dn = 0 at both ends, λ² is an eigenvalue where 2bλ = (b²λ² - 1) tan λ."""
        b = 0.3
        squares = collocation(48, (1.0, b), (1.0, b)).squares[:12]
        roots = squares.sqrt()
        gap = 2 * b * roots * roots.cos() - (b**2 * squares - 1) * roots.sin()
        assert float((gap / squares).abs().max()) < 1e-10

    @pytest.mark.parametrize("ends", [((0.0, 1.0), (0.0, 1.0)), ((1.0, 0.2), (1.0, 0.0)), ((2.0, 0.5), (0.7, 1.3))])
    def test_closed_form_with_moving_ends(self, ends) -> None:  # type: ignore[no-untyped-def]
        """u = exp(-0.4 t) cos 2x + x² + 0.2 t solves the heat equation with diffusivity 0.1."""
        at = points(200)
        x, t = at.unbind(-1)

        def exact(x: Tensor, t: Tensor) -> Tensor:
            return (-0.4 * t).exp() * (2 * x).cos() + x**2 + 0.2 * t

        def slope(x: float, t: Tensor) -> Tensor:
            return -2 * (-0.4 * t).exp() * math.sin(2 * x) + 2 * x

        (a, b), (c, d) = ends
        u = solve_interval(
            lambda s: row(a * exact(torch.zeros_like(s), s) - b * slope(0.0, s)),
            lambda s: row(c * exact(torch.ones_like(s), s) + d * slope(1.0, s)),
            lambda s: row(exact(s, torch.zeros_like(s))),
            at,
            diffusivity=0.1,
            ends=ends,
            degree=24,
            slabs=8,
            order=6,
        )
        torch.testing.assert_close(u[0], exact(x, t), atol=1e-10, rtol=0)

    def test_steady_convection_with_robin_inflow(self) -> None:
        """u - ε u_x = 1 at x = 0 and u(1) = 0: u = 1 - exp((x - 1) / ε), a layer at the outlet that stands still."""
        at, epsilon = points(200), 0.05

        def steady(x: Tensor) -> Tensor:
            return row(1 - ((x - 1) / epsilon).exp())

        u = solve_interval(
            lambda s: row(torch.ones_like(s)),
            zero,
            steady,
            at,
            diffusivity=0.1,
            ends=((1.0, epsilon), VALUE),
            nonlinearity=lambda u, u_x: -2 * u_x,
            degree=48,
            slabs=40,
            order=6,
        )
        torch.testing.assert_close(u, steady(at[:, 0]), atol=1e-9, rtol=0)

    def test_convergence_is_spectral_in_space(self) -> None:
        pde, at = PDES["convection_diffusion"], points(80)
        values = draws(pde, 2)
        data = values["inflow"], values["outlet"], values["start"]

        def solve(degree: int) -> Tensor:
            return solve_interval(
                *data,
                at,
                diffusivity=0.1,
                ends=((1.0, 0.05), VALUE),
                nonlinearity=lambda u, u_x: -2 * u_x,
                degree=degree,
                slabs=40,
                order=5,
            )

        fine = solve(64)
        errors = [relative(solve(degree), fine) for degree in (10, 20, 40)]
        assert errors[1] < 0.05 * errors[0]
        assert errors[2] < 1e-2 * errors[1]


class TestFisherKPP:
    def test_uniform_data_follow_the_logistic_equation(self) -> None:
        pde, at = PDES["fisher_kpp"], points(50)
        ensemble = pde.ensemble()
        level = torch.tensor([0.1, -0.3, 0.7], dtype=torch.float64)[:, None]
        coefficients = torch.zeros((3, ensemble.size), dtype=torch.float64)
        coefficients[:, ensemble.slices["start"].start] = level[:, 0]
        density = 1 / (1 + (1 / (0.5 + level) - 1) * (-2 * at[:, 1]).exp())
        assert relative(pde.reference(BoundaryValues(ensemble, coefficients), at), density - 0.5) < 1e-9

    def test_against_finite_differences(self) -> None:
        """A second method: second-order differences with ghost cells, an adaptive stiff solver, Richardson extrapolation."""
        pde = PDES["fisher_kpp"]
        values = draws(pde, 1, "amplitude")
        times = torch.linspace(0.2, 1, 5, dtype=torch.float64)

        def differences(cells: int) -> np.ndarray:
            x = torch.linspace(0, 1, cells + 1, dtype=torch.float64)

            def slope(t: float, u: np.ndarray) -> np.ndarray:
                now = torch.tensor([t], dtype=torch.float64)
                left, right = (2 / cells * float(values[name](now)) for name in ("left", "right"))
                padded = np.concatenate(([u[1] + left], u, [u[-2] + right]))
                second = (padded[2:] - 2 * u + padded[:-2]) * cells**2
                return np.asarray(0.05 * second + 2 * (0.25 - u**2))

            solution = solve_ivp(slope, (0, 1), values["start"](x)[0].numpy(), "LSODA", times.numpy(), rtol=1e-9, atol=1e-11)
            return np.asarray(solution.y)[:: cells // 40]

        extrapolated = (4 * differences(80) - differences(40)) / 3
        at = torch.cartesian_prod(torch.linspace(0, 1, 41, dtype=torch.float64), times)
        u = pde.reference(values, at).reshape(41, 5)
        assert np.abs(u.numpy() - extrapolated).max() < 2e-6

    def test_no_draw_blows_up(self) -> None:
        """Densities far below zero would run away; the families stay clear of them, under every shift."""
        pde = PDES["fisher_kpp"]
        end = torch.cartesian_prod(torch.linspace(0, 1, 11, dtype=torch.float64), torch.ones(1, dtype=torch.float64))
        for shift in ("none", *pde.shifts):
            assert pde.stand_in is not None
            assert float(pde.stand_in(draws(pde, 1000, shift), end).abs().max()) < 0.8


class TestWave:
    def test_d_alembert(self) -> None:
        """A second formula: the mean of two travelling odd continuations, plus the velocity integrated between them."""
        pde, at = PDES["wave"], points(100)
        values = draws(pde, 3, "frequency")
        x, t = at.unbind(-1)
        start, velocity = (values.coefficients[:, pde.ensemble().slices[n]] for n in ("start", "velocity"))
        k = math.pi * torch.arange(1, 4, dtype=torch.float64)

        def profile(s: Tensor) -> Tensor:
            return start @ (k[:, None] * s).sin()

        def integral(s: Tensor) -> Tensor:
            return -(velocity / k) @ (k[:, None] * s).cos()

        exact = (profile(x - t) + profile(x + t) + integral(x + t) - integral(x - t)) / 2
        assert relative(pde.reference(values, at), exact) < 1e-12

    def test_a_pluck_travels_both_ways(self) -> None:
        """A bump far from the ends splits into two halves."""
        x, t = torch.linspace(0, 1, 81, dtype=torch.float64), torch.full((81,), 0.2, dtype=torch.float64)

        def bump(s: Tensor) -> Tensor:
            return row((-((s - 0.5) ** 2) / (2 * 0.04**2)).exp())

        u = vibrating_string(bump, zero, torch.stack((x, t), -1), speed=1.0)
        torch.testing.assert_close(u, (bump(x - 0.2) + bump(x + 0.2)) / 2, atol=1e-10, rtol=0)

    def test_series_of_a_parabola_converges_with_third_order(self) -> None:
        """The velocity s (1 - s) has sine coefficients of order k^-3, which time divides once more."""
        at = points(60)

        def solve(modes: int) -> Tensor:
            return vibrating_string(zero, lambda s: row(s * (1 - s)), at, speed=1.0, modes=modes)

        fine = solve(1024)
        errors = [float((solve(modes) - fine).abs().max()) for modes in (8, 32)]
        assert math.log(errors[0] / errors[1], 4) > 2.5


class TestBeam:
    def test_manufactured_moments(self) -> None:
        """u = sin(kπx) cos ωt + a polynomial in x and t that solves the equation and bends the ends."""
        at, stiffness, k = points(150), 0.02, 2 * math.pi
        omega = math.sqrt(stiffness) * k**2

        def exact(x: Tensor, t: Tensor) -> Tensor:
            # q = t² p(x) + r(x) with p'''' = 0, stiffness r'''' = -2 p, and no displacement at the ends
            p, r = x**3 - x, (x**7 / 840 - x**5 / 120 + 7 * x**3 / 360 - 31 * x / 2520) * -2 / stiffness
            return t**2 * p + r + (k * x).sin() * (omega * t).cos()

        def right(t: Tensor) -> Tensor:
            return row(6 * t**2)

        u = vibrating_beam(
            lambda s: row(exact(s, torch.zeros_like(s))), zero, (zero, right), at, stiffness=stiffness, modes=96
        )
        torch.testing.assert_close(u[0], exact(*at.unbind(-1)), atol=2e-7, rtol=0)

    def test_against_finite_differences(self) -> None:
        """A second method: differences of second order in x, an adaptive Runge-Kutta method, Richardson extrapolation."""
        pde = PDES["beam"]
        values = draws(pde, 1)
        times = torch.tensor([0.3, 0.7, 1.0], dtype=torch.float64)
        stiffness = 0.005

        def differences(cells: int) -> np.ndarray:
            inner = torch.linspace(0, 1, cells + 1, dtype=torch.float64)[1:-1]

            def slope(t: float, state: np.ndarray) -> np.ndarray:
                u, u_t = np.split(state, 2)
                now = torch.tensor([t], dtype=torch.float64)
                left, right = (float(values[f"{side}-moment"](now)) / 0.05 for side in ("left", "right"))
                padded = np.concatenate(([0.0], u, [0.0]))
                bending = np.concatenate(([left], np.diff(padded, 2) * cells**2, [right]))
                return np.concatenate((u_t, -stiffness * np.diff(bending, 2) * cells**2))

            start = torch.cat((values["start"](inner)[0], values["velocity"](inner)[0])).numpy()
            solution = solve_ivp(slope, (0, 1), start, "DOP853", times.numpy(), rtol=1e-8, atol=1e-10)
            return np.asarray(solution.y)[: cells - 1][cells // 20 - 1 :: cells // 20]

        extrapolated = (4 * differences(40) - differences(20)) / 3
        at = torch.cartesian_prod(torch.linspace(0, 1, 21, dtype=torch.float64)[1:-1], times)
        u = pde.reference(values, at).reshape(19, 3)
        assert np.abs(u.numpy() - extrapolated).max() < 2e-3 * float(u.abs().max())

    def test_converges_in_modes(self) -> None:
        values, at = draws(PDES["beam"], 2, "pulse"), points(60)
        data = values["start"], values["velocity"], (values["left-moment"], values["right-moment"])
        fine = vibrating_beam(*data, at, stiffness=0.005, modes=96, slabs=64)
        errors = [relative(vibrating_beam(*data, at, stiffness=0.005, modes=modes), fine) for modes in (6, 12, 24)]
        assert errors[1] < errors[0] / 8
        assert errors[2] < errors[1] / 8


def korteweg_de_vries(start, at: Tensor, **settings) -> Tensor:  # type: ignore[no-untyped-def]
    """Solve ``u_t + 6 u u_x + u_xxx = 0`` on a ring of length 20."""
    return solve_dispersive(
        start,
        at,
        symbol=lambda k: 1j * k**3,
        nonlinearity=lambda u: -3 * u**2,
        multiplier=lambda k: 1j * k,
        interval=(0.0, 20.0),
        **settings,
    ).real


class TestKortewegDeVries:
    at = points(200) * torch.tensor([20.0, 1.0], dtype=torch.float64)

    @staticmethod
    def soliton(x: Tensor, t: Tensor) -> Tensor:
        """Speed 4, centred on 7 at first: 2 sech²(x - 7 - 4t)."""
        return 2 / (x - 7 - 4 * t).cosh() ** 2

    def start(self, s: Tensor) -> Tensor:
        return row(self.soliton(20 * s, torch.zeros_like(s)))

    def test_soliton_keeps_its_shape(self) -> None:
        u = korteweg_de_vries(self.start, self.at, modes=63, slabs=64, order=6)
        # exp(-2 · 7), the tails that meet on the far side of the ring, is all that is missing
        torch.testing.assert_close(u[0], self.soliton(*self.at.unbind(-1)), atol=2e-5, rtol=0)

    def test_order_of_convergence_in_time(self) -> None:
        def solve(slabs: int, order: int) -> Tensor:
            return korteweg_de_vries(self.start, self.at, modes=31, slabs=slabs, order=order, tolerance=1e-11)

        fine = solve(128, 5)
        errors = [relative(solve(slabs, 3), fine) for slabs in (32, 64)]
        assert math.log2(errors[0] / errors[1]) > 2.5

    def test_convergence_is_spectral_in_space(self) -> None:
        fine = korteweg_de_vries(self.start, self.at, modes=63)
        errors = [relative(korteweg_de_vries(self.start, self.at, modes=modes), fine) for modes in (11, 23, 47)]
        assert errors[1] < 0.1 * errors[0]
        assert errors[2] < 0.01 * errors[1]

    @pytest.mark.parametrize("shift", ["none", "bump"])
    def test_invariants(self, shift: str) -> None:
        """Mass, momentum and energy ``∫ u``, ``∫ u²`` and ``∫ u³ - u_x² / 40`` stay as they are."""
        pde, count = PDES["kdv"], 128
        x = (torch.arange(count, dtype=torch.float64) / count - 0.5) * 2 * math.pi
        times = torch.tensor([0.0, 1.0], dtype=torch.float64)
        u = pde.reference(draws(pde, 3, shift), torch.cartesian_prod(x, times)).reshape(3, count, 2)
        wave = 1j * torch.fft.fftfreq(count, 1 / count, dtype=torch.float64)[:, None]
        u_x = torch.fft.ifft(wave * torch.fft.fft(u, dim=1), dim=1).real
        for quantity in (u, u**2, u**3 - u_x**2 / 40):
            before, after = quantity.mean(1).unbind(-1)
            torch.testing.assert_close(after, before, atol=1e-7, rtol=1e-5)

    def test_against_an_adaptive_solver(self) -> None:
        """A second method: an integrating factor and a Runge-Kutta method of order 8, products on the grid itself."""
        pde, count = PDES["kdv"], 96
        values = draws(pde, 1, "amplitude")
        place = torch.arange(count, dtype=torch.float64) / count
        k = np.fft.rfftfreq(count, 1 / count)

        def slope(t: float, state: np.ndarray) -> np.ndarray:
            turn = np.exp(0.05j * k**3 * t)
            u = np.fft.irfft(state.view(complex) * turn, count)
            return np.asarray(-3j * k * np.fft.rfft(u**2) / turn).view(float)

        start = np.fft.rfft(values["start"](place)[0].numpy()).view(float)
        # wave zero up to the middle one starts at x = -π, as the local coordinate does
        last = solve_ivp(slope, (0, 1), start, "DOP853", [1.0], rtol=1e-9, atol=1e-11).y[:, 0].copy().view(complex)
        u = np.fft.irfft(last * np.exp(0.05j * k**3), count)
        at = torch.stack(((place - 0.5) * 2 * math.pi, torch.ones(count, dtype=torch.float64)), -1)
        assert relative(pde.reference(values, at), torch.from_numpy(u)[None]) < 1e-5


class TestSchrodinger:
    def test_plane_waves(self) -> None:
        """ψ = A exp(i (k x - ω t)) with ω = k² / 2 - A²."""
        pde = PDES["schrodinger"]
        at = pde.box.scale(points(100))
        x, t = at.unbind(-1)
        ensemble = pde.ensemble()
        coefficients = torch.zeros((1, ensemble.size), dtype=torch.float64)
        # A cos(k x) in the real part, A sin(k x) in the imaginary one; x = 2π s - π turns both signs for k = 1
        real, imaginary = (ensemble.slices[n].start for n in ("real", "imaginary"))
        coefficients[0, real + 1], coefficients[0, imaginary + 2] = -0.8, -0.8
        phase = x - (0.5 - 0.64) * t
        exact = 0.8 * torch.stack((phase.cos(), phase.sin()), -1)[None]
        assert relative(pde.reference(BoundaryValues(ensemble, coefficients), at), exact) < 1e-8

    def test_soliton(self) -> None:
        """sech(x - v t) exp(i (v x + (1 - v²) t / 2)) on a ring of length 24, where v is twice a wave number."""
        length, v = 24.0, 4 * math.pi / 24
        at = points(150) * torch.tensor([length, 1.0], dtype=torch.float64)

        def wave(x: Tensor, t: Tensor) -> Tensor:
            return torch.polar(1 / (x - 11 - v * t).cosh(), v * x + (1 - v**2) * t / 2)

        psi = solve_dispersive(
            lambda s: row(wave(length * s, torch.zeros_like(s))),
            at,
            symbol=lambda k: -0.5j * k**2,
            nonlinearity=lambda psi: psi.abs().square() * psi,
            multiplier=lambda k: 1j * torch.ones_like(k),
            interval=(0.0, length),
            modes=47,
        )
        torch.testing.assert_close(psi[0], wave(*at.unbind(-1)), atol=3e-5, rtol=0)

    def test_against_split_steps(self) -> None:
        """A second method: Strang splitting, whose error falls with the square of the step; extrapolated."""
        pde, count = PDES["schrodinger"], 128
        values = draws(pde, 2, "frequency")
        place = torch.arange(count, dtype=torch.float64) / count
        squares = torch.fft.fftfreq(count, 1 / count, dtype=torch.float64) ** 2

        def split(steps: int) -> Tensor:
            psi = torch.complex(values["real"](place), values["imaginary"](place))
            half = torch.polar(torch.ones_like(squares), -squares / (4 * steps))
            for _ in range(steps):
                psi = torch.fft.ifft(half * torch.fft.fft(psi))
                psi = psi * torch.polar(torch.ones_like(psi.real), psi.abs().square() / steps)
                psi = torch.fft.ifft(half * torch.fft.fft(psi))
            return psi

        coarse, middle, fine = (split(steps) for steps in (100, 200, 400))
        assert math.log2(float((coarse - middle).norm() / (middle - fine).norm())) == pytest.approx(2, abs=0.1)
        at = torch.stack(((place - 0.5) * 2 * math.pi, torch.ones(count, dtype=torch.float64)), -1)
        found = torch.view_as_complex(pde.reference(values, at).contiguous())
        assert relative(found, (4 * fine - middle) / 3) < 1e-5


class TestEveryModule:
    @pytest.mark.parametrize("name", NAMES)
    def test_a_batch_is_solved_as_its_members_are(self, name: str) -> None:
        pde = PDES[name]
        at, values = pde.box.scale(points(20)), draws(pde, 3)
        together = pde.reference(values, at)
        assert together.shape == ((3, 20) if pde.output_count == 1 else (3, 20, pde.output_count))
        assert together.dtype == torch.float64
        alone = pde.reference(BoundaryValues(values.ensemble, values.coefficients[1:2]), at)
        assert relative(together[1:2], alone) < 1e-7

    @pytest.mark.parametrize("name", NAMES)
    def test_values_are_met(self, name: str) -> None:
        """Conditions on u itself, in training and under every shift; `check_pde` tests those on derivatives."""
        pde = PDES[name]
        for shift in ("none", *pde.shifts):
            values = draws(pde, 3, shift)
            for condition in pde.valued:
                if not condition.gives_value:
                    continue
                s = points(10)[:, :1]
                u = pde.reference(values, pde.patches[condition.name].points(s)).reshape(3, 10, -1)[..., condition.component]
                torch.testing.assert_close(u, values[condition.name](s), atol=2e-5, rtol=0)

    @pytest.mark.parametrize("name", [n for n in NAMES if PDES[n].stand_in is not None])
    def test_stand_ins_are_close_and_differentiable(self, name: str) -> None:
        pde = PDES[name]
        assert pde.stand_in is not None
        at, values = pde.box.scale(points(40)), draws(pde, 2)
        assert relative(pde.stand_in(values, at), pde.reference(values, at)) < 0.2
        coefficients = values.coefficients.clone().requires_grad_()
        weights = torch.randn(
            pde.stand_in(values, at).shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64
        )

        def answer(c: Tensor) -> Tensor:
            assert pde.stand_in is not None
            return (weights * pde.stand_in(BoundaryValues(values.ensemble, c), at)).sum()

        (gradient,) = torch.autograd.grad(answer(coefficients), coefficients)
        direction = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        with torch.no_grad():
            step = 1e-4 * direction
            difference = (answer(values.coefficients + step) - answer(values.coefficients - step)) / 2e-4
        # the fixed-point iteration of a stand-in stops at 1e-4, for values and derivatives alike
        assert float((gradient * direction).sum()) == pytest.approx(float(difference), rel=2e-3)

    @pytest.mark.parametrize("name", NAMES)
    def test_docstring_states_equation_conditions_shifts_reference_and_source(self, name: str) -> None:
        text = inspect.getdoc(inspect.getmodule(PDES[name].residual.__wrapped__)) or ""
        assert re.search(r"^    .* = .*,    .* < x < .*,  0 < t < 1$", text, re.MULTILINE)
        for condition in PDES[name].valued:
            assert re.search(rf"\b{condition.name}\b", text), condition.name
        for shift in PDES[name].shifts:
            assert f"``{shift}``" in text
        reference = text.partition("\nReference: ")[2]
        assert re.search(r"\b(19|20)\d\d\b", reference)
