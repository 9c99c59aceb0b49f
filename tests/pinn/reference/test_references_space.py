"""References in two space dimensions against closed forms, orders of convergence and second, independent methods."""

import math
import sys
from itertools import pairwise
from typing import Any

import deepxde as dde
import numpy as np
import pytest
import torch
from scipy.sparse.linalg import spsolve
from torch import Tensor

from pinndd import PDE, BoundaryValues
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.geometry.domain import domain_from
from pinndd.pinn.geometry.places import boundary_patch
from pinndd.pinn.reference import (
    LinearProblem,
    graded_mesh,
    heat_on_square,
    helmholtz_on_square,
    laplace_on_disk,
    laplace_on_square,
    solve_cavity,
    solve_dirichlet,
)
from pinndd.pinn.reference.cavity import _newton as newton
from pinndd.pinn.reference.cavity import cavity_basis, clamped_legendre

NAMES = ["laplace_disk", "helmholtz", "darcy", "cavity", "elasticity", "heat_2d"]
PDES = {name: load_pde(name) for name in NAMES}
EDGES = {"left": {"x": 0}, "right": {"x": 1}, "bottom": {"y": 0}, "top": {"y": 1}}


def points(count: int, dimension: int = 2) -> Tensor:
    return torch.rand((count, dimension), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def draws(pde: PDE, count: int, shift: str = "none") -> BoundaryValues:
    ensemble = pde.ensemble(shift)
    return BoundaryValues(ensemble, ensemble.sample(count, torch.Generator().manual_seed(1)))


def relative(u: Tensor, v: Tensor) -> float:
    u, v = u.flatten(1), v.flatten(1)
    return float(((u - v).norm(dim=1) / v.norm(dim=1)).max())


def on_edges(function: Any) -> dict[str, Any]:
    """A function of x, y as values of the four edges of the unit square, a batch of one."""
    return {
        "left": lambda s: function(torch.zeros_like(s), s)[None],
        "right": lambda s: function(torch.ones_like(s), s)[None],
        "bottom": lambda s: function(s, torch.zeros_like(s))[None],
        "top": lambda s: function(s, torch.ones_like(s))[None],
    }


class TestHelmholtz:
    @pytest.mark.parametrize("wave_number", [2.0, math.pi, 8.0, 20.0])
    def test_plane_waves_are_reproduced(self, wave_number: float) -> None:
        """At wave number π the lowest mode neither decays nor oscillates away from its edge."""
        a = 0.6 * wave_number
        b = math.sqrt(wave_number**2 - a**2)

        def wave(x: Tensor, y: Tensor) -> Tensor:
            return (a * x + b * y + 0.3).sin() + (a * y - b * x).cos()

        at = 0.05 + 0.9 * points(200)
        u = helmholtz_on_square(on_edges(wave), at, wave_number=wave_number)
        torch.testing.assert_close(u[0], wave(*at.unbind(-1)), atol=1e-5, rtol=0)

    def test_the_error_falls_with_the_third_power_of_the_number_of_modes_on_the_boundary(self) -> None:
        """Edges that bend at a corner have sine coefficients like k^-3; their tail, at a point of the edge, like k^-3."""

        def wave(x: Tensor, y: Tensor) -> Tensor:
            return (3 * x + 4 * y + 0.3).sin()

        at = torch.stack((torch.linspace(0.2, 0.8, 61).double(), torch.zeros(61).double()), -1)
        errors = []
        for modes in (16, 32, 64):
            u = helmholtz_on_square(on_edges(wave), at, wave_number=5.0, modes=modes)
            errors.append(float((u[0] - wave(*at.unbind(-1))).square().mean().sqrt()))
        assert all(math.log2(coarse / fine) == pytest.approx(3, abs=0.3) for coarse, fine in pairwise(errors))

    def test_at_wave_number_zero_it_is_laplace(self) -> None:
        edges, at = on_edges(lambda x, y: (2 * x).exp() * (2 * y).cos()), points(50)
        still, slow = laplace_on_square(edges, at), helmholtz_on_square(edges, at, wave_number=1e-4)
        torch.testing.assert_close(still, slow, atol=1e-7, rtol=0)

    def test_a_resonance_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"resonates at π √\(1² \+ 2²\) = 7\.024815"):
            helmholtz_on_square(on_edges(torch.mul), points(3), wave_number=math.pi * math.sqrt(5))


class TestDisk:
    def test_harmonic_polynomials_are_reproduced_on_any_disk(self) -> None:
        center, radius = (0.4, -1.0), 2.5

        def harmonic(x: Tensor, y: Tensor) -> Tensor:
            return 1 + x - 2 * y + x**3 - 3 * x * y**2 + 4 * (x**3 * y - x * y**3)

        def circle(s: Tensor) -> Tensor:
            angle = 2 * math.pi * s
            return harmonic(center[0] + radius * angle.cos(), center[1] + radius * angle.sin())[None]

        at = torch.tensor(center, dtype=torch.float64) + radius * (2 * points(100) - 1) / math.sqrt(2)
        u = laplace_on_disk(circle, at, center=center, radius=radius, modes=8)
        torch.testing.assert_close(u[0], harmonic(*at.unbind(-1)), atol=1e-11, rtol=0)

    @pytest.mark.parametrize("shift", ["none", "bump", "rough"])
    def test_against_poissons_integral(self, shift: str) -> None:
        """A second method: the integral itself, by the trapezoidal rule."""
        pde = PDES["laplace_disk"]
        values, at = draws(pde, 3, shift), 0.9 * (2 * points(60) - 1) / math.sqrt(2)
        s = torch.arange(4000, dtype=torch.float64) / 4000
        circle = torch.stack(((2 * math.pi * s).cos(), (2 * math.pi * s).sin()), -1)
        kernel = (1 - at.square().sum(-1, keepdim=True)) / (at[:, None] - circle).square().sum(-1)
        assert relative(pde.reference(values, at), values["circle"](s) @ kernel.T / 4000) < 1e-6


class TestHeatOnSquare:
    def test_four_moving_edges(self) -> None:
        def exact(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
            return (-0.3 * 5 * t).exp() * (x + 2 * y + 0.2).cos() + x**2 * y + 0.6 * y * t

        edges = {
            "left": lambda s: exact(torch.zeros_like(s[:, 0]), s[:, 0], s[:, 1])[None],
            "right": lambda s: exact(torch.ones_like(s[:, 0]), s[:, 0], s[:, 1])[None],
            "bottom": lambda s: exact(s[:, 0], torch.zeros_like(s[:, 0]), s[:, 1])[None],
            "top": lambda s: exact(s[:, 0], torch.ones_like(s[:, 0]), s[:, 1])[None],
        }
        at = points(200, 3)

        def error(slabs: int, order: int) -> float:
            u = heat_on_square(
                edges,
                lambda s: exact(s[:, 0], s[:, 1], torch.zeros_like(s[:, 0]))[None],
                at,
                diffusivity=0.3,
                degree=14,
                slabs=slabs,
                order=order,
            )
            return float((u[0] - exact(*at.unbind(-1))).square().mean().sqrt())

        assert error(8, 6) < 1e-10
        errors = [error(slabs, 2) for slabs in (8, 16, 32)]
        assert all(math.log2(coarse / fine) > 1.8 for coarse, fine in pairwise(errors))

    def test_a_heated_edge_against_one_dimensional_problems(self) -> None:
        """A second method: every sine along y obeys a heat equation in x that loses heat; a factor in time takes that up."""
        pde, rate = PDES["heat_2d"], 0.05 * math.pi**2
        values, at = draws(pde, 3), points(60, 3)
        nodes = (torch.arange(64, dtype=torch.float64) + 0.5) / 64
        u = torch.zeros((3, 60), dtype=torch.float64)
        for k in (1, 2):

            def along(name: str, s: Tensor, first: bool, k: int = k) -> Tensor:
                """The k-th sine coefficient along y of condition ``name``, at the other local coordinate s."""
                pairs = torch.stack((nodes.repeat(len(s)), s.repeat_interleave(64)), -1)
                found = values[name](pairs if first else pairs.flip(-1)).unflatten(1, (len(s), 64))
                return found @ (k * math.pi * nodes).sin() / 32

            w = solve_dirichlet(
                lambda t, k=k: along("left", t, True) * (rate * k**2 * t).exp(),
                lambda t: torch.zeros((3, len(t)), dtype=torch.float64),
                lambda x: along("start", x, False),
                at[:, [0, 2]],
                diffusivity=0.05,
                degree=32,
                slabs=16,
            )
            u += w * (-rate * k**2 * at[:, 2]).exp() * (k * math.pi * at[:, 1]).sin()
        assert relative(pde.reference(values, at), u) < 1e-7

    @pytest.mark.parametrize("shift", ["pulse", "modes"])
    def test_refinement(self, shift: str) -> None:
        pde, at = PDES["heat_2d"], points(60, 3)
        values = draws(pde, 2, shift)
        fine = heat_on_square({"left": values["left"]}, values["start"], at, diffusivity=0.05, degree=36, slabs=32, order=6)
        assert relative(pde.reference(values, at), fine) < 1e-6


def lagrange(cells: Any, degree: int, *, vector: bool = False) -> Any:
    from skfem import Basis, ElementTriP2, ElementTriP4, ElementVector

    element = {2: ElementTriP2, 4: ElementTriP4}[degree]()
    return Basis(cells, ElementVector(element) if vector else element, intorder=10)


def square_mesh(cells: int) -> Any:
    from skfem import MeshTri

    grid = np.linspace(0, 1, cells + 1)
    return MeshTri.init_tensor(grid, grid)


SQUARE = domain_from(dde.geometry.Rectangle([0, 0], [1, 1]))
PATCHES = {name: boundary_patch(name, at, SQUARE) for name, at in EDGES.items()}


class TestFiniteElements:
    def test_order_of_convergence_with_a_varying_coefficient(self) -> None:
        """exp(αx) cos(βy) solves (a u_x)_x + (a u_y)_y = 0 for a = exp(x) if α² + α = β²; two edges prescribe a flux."""
        from skfem import BilinearForm
        from skfem.helpers import dot, grad

        alpha = 1.5
        beta = math.sqrt(alpha**2 + alpha)

        @BilinearForm
        def flow(u, v, w):  # type: ignore[no-untyped-def]
            return np.exp(w.x[0]) * dot(grad(u), grad(v))

        values = {
            "left": lambda s: (beta * s.T).cos(),
            "bottom": lambda s: (alpha * s.T).exp(),
            "right": lambda s: alpha * math.exp(alpha) * (beta * s.T).cos(),
            "top": lambda s: -beta * math.sin(beta) * (alpha * s.T).exp(),
        }
        at = points(300)
        exact = ((alpha * at[:, 0]).exp() * (beta * at[:, 1]).cos())[None]

        def error(cells: int, degree: int) -> float:
            basis = lagrange(square_mesh(cells), degree)
            given, natural = {"left": 0, "bottom": 0}, {"right": 0, "top": 0}
            problem = LinearProblem(basis, flow.assemble(basis), PATCHES, given, natural, lambda x, y: x.exp())
            return relative(problem.solve(values, at), exact)

        for degree in (2, 4):
            order = math.log2(error(4, degree) / error(8, degree))
            assert order == pytest.approx(degree + 1, abs=0.4)

    def test_refining_towards_a_corner_takes_its_singularity_away(self) -> None:
        """r^(2/3) sin(2θ/3) on the L-shape: halving the triangles in the corner 8 times gains what they alone lost."""
        from skfem import BilinearForm, MeshTri
        from skfem.helpers import dot, grad

        shape = domain_from(dde.geometry.Polygon([(0, 0), (-1, 0), (-1, -1), (1, -1), (1, 1), (0, 1)]))
        outline = [(0, 0), (-1, 0), (-1, -1), (1, -1), (1, 1), (0, 1), (0, 0)]
        patches = {str(k): boundary_patch(str(k), {"from": a, "to": b}, shape) for k, (a, b) in enumerate(pairwise(outline))}

        def singular(at: Tensor) -> Tensor:
            x, y = at.unbind(-1)
            angle = (math.pi / 2 - torch.atan2(y, x)) % (2 * math.pi)
            return (torch.hypot(x, y) ** (2 / 3) * (2 * angle / 3).sin())[None]

        @BilinearForm
        def laplace(u, v, w):  # type: ignore[no-untyped-def]
            return dot(grad(u), grad(v))

        values = {name: lambda s, patch=patch: singular(patch.points(s)) for name, patch in patches.items()}
        at = 2 * points(400) - 1
        at = at[shape.inside(at)]

        def error(cells: int, levels: int) -> float:
            grid = np.linspace(-1, 1, 2 * cells + 1)
            square = MeshTri.init_tensor(grid, grid)
            middle = square.p[:, square.t].mean(1)
            rest = square.remove_elements(np.flatnonzero((middle[0] < 0) & (middle[1] > 0)))
            basis = lagrange(graded_mesh(rest, [(0, 0)], levels=levels), 4)
            problem = LinearProblem(basis, laplace.assemble(basis), patches, dict.fromkeys(patches, 0), {})
            return relative(problem.solve(values, at), singular(at))

        assert math.log2(error(2, 0) / error(4, 0)) < 1.8
        assert error(4, 8) < 0.01 * error(4, 0)

    def test_pure_bending_is_reproduced(self) -> None:
        """Plane stress σ_xx = y - 1/2, σ_yy = σ_xy = 0: quadratic displacements, which quadratic elements hold."""
        module = sys.modules[PDES["elasticity"].reference.__wrapped__.__module__]
        ratio, at = module.POISSON_RATIO, points(100)
        problem = module.problem(2, 0)
        values = {
            "clamp_u": lambda s: 0 * s.T,
            "clamp_v": lambda s: -ratio * (s.T - 0.5) ** 2 / 2,
            "pull": lambda s: s.T - 0.5,
            "shear": lambda s: 0 * s.T,
        }
        x, y = at[:, 0], at[:, 1] - 0.5
        exact = torch.stack((x * y, -(x**2) / 2 - ratio * y**2 / 2), -1)
        torch.testing.assert_close(problem.solve(values, at)[0], exact, atol=1e-11, rtol=0)

    def test_points_outside_are_refused(self) -> None:
        pde = PDES["darcy"]
        with pytest.raises(ValueError, match=r"asked at \(0\.8, 0\.9\), outside its domain"):
            pde.reference(draws(pde, 1), torch.tensor([[0.2, 0.2], [0.8, 0.9]], dtype=torch.float64))

    @pytest.mark.parametrize(("name", "shift"), [("darcy", "none"), ("darcy", "steps"), ("elasticity", "none")])
    def test_refinement(self, name: str, shift: str) -> None:
        pde = PDES[name]
        values, at = draws(pde, 3, shift), pde.box.scale(points(150))
        fine = sys.modules[pde.reference.__wrapped__.__module__].problem(20, 12).solve(values, at)
        assert relative(pde.reference(values, at), fine) < 1e-5

    def test_the_clamp_carries_the_load(self) -> None:
        """Virtual work of a stretch: ∫ σ_xx dx dy = ∫ x pull ds, with ∫ σ_xx = ∮ (u + ν v) · n / (1 - ν²)."""
        pde, ratio = PDES["elasticity"], 0.3
        values = draws(pde, 3)
        nodes, weights = (torch.from_numpy(v) for v in np.polynomial.legendre.leggauss(40))
        s, weights = (nodes + 1) / 2, weights / 2
        zero, one = torch.zeros_like(s), torch.ones_like(s)
        right, bottom, top = (pde.reference(values, torch.stack(place, -1)) for place in ((one, s), (s, zero), (s, one)))
        stress = (right[..., 0] + ratio * (top[..., 1] - bottom[..., 1])) @ weights / (1 - ratio**2)
        torch.testing.assert_close(stress, values["pull"](s) @ weights, atol=2e-5, rtol=0)


def taylor_hood(lid: Any, cells: int) -> Any:
    """A second method for the cavity: quadratic velocities, linear pressures, Newton's method; returns u at points."""
    from skfem import Basis, BilinearForm, ElementTriP1, ElementTriP2, ElementVector, LinearForm, bmat
    from skfem.helpers import ddot, div, dot, grad

    mesh = square_mesh(cells)
    flow, level = Basis(mesh, ElementVector(ElementTriP2()), intorder=5), Basis(mesh, ElementTriP1(), intorder=5)

    @BilinearForm
    def linearised(u, v, w):  # type: ignore[no-untyped-def]
        carried = np.einsum("ij...,j...->i...", grad(u), w.now) + np.einsum("ij...,j...->i...", grad(w.now), u)
        return 0.01 * ddot(grad(u), grad(v)) + dot(carried, v)

    @BilinearForm
    def divergence(u, q, w):  # type: ignore[no-untyped-def]
        return -div(u) * q

    @LinearForm
    def inertia(v, w):  # type: ignore[no-untyped-def]
        return dot(np.einsum("ij...,j...->i...", grad(w.now), w.now), v)

    u = np.zeros(flow.N)
    walls = flow.get_dofs().all()
    moving = flow.get_dofs(lambda x: x[1] == 1).all("u^1")
    u[moving] = lid(flow.doflocs[0, moving])
    free = np.setdiff1d(np.arange(flow.N + level.N), [*walls, flow.N])
    incompressible = divergence.assemble(flow, level)
    known = np.concatenate((u, np.zeros(level.N)))
    for _ in range(8):
        matrix = bmat(
            [[linearised.assemble(flow, now=flow.interpolate(u)), incompressible.T], [incompressible, None]]
        ).tocsc()
        right = np.concatenate((inertia.assemble(flow, now=flow.interpolate(u)), np.zeros(level.N))) - matrix @ known
        solution = known.copy()
        solution[free] = spsolve(matrix[free][:, free], right[free])
        change, u = np.abs(solution[: flow.N] - u).max(), solution[: flow.N]
        if change < 1e-8:
            break
    return lambda at: (flow.probes(at.T) @ u).reshape(2, -1)


GHIA = {
    0.9531: 0.68717,
    0.8516: 0.23151,
    0.7344: 0.00332,
    0.5: -0.20581,
    0.4531: -0.21090,
    0.2813: -0.15662,
    0.1016: -0.06434,
}
"""u on the vertical line through the centre at Re = 100, lid velocity 1 (Ghia et al., 1982, doi:10.1016/0021-9991(82)90058-4)."""


class TestCavity:
    def test_polynomials_are_clamped_and_differentiated(self) -> None:
        ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
        assert clamped_legendre(ends, 12, 0).abs().max() < 1e-12
        assert clamped_legendre(ends, 12, 1).abs().max() < 1e-10
        s, step = torch.linspace(0.1, 0.9, 9, dtype=torch.float64), 1e-5
        for order in range(4):
            upper, lower = (clamped_legendre(s + d, 6, order) for d in (step, -step))
            slope = clamped_legendre(s, 6, order + 1)
            torch.testing.assert_close((upper - lower) / (2 * step), slope, atol=1e-6 * float(slope.abs().max()), rtol=0)

    def test_against_taylor_hood_elements_that_reproduce_ghia(self) -> None:
        y = np.array(list(GHIA))
        classical = taylor_hood(lambda x: np.where((x > 0) & (x < 1), 1.0, 0.0), 24)(np.stack((np.full_like(y, 0.5), y), -1))
        assert np.abs(classical[0] - np.array(list(GHIA.values()))).max() < 5e-3
        at = 0.02 + 0.96 * points(80)
        u = solve_cavity(lambda s: ((math.pi * s).sin() ** 2 * (1 + 0.5 * s))[None], at, viscosity=0.01)[..., :2]
        coarse, fine = (
            relative(
                torch.from_numpy(taylor_hood(lambda x: np.sin(np.pi * x) ** 2 * (1 + 0.5 * x), n)(at.numpy()).T)[None], u
            )
            for n in (12, 24)
        )
        assert fine < 2e-3
        assert math.log2(coarse / fine) > 2.5

    def test_momentum_and_mass_are_conserved(self) -> None:
        """Central differences of u, v and p satisfy the equations."""
        pde, step = PDES["cavity"], 1e-3
        values, at = draws(pde, 2), 0.2 + 0.6 * points(30)
        moves = step * torch.tensor([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]], dtype=torch.float64)
        w = pde.reference(values, (at + moves[:, None]).reshape(-1, 2)).unflatten(1, (5, 30)).transpose(0, 1)
        w_x, w_y = (w[1] - w[2]) / (2 * step), (w[3] - w[4]) / (2 * step)
        spread = (w[1:].sum(0) - 4 * w[0]) / step**2
        carried = w[0][..., :1] * w_x + w[0][..., 1:2] * w_y
        momentum = carried[..., :2] + torch.stack((w_x[..., 2], w_y[..., 2]), -1) - 0.01 * spread[..., :2]
        assert float(momentum.square().mean().sqrt()) < 2e-3 * float(carried[..., :2].square().mean().sqrt())
        assert float((w_x[..., 0] + w_y[..., 1]).abs().max()) < 1e-4 * float(w_x.abs().max())

    def test_convergence_is_spectral(self) -> None:
        pde, at = PDES["cavity"], points(100)
        lid = draws(pde, 3)["lid"]
        fine = solve_cavity(lid, at, viscosity=0.01, degree=24)
        errors = [
            [relative(solve_cavity(lid, at, viscosity=0.01, degree=n)[..., c], fine[..., c]) for n in (8, 12, 16)]
            for c in range(3)
        ]
        for coarse, middle, good in errors:
            assert middle < 0.2 * coarse
            assert good < 0.2 * middle

    @pytest.mark.parametrize("shift", ["none", "fast"])
    def test_refinement(self, shift: str) -> None:
        pde, at = PDES["cavity"], points(100)
        values = draws(pde, 2, shift)
        found, fine = pde.reference(values, at), solve_cavity(values["lid"], at, viscosity=0.01, degree=24)
        assert relative(found[..., :2], fine[..., :2]) < 1e-4
        assert relative(found[..., 2], fine[..., 2]) < 2e-3

    def test_a_lid_too_fast_for_newton_is_followed_from_a_more_viscous_fluid(self) -> None:
        pde, at, step = PDES["cavity"], 0.3 + 0.4 * points(20), 1e-3
        ensemble = pde.ensemble("frequency")
        drawn = ensemble.sample(12, torch.Generator().manual_seed(0))
        basis = cavity_basis(22)
        moving = BoundaryValues(ensemble, drawn)["lid"](basis.nodes) @ basis.lid_to_modes.T
        start = moving.new_zeros((12, len(basis.inner) + len(basis.outer)))
        start[:, basis.outer] = moving
        _, converged = newton(basis, start, 0.01, 1e-6)
        stuck = ~converged
        assert bool(stuck.any())
        assert bool(converged.any())
        values = BoundaryValues(ensemble, drawn[stuck])
        moves = step * torch.tensor([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]], dtype=torch.float64)
        w = pde.reference(values, (at + moves[:, None]).reshape(-1, 2)).unflatten(1, (5, 20)).transpose(0, 1)
        w_x, w_y = (w[1] - w[2]) / (2 * step), (w[3] - w[4]) / (2 * step)
        spread = (w[1:].sum(0) - 4 * w[0]) / step**2
        carried = w[0][..., :1] * w_x + w[0][..., 1:2] * w_y
        momentum = carried[..., :2] + torch.stack((w_x[..., 2], w_y[..., 2]), -1) - 0.01 * spread[..., :2]
        assert float(momentum.square().mean().sqrt()) < 0.02 * float(carried[..., :2].square().mean().sqrt())

    def test_a_lid_that_cannot_be_followed_is_refused(self) -> None:
        with pytest.raises(ArithmeticError, match="nor by following the solution from a more viscous fluid"):
            solve_cavity(lambda s: 1e9 * (math.pi * s).sin()[None] ** 2, points(3), viscosity=0.01, degree=6)

    def test_the_stand_in_is_close_and_differentiable(self) -> None:
        pde, at = PDES["cavity"], points(40)
        assert pde.stand_in is not None
        values = draws(pde, 2)
        assert relative(pde.stand_in(values, at), pde.reference(values, at)) < 0.05
        weights, direction = torch.linspace(-1, 1, 240).double().reshape(2, 40, 3), torch.linspace(1, -1, 8).double()

        def answer(step: float | Tensor) -> Tensor:
            assert pde.stand_in is not None
            moved = BoundaryValues(values.ensemble, values.coefficients + step * direction.reshape(2, 4))
            return (weights * pde.stand_in(moved, at)).sum()

        start = torch.zeros((), dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(answer(start), start)
        difference = (answer(1e-4) - answer(-1e-4)) / 2e-4
        assert float(slope) == pytest.approx(float(difference), rel=1e-5)

    def test_a_lid_too_fast_is_reported(self) -> None:
        with pytest.raises(ArithmeticError, match=r"does not converge in 30 steps at viscosity=1e-06"):
            solve_cavity(lambda s: (math.pi * s).sin()[None] ** 2, points(3), viscosity=1e-6, degree=8)


@pytest.mark.parametrize("name", NAMES)
class TestModules:
    def test_a_batch_is_solved_as_its_members_are(self, name: str) -> None:
        pde = PDES[name]
        values, at = draws(pde, 3), pde.box.scale(points(20, pde.box.dimension))
        together = pde.reference(values, at)
        assert together.shape == ((3, 20, pde.output_count) if pde.output_count > 1 else (3, 20))
        assert together.dtype == torch.float64
        alone = pde.reference(BoundaryValues(values.ensemble, values.coefficients[1:2]), at)
        assert relative(together[1:2], alone) < 1e-9

    def test_values_on_the_boundary_are_those_asked_for(self, name: str) -> None:
        pde = PDES[name]
        held = [(c, pde.patches[c.name]) for c in pde.valued if c.gives_value]
        local = [points(15, max(patch.dimension, 1))[:, : patch.dimension] for _, patch in held]
        at = torch.cat([patch.points(s) for (_, patch), s in zip(held, local, strict=True)])
        for shift in ("none", *pde.shifts):
            values = draws(pde, 2, shift)
            u = pde.reference(values, at).reshape(2, len(at), pde.output_count).split(15, 1)
            for (condition, _), s, found in zip(held, local, u, strict=True):
                wanted = values[condition.name](s)
                torch.testing.assert_close(found[..., condition.component], wanted, atol=1e-3, rtol=0)

    def test_the_docstring_tells_equation_conditions_shifts_and_source(self, name: str) -> None:
        pde = PDES[name]
        text = sys.modules[pde.reference.__wrapped__.__module__].__doc__ or ""
        assert " = 0" in text
        assert "Reference: " in text
        assert "doi:" in text or any(year in text for year in ("1953", "2010"))
        assert all(f"``{shift}``" in text for shift in pde.shifts)
