"""The unrolled adjoint against naive unrolling and central differences."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.hypergradients import UnrolledAdjoint
from pinndd.hypergradients.protocol import leaves
from pinndd.learners.adam import Adam
from pinndd.pinn.episodes import BoundaryEpisodes
from pinndd.pinn.mlp_model import MLPModel
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.tasks.boundary import BoundaryGeneralisation

Case = tuple[DistillationProblem, SyntheticData, BoundaryEpisodes]


@pytest.fixture(scope="module", params=["heat", "burgers"])
def case(request: Any, setting: Callable[..., Any]) -> Case:
    pde, data, episodes = setting(request.param, 2, 5, 4)
    # Adam's first step is nearly the sign of the gradient: `tiny` smooths it enough for finite differences
    learner = Adam(MLPModel(pde, (4, 3)), steps=8, learning_rate=0.02, tiny=1e-3, dtype=torch.float64)
    return DistillationProblem(learner, BoundaryGeneralisation(episodes, [0]), RelativeL2(), Mean()), data, episodes


def test_it_equals_naive_unrolling(case: Case) -> None:
    problem, data, episodes = case
    risk, gradient = UnrolledAdjoint()(problem, data, episodes)
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
