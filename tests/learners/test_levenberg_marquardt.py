"""Levenberg-Marquardt: the Jacobian, the step in both forms, convergence, and networks that do not disturb each other."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from pinndd.learners.levenberg_marquardt import LevenbergMarquardt, damped_step, lower_gram
from pinndd.pinn.declare.conditions import Dirichlet
from pinndd.pinn.declare.pde import PDE, BoundaryValues
from pinndd.pinn.families import Sine
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.tasks.episodes import BoundaryEpisodes

dde = import_deepxde()


def system() -> PDE:
    """Two equations in two unknowns, one of them not linear."""

    def residual(x: Tensor, u: Tensor) -> list[Tensor]:
        first, second = u[:, :1], u[:, 1:]
        return [
            dde.grad.jacobian(u, x, i=0, j=1) - second * dde.grad.jacobian(u, x, i=1, j=0),
            dde.grad.hessian(u, x, component=1, i=0, j=1) + first * second,
        ]

    conditions = [
        Dirichlet("left", at={"x": 0}, values=Sine(modes=2)),
        Dirichlet("right", at={"x": 1}, values=Sine(modes=2), component=1),
    ]
    domain = dde.geometry.Rectangle([0, 0], [1, 1])
    return PDE("system", domain, residual, conditions, lambda values, points: points, outputs=2)


def system_setting() -> tuple[PDE, Any, BoundaryEpisodes]:
    pde, generator = system(), torch.Generator().manual_seed(0)
    inside = torch.rand((4, 2), generator=generator, dtype=torch.float64)
    edges = {name: torch.rand((2, 1), generator=generator, dtype=torch.float64) for name in ("left", "right")}
    values = BoundaryValues(pde.ensemble(), pde.ensemble().sample(2, generator))
    return pde, collocation_data(pde, inside, edges, 2.0), BoundaryEpisodes(values, inside, torch.ones((2, 4, 2)), seed=1)


@pytest.mark.parametrize("name", ["heat", "burgers", "advection", "system"])
def test_the_jacobian_is_that_of_autograd(name: str, setting: Callable[..., Any]) -> None:
    pde, data, episodes = system_setting() if name == "system" else setting(name, 2, 5, 4)
    model = MLPModel(pde, (4, 3))
    prepared = model.prepare(data, episodes)
    theta = model.initial(episodes, data["interior"]) + 0.1
    rows, blocks = model.linearise(prepared, theta)
    jacobian = torch.cat(blocks, -1)
    torch.testing.assert_close(rows, model.rows(prepared, theta))
    for e in range(2):
        alone = model.select(prepared, slice(e, e + 1))
        expected = torch.autograd.functional.jacobian(lambda t, alone=alone: model.rows(alone, t[None])[0], theta[e])
        torch.testing.assert_close(jacobian[e], expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5)], ids=["dual", "primal"])
def test_the_step_solves_the_damped_normal_equations(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    jacobian = torch.randn((3, *shape), generator=generator, dtype=torch.float64)
    rows = torch.randn((3, shape[0]), generator=generator, dtype=torch.float64)
    damping = torch.tensor([0.1, 1.0, 10.0], dtype=torch.float64)
    blocks = [jacobian[..., :2], jacobian[..., 2:]]
    step = damped_step(rows, blocks, lower_gram(blocks, strip=2), damping)
    left = (jacobian.mT @ jacobian + damping[:, None, None] * torch.eye(shape[1])) @ step[..., None]
    torch.testing.assert_close(left, -(jacobian.mT @ rows[..., None]))


@pytest.mark.parametrize("name", ["heat", "burgers"])
def test_fewer_rows_than_weights_are_fitted_exactly(name: str, setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting(name, 3, 8, 6)
    model = MLPModel(pde, (8, 8))
    learner = LevenbergMarquardt(model, iterations=150, tolerance=1e-20)
    loss = model.loss(model.prepare(data, episodes), learner.fit(data, episodes).parameters)
    assert float(loss.max()) < 1e-10


def test_more_rows_than_weights_reach_a_stationary_point(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("heat", 2, 30, 9)
    model = MLPModel(pde, (4,))
    prepared = model.prepare(data, episodes)
    first = model.linearise(prepared, model.initial(episodes, data["interior"]))
    last = model.linearise(prepared, LevenbergMarquardt(model, iterations=300).fit(data, episodes).parameters)
    slopes = [(rows[:, None] @ torch.cat(blocks, -1)).norm(dim=-1) for rows, blocks in (first, last)]
    assert bool((last[0].norm(dim=1) < first[0].norm(dim=1)).all())
    assert bool((slopes[1] < 0.02 * slopes[0]).all())


def test_networks_do_not_disturb_each_other(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("burgers", 3, 6, 5)
    model = MLPModel(pde, (4,))
    together = LevenbergMarquardt(model, iterations=8).fit(data, episodes)
    one_by_one = LevenbergMarquardt(model, iterations=8, memory=1).fit(data, episodes)
    torch.testing.assert_close(together.parameters, one_by_one.parameters, rtol=1e-6, atol=1e-8)


def test_an_unhelpful_step_is_refused(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("burgers", 3, 6, 5)
    model = MLPModel(pde, (6,))
    prepared, losses = model.prepare(data, episodes), []
    for iterations in range(1, 8):
        learner = LevenbergMarquardt(model, iterations=iterations, damping=1e-12, shrink=0.01)
        losses.append(model.loss(prepared, learner.fit(data, episodes).parameters))
    for before, after in pairwise(losses):
        assert bool((after <= before).all())


def test_odd_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="LevenbergMarquardt: iterations=0"):
        LevenbergMarquardt(None, iterations=0)  # type: ignore[arg-type]
