"""The cheap solver of the outer loop: every kind has the right derivative, and a failure stays where it is."""

from dataclasses import replace

import pytest
import torch

from pinndd.distances.norms import relative_norm
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.models.solved_conditions import field_points, sensitivity_metric
from pinndd.pinn.models.stand_in import DifferentiableSolver, FeatureStandIn, solve_each, stand_in_for


@pytest.fixture(scope="module")
def pde():
    return load_pde("allen_cahn")


def draw(pde, count, seed=0):
    return pde.ensemble().sample(count, torch.Generator().manual_seed(seed))


def slope(pde, solver, codes, points):
    weights = torch.linspace(0.5, 1.5, points.shape[0], dtype=torch.float64)
    leaf = codes.clone().requires_grad_()

    def total(at):
        return (solver(BoundaryValues(pde.ensemble(), at), points).reshape(len(at), -1) * weights).sum()

    (found,) = torch.autograd.grad(total(leaf), leaf)
    return found, lambda at: total(at).detach()


def test_central_differences_agree_with_the_graph(pde):
    codes, points = draw(pde, 2), field_points(pde, 16)
    exact, _ = slope(pde, pde.stand_in, codes, points)
    found, _ = slope(pde, DifferentiableSolver(pde.stand_in), codes, points)
    assert (found - exact).norm() <= 1e-3 * exact.norm()


def test_the_feature_stand_in_solves_the_pde_and_has_the_implicit_derivative(pde, central_differences):
    solver, codes, points = FeatureStandIn(pde, width=60, points=90, boundary_points=20), draw(pde, 1), field_points(pde, 36)
    values = BoundaryValues(pde.ensemble(), codes)
    truth = pde.reference(values, points)[..., None]
    assert relative_norm(solver(values, points), truth).max() < 0.3
    found, function = slope(pde, solver, codes, points)
    expected = central_differences(function, codes, step=1e-3)
    assert (found - expected).norm() <= 1e-3 * expected.norm()


def test_a_module_without_a_stand_in_gets_one(pde):
    solver = stand_in_for(replace(pde, stand_in=None))
    codes, points = draw(pde, 1), field_points(pde, 9)
    found = solver(BoundaryValues(pde.ensemble(), codes.requires_grad_()), points)
    assert found.requires_grad
    assert found.shape == (1, 9, 1)


def test_a_stand_in_that_leaves_the_graph_is_differentiated_by_differences(pde):
    def detached(values, points):
        return pde.stand_in(BoundaryValues(values.ensemble, values.coefficients.detach()), points)

    found, _ = slope(pde, stand_in_for(replace(pde, stand_in=detached)), draw(pde, 1), field_points(pde, 9))
    assert found.abs().max() > 0


def test_a_condition_that_cannot_be_solved_is_nan_and_stops_no_other(pde):
    def fragile(values, points):
        if bool((values.coefficients.abs() > 5).any()):
            raise ArithmeticError("blown up")
        return pde.stand_in(values, points)

    codes, points = draw(pde, 4), field_points(pde, 9)
    codes[2, 0] = 9
    found = solve_each(fragile)(BoundaryValues(pde.ensemble(), codes), points)
    assert found[2].isnan().all()
    assert found[[0, 1, 3]].isfinite().all()


def test_the_metric_sees_what_the_solution_is_sensitive_to(pde):
    metric = sensitivity_metric(pde.ensemble(), pde.stand_in, field_points(pde, 100), 0, draws=8)
    inputs = draw(pde, 2000) @ metric
    assert torch.allclose(metric, metric.T)
    assert inputs.square().sum(-1).mean() == pytest.approx(pde.ensemble().size, rel=0.1)
    assert metric[0, 0] > metric[-1, -1]  # the constant grows, the third wave decays
