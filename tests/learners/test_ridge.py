"""Ridge: both factorisations against numpy, and the exact gradient against central differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinndd.distances import RelativeH1, RelativeL2
from pinndd.hypergradients import Exact
from pinndd.learners.ridge import Ridge, ridge_solve
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.problem import DistillationProblem
from pinndd.risks import CVaR, Mean

SHAPES = pytest.mark.parametrize("shape", [(12, 5), (5, 12), (6, 6)], ids=["primal", "dual", "square"])


def draw(shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(shape, generator=generator, dtype=torch.float64)
    return matrix, torch.randn((3, shape[0]), generator=generator, dtype=torch.float64)


@SHAPES
def test_it_solves_the_augmented_least_squares(shape: tuple[int, int]) -> None:
    matrix, targets = draw(shape)
    rows = np.vstack((matrix.numpy(), 0.1 * np.eye(shape[1])))
    right = np.vstack((targets.numpy().T, np.zeros((shape[1], 3))))
    expected = np.linalg.lstsq(rows, right, rcond=None)[0].T
    torch.testing.assert_close(ridge_solve(matrix, targets, 0.01), torch.from_numpy(expected), rtol=1e-10, atol=1e-12)


@SHAPES
def test_a_tiny_penalty_leaves_the_minimum_norm_solution(shape: tuple[int, int]) -> None:
    matrix, targets = draw(shape)
    expected = np.linalg.lstsq(matrix.numpy(), targets.numpy().T, rcond=None)[0].T
    torch.testing.assert_close(ridge_solve(matrix, targets, 1e-20), torch.from_numpy(expected), rtol=1e-8, atol=1e-10)


@SHAPES
def test_it_is_differentiable(shape: tuple[int, int]) -> None:
    matrix, targets = draw(shape)

    def solve(matrix: Tensor, targets: Tensor) -> Tensor:
        return ridge_solve(matrix, targets, 0.01)

    assert torch.autograd.gradcheck(solve, (matrix.requires_grad_(), targets.requires_grad_()))


@pytest.mark.parametrize("width", [6, 30], ids=["more rows than features", "fewer rows"])
@pytest.mark.parametrize("risk", [Mean(), CVaR(0.4)], ids=["mean", "cvar"])
def test_the_exact_gradient_of_the_risk(
    width: int, risk: Any, setting: Callable[..., Any], central_differences: Callable[..., Tensor]
) -> None:
    pde, data, episodes = setting("heat", 3, 9, 6)
    learner = Ridge(FeatureModel(pde, width=width, scale=1.0), penalty=1e-4)
    problem = DistillationProblem(learner, BoundaryGeneralisation(episodes, [0]), RelativeL2(), risk)
    value, gradient = Exact()(problem, data, episodes)
    torch.testing.assert_close(value, problem.evaluate(data, episodes))
    assert set(gradient) == {"interior", "interior_weight", "boundary_weight", "left", "right", "start"}
    for name, slope in gradient.items():
        expected = central_differences(
            lambda v, name=name: problem.evaluate(data.with_fields({name: v}), episodes), data[name]
        )
        assert float((slope - expected).norm()) < 1e-6 * float(expected.norm()) + 1e-11, name


def test_gradients_of_the_solution_can_be_part_of_the_answer(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("heat", 2, 9, 6)
    fitted = Ridge(FeatureModel(pde, width=8)).fit(data, episodes)
    leaf = episodes.points.clone().requires_grad_()
    for e in range(2):
        (slope,) = torch.autograd.grad(fitted(leaf)[e].sum(), leaf)
        torch.testing.assert_close(fitted(leaf, RelativeH1.derivatives)[e, :, 1:].detach(), slope)


def test_one_factorisation_serves_every_episode(setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("heat", 3, 9, 6)
    learner = Ridge(FeatureModel(pde, width=20))
    together = learner.fit(data, episodes).weights
    for e in range(3):
        torch.testing.assert_close(together[e : e + 1], learner.fit(data, episodes[e : e + 1]).weights, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("penalty", [0.0, -1.0])
def test_a_penalty_that_is_not_positive_is_refused(penalty: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Ridge(None, penalty)  # type: ignore[arg-type]
