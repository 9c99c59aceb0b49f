"""Levenberg-Marquardt: the Jacobian, the step in both forms, convergence, and networks that do not disturb each other."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from pinndd.learners import levenberg_marquardt as module
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt, NotFiniteError, _Batch
from pinndd.pinn.declare.conditions import Dirichlet
from pinndd.pinn.declare.pde import PDE, BoundaryValues
from pinndd.pinn.families import Sine
from pinndd.pinn.jets import network_jacobian
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.jets.network_jacobian import NetworkJacobian
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


SETTINGS = ["heat", "burgers", "advection", "kdv", "system"]


def jacobian_of(name: str, setting: Callable[..., Any], hidden: tuple[int, ...]) -> tuple[NetworkJacobian, Tensor]:
    """The Jacobian of two networks, and the same by autograd."""
    pde, data, episodes = system_setting() if name == "system" else setting(name, 2, 5, 6)
    model = MLPModel(pde, hidden)
    prepared = model.prepare(data, episodes)
    theta = model.initial(episodes, data["interior"]) + 0.1
    rows, jacobian = model.linearise(prepared, theta)
    torch.testing.assert_close(rows, model.rows(prepared, theta))
    expected = [
        torch.autograd.functional.jacobian(lambda t, e=e: model.rows(model.select(prepared, slice(e, e + 1)), t[None])[0], theta[e])
        for e in range(2)
    ]
    return jacobian, torch.stack(expected)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_jacobian_is_that_of_autograd(name: str, setting: Callable[..., Any]) -> None:
    jacobian, expected = jacobian_of(name, setting, (4, 3))
    assert (jacobian.rows, jacobian.columns) == tuple(expected.shape[1:])
    torch.testing.assert_close(jacobian.dense(), expected, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(jacobian.normal(), expected.mT @ expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("factored", [True, False, None], ids=["factors", "columns", "whichever is less"])
@pytest.mark.parametrize("name", SETTINGS)
def test_products_with_the_jacobian_need_none_of_its_entries(
    name: str, factored: bool | None, setting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    jacobian, expected = jacobian_of(name, setting, (4, 5, 3))
    monkeypatch.setattr(network_jacobian, "_AT_A_TIME", 1 + bool(factored))  # the networks apart, or together
    if factored is not None:
        monkeypatch.setattr(NetworkJacobian, "_factored", lambda self, layer: factored)
    generator = torch.Generator().manual_seed(0)
    right = torch.randn(expected.shape[::2], generator=generator, dtype=torch.float64)
    left = torch.randn(expected.shape[:2], generator=generator, dtype=torch.float64)
    torch.testing.assert_close(jacobian.gram(), expected @ expected.mT, rtol=1e-10, atol=1e-11)
    torch.testing.assert_close(jacobian.times(right), (expected @ right[..., None])[..., 0], rtol=1e-10, atol=1e-11)
    torch.testing.assert_close(jacobian.transposed_times(left), (left[:, None] @ expected)[:, 0], rtol=1e-10, atol=1e-11)


def test_the_gram_matrix_of_wide_layers_comes_from_their_factors(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("heat", 1, 64, 30)
    model = MLPModel(pde)
    _, jacobian = model.linearise(model.prepare(data, episodes), model.initial(episodes, data["interior"]))
    assert [jacobian._factored(layer) for layer in jacobian.layers] == [False, True, True, False]


def test_some_networks_of_a_jacobian_are_taken_and_put_back(setting: Callable[..., Any]) -> None:
    jacobian, expected = jacobian_of("heat", setting, (4, 3))
    second = jacobian.select(torch.tensor([1]))
    torch.testing.assert_close(second.dense(), expected[1:])
    jacobian.update(torch.tensor([0]), second)
    torch.testing.assert_close(jacobian.dense(), expected[[1, 1]])


class Bent:
    """Rows ``A tanh(θ) - 1`` of networks whose weights are θ: everything is known in closed form."""

    def __init__(self, rows: int, weights: int) -> None:
        self.matrix = torch.randn((rows, weights), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        self.parameter_count = weights

    def linearise(self, prepared: Tensor, theta: Tensor) -> tuple[Tensor, Any]:
        return self.rows(prepared, theta), DenseJacobian(self.matrix * (1 - theta.tanh().square())[:, None])

    def rows(self, prepared: Tensor, theta: Tensor) -> Tensor:
        return theta.tanh() @ self.matrix.T - 1

    def select(self, prepared: Tensor, index: Tensor) -> Tensor:
        return prepared


@dataclass
class DenseJacobian:
    """A Jacobian of which all entries are kept."""

    matrix: Tensor
    rows = property(lambda self: self.matrix.shape[1])
    columns = property(lambda self: self.matrix.shape[2])

    def normal(self) -> Tensor:
        return self.matrix.mT @ self.matrix

    def gram(self) -> Tensor:
        return self.matrix @ self.matrix.mT

    def times(self, vectors: Tensor) -> Tensor:
        return (self.matrix @ vectors[..., None])[..., 0]

    def transposed_times(self, rows: Tensor) -> Tensor:
        return (self.matrix.mT @ rows[..., None])[..., 0]


@pytest.mark.parametrize("accelerated", [False, True])
@pytest.mark.parametrize("shape", [(5, 9), (9, 5)], ids=["dual", "primal"])
def test_a_trial_is_the_damped_step_with_half_its_acceleration(
    shape: tuple[int, int], accelerated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PROBE", 1e-4)
    model = Bent(*shape)
    theta = 0.3 * torch.randn((3, shape[1]), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    learner: Any = LevenbergMarquardt(model, acceleration=1e9 if accelerated else 0.0)  # type: ignore[arg-type]
    batch = _Batch(learner, theta, theta, torch.arange(3))
    batch.damping = doubles(0.1, 1.0, 10.0)
    rows, jacobian = model.rows(theta, theta), model.linearise(theta, theta)[1].matrix
    left = jacobian.mT @ jacobian + batch.damping[:, None, None] * torch.eye(shape[1])

    def solved(right: Tensor) -> Tensor:
        return -torch.linalg.solve(left, jacobian.mT @ right[..., None])[..., 0]

    step = solved(rows)
    if accelerated:
        second = (-2 * theta.tanh() * (1 - theta.tanh().square()) * step.square()) @ model.matrix.T
        step = step + 0.5 * solved(second)
    before = batch.loss.clone()
    better = batch.attempt()
    assert bool(better.any())
    torch.testing.assert_close(batch.theta[better], (theta + step)[better], rtol=1e-4, atol=1e-6)
    assert bool((batch.loss[better] < before[better]).all())


def test_the_acceleration_saves_jacobians(setting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    pde, data, episodes = setting("heat", 4, 24, 12)
    model, counts, original = MLPModel(pde, (16, 16)), [0, 0], MLPModel.linearise
    for k, acceleration in enumerate((0.0, 1.5)):

        def counted(self: MLPModel, prepared: Any, parameters: Tensor, k: int = k) -> Any:
            counts[k] += len(parameters)
            return original(self, prepared, parameters)

        monkeypatch.setattr(MLPModel, "linearise", counted)
        LevenbergMarquardt(model, acceleration=acceleration).fit(data, episodes)
    assert counts[1] < 0.8 * counts[0], counts


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
    slopes = [jacobian.transposed_times(rows).norm(dim=-1) for rows, jacobian in (first, last)]
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


def test_training_goes_on_from_given_weights(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("heat", 3, 6, 5)
    learner = LevenbergMarquardt(MLPModel(pde, (6,)))
    prepared, start = learner.prepare(data, episodes), learner.initial(data, episodes)
    part = learner.train(prepared, start, iterations=3)
    whole = learner.train(prepared, part)
    losses = [learner.model.rows(prepared, theta).square().sum(-1) for theta in (start, part, whole)]
    assert bool((losses[0] > losses[1]).all())
    assert bool((losses[1] > losses[2]).all())


def test_fresh_points_are_drawn_for_every_step(setting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    pde, data, episodes = setting("heat", 2, 12, 10)
    model, seen = MLPModel(pde, (8,)), []
    original = MLPModel.prepare

    def watched(self: MLPModel, data: Any, episodes: Any) -> Any:
        seen.append(data["interior"].clone())
        return original(self, data, episodes)

    monkeypatch.setattr(MLPModel, "prepare", watched)
    learner = LevenbergMarquardt(model, iterations=12, fresh=True)
    assert learner.differentiation == "none"
    fitted = learner.fit(data, episodes)
    drawn = torch.stack(seen[-12:])
    assert drawn.shape == (12, 12, 2)
    assert len({float(points[0, 0]) for points in drawn}) == 12
    again = learner.fit(data, episodes)
    torch.testing.assert_close(again.parameters, fitted.parameters, rtol=0, atol=0)
    prepared = learner.prepare(data, episodes)
    losses = [model.rows(prepared, theta).square().sum(-1) for theta in (learner.initial(data, episodes), fitted.parameters)]
    assert bool((losses[1] < losses[0]).all())


def test_a_number_that_is_not_finite_names_the_condition_and_the_step() -> None:
    class Broken(Bent):
        def rows(self, prepared: Tensor, theta: Tensor) -> Tensor:
            return super().rows(prepared, theta) / (prepared[:, :1] - 2).sign().square() * prepared[:, :1]

        def select(self, prepared: Tensor, index: Tensor) -> Tensor:
            return prepared[index]

        def training_bytes(self, prepared: Tensor) -> int:
            return 1

    learner: Any = LevenbergMarquardt(Broken(3, 5), memory=2)  # type: ignore[arg-type]
    theta = torch.full((4, 5), 0.1, dtype=torch.float64)
    values = torch.ones((4, 1), dtype=torch.float64)
    values[3] = torch.nan
    with pytest.raises(NotFiniteError, match="condition 3, step 0: a row is not finite; check the values of that condition"):
        learner.train(values, theta)

    class Steep(Bent):
        def linearise(self, prepared: Tensor, theta: Tensor) -> tuple[Tensor, Any]:
            rows, jacobian = super().linearise(prepared, theta)
            moved = (theta - 0.1).abs().amax(-1) > 0
            return rows, DenseJacobian(torch.where(moved[:, None, None], torch.inf, jacobian.matrix))

        def training_bytes(self, prepared: Tensor) -> int:
            return 1

    with pytest.raises(NotFiniteError, match="condition 0, step 1: a derivative of its rows is not finite"):
        LevenbergMarquardt(Steep(3, 5)).train(values, theta[:1])  # type: ignore[arg-type]


def test_too_many_rows_are_refused_before_they_are_computed(
    setting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pde, data, episodes = setting("heat", 1, 40, 9)
    model = MLPModel(pde)
    learner = LevenbergMarquardt(model)
    needed = model.training_bytes(learner.prepare(data, episodes))
    monkeypatch.setattr(module, "available_memory", lambda device: needed - 1)
    monkeypatch.setattr(MLPModel, "linearise", lambda *arguments: pytest.fail("computed"))
    with pytest.raises(MemoryError, match=r"a network takes about .* GiB on these points, .* fewer points, or train .* with Adam"):
        learner.fit(data, episodes)


def test_the_estimate_of_memory_is_about_what_a_step_takes(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("heat", 8, 300, 60)
    learner = LevenbergMarquardt(MLPModel(pde), iterations=1)
    needed = 8 * learner.model.training_bytes(learner.prepare(data, episodes))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as watched:
        learner.fit(data, episodes)
    held = peak = 0
    for event in watched.profiler.kineto_results.events():  # type: ignore[union-attr]
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    assert 0.4 * peak < needed < 2.5 * peak


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"iterations": 0}, "LevenbergMarquardt: iterations=0"),
        ({"acceleration": -1.0}, "acceleration=-1.0 and tolerance=1e-07 must not be negative"),
        ({"tolerance": -1.0}, "tolerance=-1.0 must not be negative"),
        ({"memory": 0}, "memory=0 must be at least 1"),
    ],
)
def test_odd_settings_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LevenbergMarquardt(None, **wrong)  # type: ignore[arg-type]


def doubles(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
