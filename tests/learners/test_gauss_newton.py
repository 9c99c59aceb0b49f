"""Gauss-Newton: convergence on Burgers, agreement with ridge on a linear PDE, the implicit gradient."""

from collections.abc import Callable
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from pinndd.distances import RelativeL2
from pinndd.hypergradients import Implicit
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.ridge import Ridge
from pinndd.pinn.jets.rows import RowsJacobian
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean


def slope_norm(learner: GaussNewton, data: Any, episodes: Any, parameters: Tensor) -> Tensor:
    leaf = parameters.detach().requires_grad_()
    (slope,) = torch.autograd.grad(learner.training_loss(leaf, learner.prepare(data, episodes)).sum(), leaf)
    return slope.norm(dim=-1)


@pytest.mark.parametrize("width", [8, 24], ids=["more rows than weights", "fewer rows"])
def test_it_reaches_a_stationary_point(width: int, setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("burgers", 3, 9, 6)
    learner = GaussNewton(FeatureModel(pde, width=width, scale=1.0), penalty=1e-4, iterations=60)
    parameters = learner.parameters(learner.fit(data, episodes))
    start = slope_norm(learner, data, episodes, torch.zeros_like(parameters))
    assert bool((slope_norm(learner, data, episodes, parameters) < 1e-6 * start).all())


def test_convergence_is_fast_where_the_rows_vanish(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("burgers", 1, 5, 4)
    model = FeatureModel(pde, width=40, scale=1.0)
    norms = []
    for iterations in range(1, 6):
        learner = GaussNewton(model, penalty=1e-13, iterations=iterations)
        norms.append(float(slope_norm(learner, data, episodes, learner.parameters(learner.fit(data, episodes)))))
    assert all(after < 0.2 * before for before, after in pairwise(norms))
    assert norms[-1] < 1e-7


def test_it_stops_where_the_loss_has_become_flat(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("burgers", 3, 9, 6)
    model = FeatureModel(pde, width=24, scale=1.0)
    last = GaussNewton(model, penalty=1e-4, iterations=60)
    flat = GaussNewton(model, penalty=1e-4, iterations=60, decrease=1e-3)
    first = GaussNewton(model, penalty=1e-4, iterations=60, decrease=1.0)
    once = GaussNewton(model, penalty=1e-4, iterations=1)
    losses = [
        g.training_loss(g.parameters(g.fit(data, episodes)), g.prepare(data, episodes)).max() for g in (last, flat, first, once)
    ]
    assert losses[0] <= losses[1] <= losses[0] * (1 + 1e-2)
    assert losses[2] == losses[3] > losses[1]


def test_no_step_is_halved_where_only_rounding_is_left(setting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    pde, data, episodes = setting("burgers", 3, 9, 6)
    seen: list[int] = []
    usual = FeatureModel.linearise
    monkeypatch.setattr(FeatureModel, "linearise", lambda *given: seen.append(1) or usual(*given))
    counts = []
    model = FeatureModel(pde, width=24, scale=1.0)
    GaussNewton(model, 1e-4, 60, tolerance=0.0, progress=lambda *_: counts.append(len(seen))).fit(data, episodes)
    assert [after - before for before, after in pairwise(counts[-20:])] == [1] * 19


def test_it_tells_every_step(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("burgers", 3, 9, 6)
    told: list[tuple[int, int]] = []
    model = FeatureModel(pde, width=24, scale=1.0)
    GaussNewton(model, 1e-4, 3, tolerance=0.0, progress=lambda done, most: told.append((done, most))).fit(data, episodes)
    assert told == [(0, 3), (1, 3), (2, 3)]


def test_it_goes_on_while_the_linearised_problem_promises_much(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("burgers", 3, 9, 6)
    model = FeatureModel(pde, width=24, scale=1.0)
    last, first, promising = (
        GaussNewton(model, penalty=1e-4, iterations=60, **settings)
        for settings in ({}, {"decrease": 1.0}, {"decrease": 1.0, "promise": 0.5})
    )
    losses = [g.training_loss(g.parameters(g.fit(data, episodes)), g.prepare(data, episodes)) for g in (last, first, promising)]
    assert bool((losses[2] < 2 * losses[0]).all())
    assert bool((losses[1] > 2 * losses[0]).any())


def test_on_a_linear_pde_it_is_ridge(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("heat", 2, 9, 6)
    model = FeatureModel(pde, width=30, scale=1.0)
    # the penalty of Gauss-Newton stands beside half the squared rows, as does that of ridge beside the whole
    expected = Ridge(model, 1e-5).fit(data, episodes).weights
    found = GaussNewton(model, 1e-5).fit(data, episodes).weights
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("width", [6, 24], ids=["more rows than weights", "fewer rows"])
def test_the_implicit_gradient_of_the_risk(
    width: int, setting: Callable[..., Any], central_differences: Callable[..., Tensor]
) -> None:
    pde, data, episodes = setting("burgers", 1, 4, 4)
    learner = GaussNewton(FeatureModel(pde, width=width, scale=1.0), penalty=1e-3, iterations=30)
    problem = DistillationProblem(learner, BoundaryGeneralisation(episodes, [0]), RelativeL2(), Mean())
    _, gradient = Implicit()(problem, data, episodes)
    assert set(gradient) == set(data.learnable)
    for name, slope in gradient.items():
        expected = central_differences(
            lambda v, name=name: problem.evaluate(data.with_fields({name: v}), episodes), data[name]
        )
        assert float((slope - expected).norm()) < 1e-4 * float(expected.norm()) + 1e-9, name


def test_a_hypergradient_prepares_once_and_differentiates_only_where_a_step_was_taken(
    setting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pde, data, episodes = setting("burgers", 16, 20, 12)
    seen = dict.fromkeys(("prepare", "linearise", "slopes"), 0)

    def counted(owner: type, name: str, as_what: str) -> None:
        usual = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *given, **more: (seen.update({as_what: seen[as_what] + 1}), usual(*given, **more))[1])

    counted(FeatureModel, "prepare", "prepare")
    counted(FeatureModel, "linearise", "linearise")
    usual = RowsJacobian.slopes.func  # type: ignore[attr-defined]
    slopes = cached_property(lambda self: (seen.update(slopes=seen["slopes"] + 1), usual(self))[1])
    slopes.__set_name__(RowsJacobian, "slopes")
    monkeypatch.setattr(RowsJacobian, "slopes", slopes)
    steps: list[int] = []
    learner = GaussNewton(FeatureModel(pde, width=48, scale=1.0), 1e-6, 8, progress=lambda done, most: steps.append(done))
    problem = DistillationProblem(learner, BoundaryGeneralisation(episodes, [0]), RelativeL2(), Mean())
    Implicit()(problem, data, episodes)
    # at the weights before every step, and at the last ones for the adjoint; more points are looked at, since steps are halved
    assert seen["prepare"] == 1
    assert seen["slopes"] == len(steps) + 1
    assert seen["linearise"] > len(steps) + 2


def hessians(learner: GaussNewton, parameters: Tensor, data: Any, episodes: Any) -> list[Tensor]:
    def loss(theta: Tensor, e: int) -> Tensor:
        return learner.training_loss(theta[None].expand(len(parameters), -1), learner.prepare(data, episodes))[e]

    function = torch.autograd.functional.hessian
    return [function(partial(loss, e=e), each) for e, each in enumerate(parameters)]  # type: ignore[no-untyped-call]


def test_the_hessian_is_that_of_the_training_loss(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("burgers", 2, 6, 5)
    learner = GaussNewton(FeatureModel(pde, width=7, scale=1.0), penalty=1e-3)
    generator = torch.Generator().manual_seed(0)
    parameters = torch.randn((2, 7), generator=generator, dtype=torch.float64)
    right = torch.randn((2, 7), generator=generator, dtype=torch.float64)
    solved = learner.solve_hessian(parameters, learner.prepare(data, episodes), right)
    for e, hessian in enumerate(hessians(learner, parameters, data, episodes)):
        torch.testing.assert_close(hessian @ solved[e], right[e], rtol=1e-8, atol=1e-8)


def test_only_episodes_that_are_at_no_minimum_are_solved_densely(
    setting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pde, data, episodes = setting("burgers", 4, 6, 5)
    learner = GaussNewton(FeatureModel(pde, width=24, scale=1.0), penalty=1e-3, iterations=30)
    parameters = learner.parameters(learner.fit(data, episodes)).clone()
    # far from any minimum, where the Hessian is indefinite
    parameters[[1, 2]] = 3 * torch.randn((2, 24), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = hessians(learner, parameters, data, episodes)
    assert [float(torch.linalg.eigvalsh(each)[0]) > 0 for each in found] == [True, False, False, True]
    densely: list[int] = []
    solve = GaussNewton._solve_densely
    monkeypatch.setattr(
        GaussNewton, "_solve_densely", lambda self, j, c, right: (densely.append(len(right)), solve(self, j, c, right))[1]
    )
    right = torch.randn((4, 24), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    solved = learner.solve_hessian(parameters, learner.prepare(data, episodes), right)
    assert densely == [2]
    for e, hessian in enumerate(found):
        torch.testing.assert_close(hessian @ solved[e], right[e], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("settings", [{"penalty": 0.0}, {"iterations": 0}])
def test_odd_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="GaussNewton: penalty="):
        GaussNewton(None, **settings)  # type: ignore[arg-type]
