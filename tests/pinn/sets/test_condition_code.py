"""Coefficients as the description of a condition, and what the networks of the amortised protocol make of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pinndd import families
from pinndd.learners.product_ridge import ProductRidge
from pinndd.learners.ridge import ridge_solve
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.models.conditioned import ConditionedModel
from pinndd.pinn.models.conditioned_linear import LinearConditionedModel
from pinndd.pinn.models.picard import PicardIterates
from pinndd.pinn.sets.condition_code import encode
from pinndd.pinn.sets.samplers import sobol
from pinndd.pinn.sets.tuples import sample_tuples, tuple_data
from pinndd.pinn.solving.truth import solutions
from pinndd.pinn.tasks.questions import Questions


def _asked(pde, count: int, seed: int = 0) -> Questions:
    training = pde.ensemble()
    codes = training.sample(count, torch.Generator().manual_seed(seed))
    points = pde.box.scale(sobol(60, pde.box.dimension, 2))
    return Questions(codes, points, solutions(pde, BoundaryValues(training, codes), points), 1)


def test_conditions_of_the_family_are_described_by_their_own_coefficients():
    training = load_pde("burgers").ensemble()
    drawn = training.sample(5, torch.Generator().manual_seed(0))
    code = encode(training, training, drawn)
    assert torch.allclose(code.coefficients, drawn, atol=1e-9)
    assert code.in_span


def test_a_shift_in_the_span_is_encoded_and_one_outside_is_said_to_be():
    pde = load_pde("burgers")
    inside, outside = pde.ensemble("correlated"), pde.ensemble("shape")
    generator = torch.Generator().manual_seed(0)
    assert encode(pde.ensemble(), inside, inside.sample(4, generator)).in_span
    found = encode(pde.ensemble(), outside, outside.sample(4, generator))
    assert not found.in_span
    assert float(found.misfit.max()) > 0.02


def test_the_same_conditions_have_the_same_code_bit_for_bit():
    """A run that is resumed ends like one that is not; what lay in the memory before must not matter."""
    ensemble = load_pde("heat").ensemble()
    coefficients = ensemble.sample(4, torch.Generator().manual_seed(0))
    codes = set()
    for seed in range(40):
        junk = [torch.full((k,), seed * 7919 + 1, dtype=torch.int32) for k in (16, 17, 18, 32)]
        del junk
        codes.add(encode(ensemble, ensemble, coefficients).coefficients.numpy().tobytes())
    assert len(codes) == 1


def test_a_family_without_linear_coefficients_is_refused_by_name():
    pde = load_pde("burgers")
    training = pde.ensemble().with_families({**pde.ensemble().families, "start": families.Bump()})
    with pytest.raises(ValueError, match="'start' has the family Bump, which is not linear in its coefficients"):
        encode(training, training, training.sample(2, torch.Generator().manual_seed(0)))


def test_the_first_iterate_solves_a_linear_equation_and_damped_steps_come_nearer_to_a_nonlinear_one():
    def errors(name: str, count: int) -> list[float]:
        pde = load_pde(name)
        asked = _asked(pde, 12)
        iterates = PicardIterates(pde, count, damping=0.3, between=4)
        weights = iterates.weights(asked.codes)
        (phi,) = iterates.basis(asked.codes).jets(asked.points, [()])
        found = torch.einsum("qp,kbp->kbq", phi, weights)
        truth = asked.truth[..., 0]
        return ((found - truth).norm(dim=-1) / truth.norm(dim=-1)).median(-1).values.tolist()

    (linear,) = errors("heat", 1)
    assert linear < 0.02
    nonlinear = errors("burgers", 4)
    assert nonlinear == sorted(nonlinear, reverse=True)
    assert nonlinear[-1] < nonlinear[0] / 5


def test_iterates_are_differentiable_in_the_condition():
    pde = load_pde("burgers")
    iterates = PicardIterates(pde, 2, width=30, points=60, boundary_points=30)
    codes = pde.ensemble().sample(1, torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda c: iterates.weights(c)[-1], codes)


@pytest.mark.parametrize("iterates", [0, 2])
def test_derivatives_of_the_conditioned_features_agree_with_autograd(iterates: int):
    pde = load_pde("burgers")
    model = ConditionedModel(pde, width=6, iterates=iterates)
    points = pde.box.scale(sobol(4, 2, 3)).requires_grad_()
    codes = pde.ensemble().sample(4, torch.Generator().manual_seed(0))
    (value, along, twice), offsets = model.evaluate(points, codes, [(), (0,), (0, 0)], 5)
    for column in range(6):
        (first,) = torch.autograd.grad(value[:, column].sum(), points, create_graph=True)
        (second,) = torch.autograd.grad(first[:, 0].sum(), points, retain_graph=True)
        assert torch.allclose(first[:, 0], along[:, column], atol=1e-9)
        assert torch.allclose(second[:, 0], twice[:, column], atol=1e-7)
    assert bool(offsets[0].any()) == (iterates > 0)


def test_the_network_that_is_linear_in_the_condition_is_linear_in_it():
    pde = load_pde("heat")
    data = tuple_data(pde, *sample_tuples(pde, "sobol", 40, 18, 1, reach=1.0), 10.0)
    asked = _asked(pde, 3)
    fitted = ProductRidge(LinearConditionedModel(pde, width=40)).fit(data, asked)
    one, two = asked.codes[:1], asked.codes[1:2]
    zero = torch.zeros_like(one)
    value = {k: fitted(asked.points, c) for k, c in {"a": one, "b": two, "sum": one + two, "zero": zero}.items()}
    assert torch.allclose(value["sum"] + value["zero"], value["a"] + value["b"], atol=1e-9)


def test_the_dual_form_agrees_with_ridge_on_the_whole_matrix():
    pde = load_pde("heat")
    data = tuple_data(pde, *sample_tuples(pde, "sobol", 30, 12, 1, reach=1.0), 10.0)
    asked, model = _asked(pde, 2), LinearConditionedModel(pde, width=12)
    left, right, targets = model.factors(data, asked)
    matrix = (left[:, :, None] * right[:, None, :]).flatten(1)
    direct = ridge_solve(matrix, targets, 1e-4)
    found = ProductRidge(model, 1e-4).fit(data, asked).weights
    assert torch.allclose(found, direct, atol=1e-6 * float(direct.detach().abs().max()))


def test_the_gradient_through_the_dual_form_agrees_with_central_differences():
    pde = load_pde("heat")
    data = tuple_data(pde, *sample_tuples(pde, "sobol", 20, 9, 1, reach=1.0), 10.0)
    learner, asked = ProductRidge(LinearConditionedModel(pde, width=15), 1e-4), _asked(pde, 2)

    def risk(start: torch.Tensor) -> torch.Tensor:
        fitted = learner.fit(data.with_fields({"start": start}), asked)
        return (fitted(asked.points, asked.codes) - asked.truth).square().sum()

    start = data["start"].clone()
    start[:, 0] = start[:, 0].clamp(1e-2, 1 - 1e-2)
    leaf = start.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(risk(leaf), leaf)
    direction = torch.randn(start.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.1
    step = 1e-5
    with torch.no_grad():
        difference = (risk(start + step * direction) - risk(start - step * direction)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(float(difference), rel=1e-6)


def test_a_penalty_of_zero_is_refused():
    with pytest.raises(ValueError, match="penalty=0 must be positive"):
        replace(ProductRidge(LinearConditionedModel(load_pde("heat"))), penalty=0)
