"""Means of families: whatever works with coefficients gives what the slow path gives, or what it gives without means."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pinndd import families
from pinndd.learners.product_ridge import ProductRidge
from pinndd.learners.ridge import ridge_solve
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.models.conditioned_linear import LinearConditionedModel
from pinndd.pinn.models.picard import _BOUNDARY_WEIGHT, _PENALTY, _SEED, PicardIterates
from pinndd.pinn.sets.broadened import broadened_sample
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.condition_code import encode, require_linear
from pinndd.pinn.sets.roughened import Roughening, roughened, roughened_sample
from pinndd.pinn.sets.samplers import sample_points, sobol
from pinndd.pinn.sets.tuples import sample_tuples, tuple_data
from pinndd.pinn.solving.truth import solutions
from pinndd.pinn.tasks.episodes import Trainings
from pinndd.pinn.tasks.questions import Questions

MEANS = {"left": 3.0, "right": lambda s: 2 + s[:, 0], "start": lambda s: s[:, 0] * (1 - s[:, 0])}


def with_means(pde, means=MEANS):
    """A PDE whose families have means, in training and under its shifts."""

    def about(name, family):
        return family if isinstance(family, families.Tied) else replace(family, mean=means[name])

    conditions = [replace(c, values=about(c.name, c.values)) for c in pde.conditions]
    shifts = {s: {name: about(name, f) for name, f in changes.items()} for s, changes in pde.shifts.items()}
    return replace(pde, conditions=conditions, shifts=shifts)


@pytest.fixture(scope="module")
def plain():
    return load_pde("heat")


@pytest.fixture(scope="module")
def warm(plain):
    return with_means(plain)


def points_of(pde, count=40):
    return pde.box.scale(sobol(count, pde.box.dimension, 2))


@pytest.mark.parametrize("shift", ["none", "frequency", "sparse", "correlated", "steps", "shape"])
def test_conditions_are_described_as_they_are_without_means(plain, warm, shift):
    drawn = plain.ensemble(shift).sample(6, torch.Generator().manual_seed(0))
    expected = encode(plain.ensemble(), plain.ensemble(shift), drawn)
    found = encode(warm.ensemble(), warm.ensemble(shift), drawn)
    torch.testing.assert_close(found.coefficients, expected.coefficients, atol=1e-9, rtol=1e-7)
    torch.testing.assert_close(found.misfit, expected.misfit, atol=1e-9, rtol=1e-6)
    assert found.in_span == expected.in_span


def test_the_mean_itself_has_no_coefficients_and_another_mean_has_some(warm):
    nothing = torch.zeros((1, 0), dtype=torch.float64)
    rest = encode(warm.ensemble(), warm.ensemble().rest(), nothing)
    assert rest.in_span
    assert float(rest.coefficients.abs().max()) < 1e-9
    hotter = warm.ensemble().with_families({"left": families.Fixed(5.0), "right": families.Fixed(MEANS["right"])})
    hotter = hotter.with_families({"start": families.Fixed(MEANS["start"])})
    code = encode(warm.ensemble(), hotter, nothing)
    assert code.in_span
    assert float(code.coefficients[0, 0]) == pytest.approx(2.0)  # the constant of the left end


def test_solutions_are_added_up_about_the_rest_state(plain, warm):
    points, ensemble = points_of(warm), warm.ensemble()
    drawn = ensemble.sample(ensemble.size + 6, torch.Generator().manual_seed(0))
    values = BoundaryValues(ensemble, drawn)
    torch.testing.assert_close(solutions(warm, values, points)[..., 0], warm.reference(values, points))
    rest = solutions(warm, BoundaryValues(ensemble.rest(), drawn[:1, :0]), points)
    deviation = solutions(plain, BoundaryValues(plain.ensemble(), drawn), points)
    torch.testing.assert_close(solutions(warm, values, points), rest + deviation, atol=1e-8, rtol=1e-7)


@pytest.mark.parametrize("name", ["heat", "burgers"])
def test_the_first_picard_iterate_is_the_ridge_fit_to_values_with_their_means(name):
    pde = with_means(load_pde(name))
    iterates = PicardIterates(pde, 1, width=30, points=60, boundary_points=30)
    codes = pde.ensemble().sample(3, torch.Generator().manual_seed(0))
    interior, boundary = sample_points(pde, "sobol", 60, 30, _SEED)
    data = collocation_data(pde, interior, boundary, _BOUNDARY_WEIGHT)
    values = BoundaryValues(pde.ensemble(), codes)
    rows = iterates._model.prepare(data, Trainings(values, _SEED))
    matrix, right = rows.system(iterates._operator(codes).slopes)
    slow = iterates._model.whole_weights(ridge_solve(matrix, right, _PENALTY)).detach()
    torch.testing.assert_close(iterates.weights(codes)[0], slow, atol=1e-7 * float(slow.abs().max()), rtol=0)


def test_picard_iterates_solve_a_linear_equation_about_its_rest_state(warm):
    points = points_of(warm, 60)
    codes = warm.ensemble().sample(8, torch.Generator().manual_seed(1))
    iterates = PicardIterates(warm, 1)
    (phi,) = iterates.basis(codes).jets(points, [()])
    truth = solutions(warm, BoundaryValues(warm.ensemble(), codes), points)[..., 0]
    found = iterates.weights(codes)[0] @ phi.T
    assert float(((found - truth).norm(dim=-1) / truth.norm(dim=-1)).median()) < 0.02


def test_the_network_that_is_linear_in_the_condition_is_affine_about_the_rest_state(plain, warm):
    """Fits are linear in their targets, so means add one and the same field to every answer."""
    points, codes = points_of(warm), warm.ensemble().sample(4, torch.Generator().manual_seed(1))
    drawn = sample_tuples(plain, "sobol", 120, 60, 1, reach=1.0)

    def answers(pde):
        asked = Questions(codes, points, solutions(pde, BoundaryValues(pde.ensemble(), codes), points), 1)
        fitted = ProductRidge(LinearConditionedModel(pde, width=60)).fit(tuple_data(pde, *drawn, 10.0), asked)
        return fitted(points, codes).detach(), fitted(points, torch.zeros_like(codes[:1])).detach(), asked.truth

    found, rest, truth = answers(warm)
    plain_found, _, plain_truth = answers(plain)
    true_rest = (truth - plain_truth)[:1]
    assert float((rest - true_rest).norm() / true_rest.norm()) < 0.1
    assert float((found - truth).norm() / truth.norm()) < float((plain_found - plain_truth).norm() / plain_truth.norm())


def test_a_roughened_family_keeps_its_mean(plain, warm):
    roughening = Roughening(share=0.5)
    ours, theirs = roughened(warm, roughening), roughened(plain, roughening)
    s = torch.linspace(0, 1, 17, dtype=torch.float64)[:, None]
    drawn = roughened_sample(ours, 6, 0.5, torch.Generator().manual_seed(3))
    assert torch.equal(drawn, roughened_sample(theirs, 6, 0.5, torch.Generator().manual_seed(3)))
    nothing = drawn[:1, :0]
    for name in ("left", "right", "start"):
        mean = warm.ensemble().rest().value(name, nothing, s)
        expected = theirs.value(name, drawn[:, None], s) + mean
        torch.testing.assert_close(ours.value(name, drawn[:, None], s), expected)
    assert ours.has_mean


def test_broadened_draws_do_not_know_of_means(plain, warm):
    ours, theirs = (broadened_sample(p.ensemble(), 50, torch.Generator().manual_seed(0)) for p in (warm, plain))
    assert torch.equal(ours, theirs)


def test_conditions_of_known_values_cannot_be_described():
    with pytest.raises(ValueError, match="every condition has a known value, so there is nothing to describe by coefficients"):
        require_linear(load_pde("heat").ensemble().rest())
