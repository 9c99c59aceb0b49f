"""The unrolled adjoint against naive unrolling and central differences."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.hypergradients import UnrolledAdjoint
from pinndd.hypergradients.protocol import leaves
from pinndd.hypergradients.trajectory import train
from pinndd.learners.adam import Adam
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean

Case = tuple[DistillationProblem, SyntheticData, BoundaryEpisodes]


@pytest.fixture(scope="module", params=["heat", "burgers"])
def case(request: Any, setting: Callable[..., Any]) -> Case:
    pde, data, episodes = setting(request.param, 2, 5, 4)
    # Adam's first step is nearly the sign of the gradient: `tiny` smooths it enough for finite differences
    learner = Adam(MLPModel(pde, (4, 3)), steps=8, learning_rate=0.02, tiny=1e-3, dtype=torch.float64)
    return DistillationProblem(learner, BoundaryGeneralisation(episodes, [0]), RelativeL2(), Mean()), data, episodes


@pytest.mark.parametrize("keep_graph", [False, True])
def test_it_equals_naive_unrolling(keep_graph: bool, case: Case) -> None:
    problem, data, episodes = case
    risk, gradient = UnrolledAdjoint(keep_graph=keep_graph)(problem, data, episodes)
    tracked, fields = leaves(data)
    naive = problem.evaluate(tracked, episodes)
    torch.testing.assert_close(risk, naive.detach(), rtol=1e-14, atol=0)
    for name, expected in zip(fields, torch.autograd.grad(naive, list(fields.values())), strict=True):
        torch.testing.assert_close(gradient[name], expected, rtol=1e-10, atol=1e-14)


def test_it_equals_central_differences(case: Case, central_differences: Callable[..., Tensor]) -> None:
    problem, data, episodes = case
    _, gradient = UnrolledAdjoint()(problem, data, episodes)
    assert set(gradient) == set(data.learnable)
    for name in data.learnable:

        def risk(value: Tensor, name: str = name) -> Tensor:
            return problem.evaluate(data.with_fields({name: value}), episodes)

        expected = central_differences(risk, data[name])
        assert float((gradient[name] - expected).norm() / expected.norm()) < 1e-7, name


def test_recorded_derivatives_of_a_step_equal_eager_ones(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    # the recording is run as it is: compiling it takes most of a minute
    monkeypatch.setattr(torch, "compile", lambda recorded, **_: recorded)
    problem, data, episodes = case
    _, eager = UnrolledAdjoint()(problem, data, episodes)
    _, recorded = UnrolledAdjoint(compile=True)(problem, data, episodes)
    for name in eager:
        torch.testing.assert_close(recorded[name], eager[name], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("keep_every", "compiled"), [(2, False), (3, False), (4, False), (7, False), (8, False), (50, False), (3, True)]
)
def test_recomputed_states_are_those_of_training(
    keep_every: int, compiled: bool, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 3 and 7 do not divide the 8 steps, 50 keeps the first state alone; recordings are run as they are
    monkeypatch.setattr(torch, "compile", lambda recorded, **_: recorded)
    problem, data, episodes = case
    problem = replace(problem, learner=replace(problem.learner, compile=compiled))
    risk, gradient = UnrolledAdjoint(compile=compiled)(problem, data, episodes)
    same, recomputed = UnrolledAdjoint(compile=compiled, keep_every=keep_every)(problem, data, episodes)
    assert torch.equal(same, risk)
    for name in gradient:
        assert torch.equal(recomputed[name], gradient[name]), name


@pytest.mark.parametrize(("window", "keep_every", "expected"), [(8, 1, 8), (8, 3, 3), (8, 50, 1), (5, 2, 3), (1, 4, 1)])
def test_a_trajectory_keeps_few_states_and_yields_all_of_the_window(
    window: int, keep_every: int, expected: int, case: Case
) -> None:
    problem, data, episodes = case
    learner: Any = problem.learner
    prepared = learner.prepare(data, episodes)
    states = [learner.start(prepared, episodes)]
    for t in range(8):
        states.append(learner.advance(states[-1], prepared, t))
    trajectory = train(learner, prepared, episodes, window, keep_every)
    assert len(trajectory.kept) == expected
    walked = list(trajectory.backwards())
    assert [t for t, _ in walked] == list(range(7, 7 - window, -1))
    for t, state in [(8, trajectory.final), *walked]:
        assert all(map(torch.equal, state, states[t])), t


def test_keeping_less_than_every_state_once_is_refused() -> None:
    with pytest.raises(ValueError, match="UnrolledAdjoint: keep_every=0 must be at least 1"):
        UnrolledAdjoint(keep_every=0)


@pytest.mark.parametrize("way", [{"compile": True}, {"keep_every": 2}])
def test_a_graph_that_is_kept_is_neither_compiled_nor_recomputed(way: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"keep_graph=True keeps what compile=.* and keep_every=. compute again: leave both out"):
        UnrolledAdjoint(keep_graph=True, **way)
