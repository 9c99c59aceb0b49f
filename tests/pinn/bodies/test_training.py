"""Training of bodies: what it makes small, that it does, and that it depends on no unit of measurement."""

import math
from dataclasses import replace

import deepxde as dde
import pytest
import torch

from pinndd.pinn.bodies import training
from pinndd.pinn.bodies.settings import BodySettings
from pinndd.pinn.bodies.training import BodyError, network_of, train_body
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.jets.body import Body
from pinndd.pinn.sets.roughened import Roughening, roughening_for

SMALL = BodySettings(width=12, hidden=(10,), steps=60, conditions=4, points=40, boundary_points=24)


def problem_of(name, settings=SMALL):
    pde = load_pde(name)
    return training._Problem(pde, settings, roughening_for(pde))


def drawn(pde, settings=SMALL):
    network = network_of(pde, settings)
    return Body(network, network.initial([5]))


@pytest.mark.parametrize("name", ["heat", "burgers", "elasticity"])
def test_the_derivative_is_that_of_heads_that_are_solved_anew(name, monkeypatch):
    # the envelope theorem, against central differences of a loss whose heads are solved at every point
    monkeypatch.setattr(training, "HEAD_STEPS", 60)
    monkeypatch.setattr(training, "DECREASE", 0.0)
    problem = problem_of(name)
    body = drawn(problem.pde)
    leaf = body.parameters.clone().requires_grad_()
    problem.checked(Body(body.network, leaf)).mean().backward()
    direction = torch.randn(leaf.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    step = 1e-7
    with torch.no_grad():
        ends = [float(problem.checked(Body(body.network, leaf + sign * step * direction)).mean()) for sign in (1, -1)]
    assert float((leaf.grad * direction).sum()) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=2e-3)


@pytest.mark.parametrize("name", ["heat", "allen_cahn"])
def test_training_lowers_what_the_best_heads_leave(name):
    pde = load_pde(name)
    roughening = roughening_for(pde)
    before = train_body(pde, replace(SMALL, steps=1), roughening).residual
    after = train_body(pde, replace(SMALL, steps=150), roughening).residual
    assert after < before / 1.5


def test_training_is_a_function_of_its_settings():
    pde = load_pde("heat")
    one, two = (train_body(pde, SMALL, roughening_for(pde)) for _ in range(2))
    other = train_body(pde, replace(SMALL, seed=1), roughening_for(pde))
    assert torch.equal(one.body.parameters, two.body.parameters)
    assert one.residual == two.residual
    assert not torch.equal(one.body.parameters, other.body.parameters)


@pytest.mark.parametrize("factor", [1e-9, 1e7])
def test_the_units_of_an_equation_do_not_matter(factor):
    pde = load_pde("allen_cahn")
    residual = pde.residual
    scaled = replace(pde, residual=lambda x, u: factor * residual(x, u))
    settings = replace(SMALL, steps=10)
    one, two = (train_body(p, settings, roughening_for(pde)) for p in (pde, scaled))
    assert two.residual == pytest.approx(one.residual, rel=1e-4)


def test_progress_tells_the_step_and_the_residual():
    pde = load_pde("heat")
    told = []
    train_body(pde, replace(SMALL, steps=45), roughening_for(pde), lambda *now: told.append(now))
    assert [(step, steps) for step, steps, _ in told] == [(20, 45), (40, 45), (45, 45)]
    assert all(0 < residual < 2 for *_, residual in told)


def test_heads_of_a_nonlinear_equation_go_on_from_the_last_ones_while_conditions_stay():
    problem = problem_of("burgers")
    body = drawn(problem.pde)
    drawn_values = []
    values = problem.values
    problem.values = lambda count, number: drawn_values.append(number) or values(count, number)
    with torch.no_grad():
        for step in range(1, 8):
            problem.losses(body, step)
    assert drawn_values == [1, 1, 1, 2, 2, 2, 3]


def test_a_loss_that_is_not_finite_names_the_step_and_the_condition():
    pde = load_pde("heat")
    calls = []

    def residual(x, u):
        calls.append(1)
        found = dde.grad.jacobian(u, x, 0, 1) - dde.grad.hessian(u, x, 0, 0)
        return found * (math.nan if len(calls) > 40 else 1.0)

    broken = replace(pde, residual=residual)
    with pytest.raises(BodyError, match=r"PDE 'heat': the training of a body is not finite at step \d+, boundary condition 0 of 4"):
        train_body(broken, SMALL, Roughening())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"width": 0}, "body: width 0: expected a whole number from 1 on"),
        ({"steps": 0}, "body: steps 0"),
        ({"conditions": -1}, "body: conditions -1"),
        ({"points": 0}, "body: points 0"),
        ({"boundary_points": 0}, "body: boundary_points 0"),
        ({"hidden": ()}, r"body: hidden \(\): expected the widths of one layer at least"),
        ({"hidden": (8, 0)}, r"body: hidden \(8, 0\)"),
        ({"rate": 0.0}, "body: rate 0.0: expected a positive number"),
        ({"boundary_weight": math.nan}, "body: boundary_weight nan"),
    ],
)
def test_settings_out_of_range_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        BodySettings(**settings)
