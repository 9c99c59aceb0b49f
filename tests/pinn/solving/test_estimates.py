"""What the estimate of an error is made of: the relative gap, its calibration, and solutions nearby."""

from __future__ import annotations

import statistics
from itertools import pairwise

import deepxde as dde
import numpy as np
import pytest
import torch

from pinndd import PDE, Dirichlet, families, load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.solving.dense import DenseSettings, solve_densely, solve_nearby
from pinndd.pinn.solving.given import given_values
from pinndd.pinn.solving.solver import CALIBRATION, difference, estimated_error, probes, relative_gap
from pinndd.pinn.solving.truth import solutions


def system(outputs, **more):
    """As many components as asked, on an interval, each held at one end."""

    def residual(x, u):
        return [dde.grad.jacobian(u, x, i=k, j=0) for k in range(len(outputs))]

    ends = [Dirichlet(f"end_{k}", at={"x": 0}, values=families.Constant(), component=k) for k in outputs]
    return PDE(name="system", domain=dde.geometry.Interval(0, 1), residual=residual, conditions=ends, outputs=outputs, **more)


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_gap_of_one_component_is_the_relative_l2_error_whatever_the_unit():
    u, error = drawn(3, 50, 1), drawn(3, 50, 1, seed=1)
    expected = error.flatten(1).norm(dim=1) / u.flatten(1).norm(dim=1)
    for unit in (1.0, 1e-9, 1e9):
        torch.testing.assert_close(relative_gap(system(["u"]), unit * u, unit * (u + error)), expected)


def test_components_count_alike_whatever_their_sizes():
    pde = system(["u", "T"], units={"u": "m/s", "T": "K"})
    u = drawn(1, 50, 2) * torch.tensor([1.0, 1e3])
    other = u * torch.tensor([1.03, 1.04])
    assert float(relative_gap(pde, u, other)) == pytest.approx((0.03**2 / 2 + 0.04**2 / 2) ** 0.5)


def test_a_small_component_is_relative_to_a_hundredth_of_the_largest_of_its_unit():
    u = torch.stack((torch.ones(50), torch.full((50,), 1e-5)), -1).double()[None]
    other = u + torch.tensor([0.0, 1e-4])
    same = {"u": "m/s", "v": "m/s"}
    assert float(relative_gap(system(["u", "v"], units=same), u, other)) == pytest.approx(1e-4 / 1e-2 / 2**0.5)
    apart = {"u": "m/s", "v": "K"}
    assert float(relative_gap(system(["u", "v"], units=apart), u, other)) == pytest.approx(1e-4 / 1e-5 / 2**0.5)


def test_a_condition_whose_solution_vanishes_is_relative_to_a_thousandth_of_the_others():
    u = torch.stack((torch.ones(50), torch.zeros(50)))[..., None].double()
    gap = relative_gap(system(["u"]), u, u + 1e-4)
    assert gap.tolist() == pytest.approx([1e-4, 1e-4 / (1e-3 * 0.5**0.5)])


def test_a_component_known_up_to_a_constant_is_compared_less_its_mean():
    pde, u = system(["u", "p"], up_to_constant=["p"]), drawn(2, 50, 2)
    assert float(relative_gap(pde, u, u + torch.tensor([0.0, 7.0])).max()) < 1e-12
    assert float(relative_gap(pde, u, u + torch.tensor([7.0, 0.0])).min()) > 1


def test_where_the_family_has_a_mean_the_gap_is_relative_to_how_far_u_varies():
    base = system(["u"])
    ends = [Dirichlet("end_u", at={"x": 0}, values=families.Constant(mean=300.0))]
    pde = PDE(name="warm", domain=base.domain, residual=base.residual, conditions=ends)
    u = 300 + torch.linspace(-1, 1, 101, dtype=torch.float64)[None, :, None]
    expected = 0.1 / float((u - 300).square().mean().sqrt())
    assert float(relative_gap(pde, u, u + 0.1)) == pytest.approx(expected)


def test_calibration_is_about_the_error_of_a_fit_over_its_difference_from_another():
    shares = []
    for name in ("heat", "wave", "poisson", "advection", "helmholtz"):
        pde = load_pde(name)
        ensemble, where = pde.ensemble(), probes(pde, 3)
        values = BoundaryValues(ensemble, ensemble.sample(6, torch.Generator().manual_seed(0)))
        settings = DenseSettings(300, 0)
        one, two = (solve_densely(pde, values, s) for s in (settings, settings.second))
        error, apart = relative_gap(pde, solutions(pde, values, where), one(where)), difference(pde, one, two)
        torch.testing.assert_close(estimated_error(pde, values, one, two), CALIBRATION * apart)
        shares += (error / apart).tolist()
    assert 0.5 * CALIBRATION < statistics.median(shares) < 2 * CALIBRATION


@pytest.mark.parametrize("windows", [1, 2])
def test_solutions_nearby_are_exact_for_a_linear_equation(windows):
    pde, settings = load_pde("heat"), DenseSettings(150, 0, windows=windows)
    here = given_values(pde, {"left": 0.0, "right": 0.0, "start": lambda x: np.sin(np.pi * x)})
    there = given_values(pde, {"left": lambda t: np.cos(3 * t), "right": 0.0, "start": [0.3, 0.2, 0.1]})
    found = solve_nearby(pde, solve_densely(pde, here, settings), here, there, settings)
    where = probes(pde)
    torch.testing.assert_close(found(where), solve_densely(pde, there, settings)(where), rtol=0, atol=1e-6)


@pytest.mark.parametrize("windows", [1, 2])
def test_solutions_nearby_are_of_first_order_for_a_nonlinear_equation(windows):
    pde, settings = load_pde("burgers"), DenseSettings(150, 0, windows=windows)
    where, left = probes(pde), []

    def moved(step):
        start = {"start": lambda x: (1 + step * x) * np.sin(np.pi * x)}
        return given_values(pde, {"left": 0.0, "right": 0.0, **start})

    here, steps = moved(0.0), (0.4, 0.2, 0.1)
    fitted = solve_densely(pde, here, settings)
    for step in steps:
        near = solve_nearby(pde, fitted, here, moved(step), settings)
        exact = solve_densely(pde, moved(step), settings)
        left.append(float((near(where) - exact(where)).norm() / exact(where).norm()))
    assert left[0] < 0.1
    assert all(3 < one / two < 5 for one, two in pairwise(left))
