"""Ridge and softmax regression: optimality, closed forms, gradients in the data, refusals; and the prediction task."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pinndd.constraints import Box, Positive
from pinndd.data import SyntheticData
from pinndd.distances import RelativeH1, RelativeL2
from pinndd.held_out import HeldOutPrediction, Queries
from pinndd.hypergradients import Exact, Implicit
from pinndd.learners.linear import LinearRidge, SoftmaxRegression, affine
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean

GENERATOR = torch.Generator().manual_seed(4)
INPUTS = torch.randn((5, 2), generator=GENERATOR, dtype=torch.float64)
TARGETS = torch.rand((5, 3), generator=GENERATOR, dtype=torch.float64)
WEIGHTS = torch.rand(5, generator=GENERATOR, dtype=torch.float64) + 0.5
QUERIES = Queries(
    torch.randn((2, 4, 2), generator=GENERATOR, dtype=torch.float64),
    torch.rand((2, 4, 3), generator=GENERATOR, dtype=torch.float64),
    seed=9,
)
LEARNERS = [LinearRidge(0.1), SoftmaxRegression(0.1), LinearRidge(0.1, torch.sin), SoftmaxRegression(0.1, torch.sin)]
ESTIMATORS: dict[str, Any] = {"closed form": Exact(), "implicit": Implicit()}


def examples(**fields: Tensor) -> SyntheticData:
    box = Box((-9.0,), (9.0,))
    held = {"inputs": INPUTS, "targets": TARGETS, "weights": WEIGHTS, **fields}
    return SyntheticData(held, {"inputs": box, "targets": box, "weights": Positive()})


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: f"{type(learner).__name__}-{learner.features.__name__}")
def test_training_ends_where_the_gradient_of_its_loss_vanishes(learner: Any) -> None:
    theta = learner.parameters(learner.fit(examples(), QUERIES)).clone().requires_grad_()
    assert theta.shape == (2, 3 * (3 if learner.features is affine else 2))
    (slope,) = torch.autograd.grad(learner.training_loss(theta, learner.prepare(examples(), QUERIES)).sum(), theta)
    assert float(slope.abs().max()) < 1e-14


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: f"{type(learner).__name__}-{learner.features.__name__}")
def test_the_hessian_is_that_of_the_training_loss(learner: Any) -> None:
    theta = learner.initial(examples(), QUERIES)
    right = torch.linspace(-1, 1, theta.numel(), dtype=torch.float64).view_as(theta)
    solved = learner.solve_hessian(theta, learner.prepare(examples(), QUERIES), right)
    for k in range(2):
        hessian = torch.autograd.functional.hessian(
            lambda row: learner.training_loss(row[None], learner.prepare(examples(), QUERIES)).sum(), theta[k]
        )
        torch.testing.assert_close(hessian @ solved[k], right[k], rtol=0, atol=1e-12)


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: f"{type(learner).__name__}-{learner.features.__name__}")
def test_the_hypergradient_equals_central_differences(learner: Any, central_differences: Callable[..., Tensor]) -> None:
    problem = DistillationProblem(learner, HeldOutPrediction(INPUTS, TARGETS, queries=2), RelativeL2(), Mean())
    _, gradient = ESTIMATORS[learner.differentiation](problem, examples(), QUERIES)
    for name in ("inputs", "targets", "weights"):

        def risk(value: Tensor, name: str = name) -> Tensor:
            return problem.evaluate(examples(**{name: value}), QUERIES)

        expected = central_differences(risk, examples()[name], step=1e-3)
        torch.testing.assert_close(gradient[name], expected, rtol=1e-8, atol=1e-9)


def test_ridge_equals_the_normal_equations() -> None:
    matrix = affine(INPUTS)
    scaled = WEIGHTS[:, None] / 5 * matrix
    expected = torch.linalg.solve(scaled.T @ matrix + 0.1 * torch.eye(3), scaled.T @ TARGETS)
    fitted = LinearRidge(0.1).fit(examples(), QUERIES)
    torch.testing.assert_close(fitted.parameters, expected.reshape(1, -1).expand(2, -1))
    torch.testing.assert_close(fitted(QUERIES.inputs), affine(QUERIES.inputs) @ expected)


def test_a_weight_counts_like_a_repetition() -> None:
    once = examples(weights=torch.tensor([2.0, 1, 1, 1, 1], dtype=torch.float64))
    index = [0, 0, 1, 2, 3, 4]
    twice = examples(inputs=INPUTS[index], targets=TARGETS[index], weights=torch.ones(6, dtype=torch.float64))
    for kind in (LinearRidge, SoftmaxRegression):
        # the loss is a mean over the rows, so the penalty is rescaled by their number
        one, two = kind(0.06).fit(once, QUERIES), kind(0.05).fit(twice, QUERIES)
        torch.testing.assert_close(one.parameters, two.parameters, rtol=1e-12, atol=1e-12)


def test_softmax_without_inputs_predicts_the_frequencies() -> None:
    frequencies = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64)
    data = examples(inputs=torch.zeros((5, 2), dtype=torch.float64), targets=frequencies.expand(5, -1))
    predicted = SoftmaxRegression(1e-9).fit(data, QUERIES)(QUERIES.inputs * 0)
    torch.testing.assert_close(predicted, frequencies.expand(2, 4, -1), rtol=0, atol=1e-8)


def test_softmax_converges_on_separable_classes_in_either_precision() -> None:
    far = torch.eye(3, dtype=torch.float64)
    data = SyntheticData(
        {"inputs": 50 * far, "targets": far}, {"inputs": Box((-99.0,), (99.0,)), "targets": Box((0.0,), (1.0,))}
    )
    for dtype in (torch.float64, torch.float32):
        predicted = SoftmaxRegression(1e-6).fit(data.to("cpu", dtype), QUERIES)(50 * far.to(dtype).expand(2, -1, -1))
        assert float((predicted - far).abs().max()) < 1e-3
        assert predicted.dtype == dtype


def test_initial_parameters_depend_on_the_seed_of_the_episodes_only() -> None:
    learner = LinearRidge()
    drawn = learner.initial(examples(), QUERIES)
    assert torch.equal(drawn, learner.initial(examples(), QUERIES))
    assert not torch.equal(drawn, learner.initial(examples(), replace(QUERIES, seed=1)))
    assert not torch.equal(drawn[0], drawn[1])


def test_misuse_of_the_learners_is_refused() -> None:
    for kind in (LinearRidge, SoftmaxRegression):
        with pytest.raises(ValueError, match=f"{kind.__name__}: penalty=0 must be positive"):
            kind(0)
        with pytest.raises(ValueError, match=r"inputs \(4, 2\), targets \(5, 3\) and weights \(5,\) must be \(n, d\)"):
            kind().fit(examples(inputs=INPUTS[:4]), QUERIES)
    with pytest.raises(ValueError, match="iterations=0 must be at least 1"):
        SoftmaxRegression(iterations=0)
    with pytest.raises(ValueError, match=r"a target is -0\.5, expected probabilities"):
        SoftmaxRegression().fit(examples(targets=TARGETS * 0 - 0.5), QUERIES)
    with pytest.raises(RuntimeError, match=r"1 Newton steps did not converge: raise iterations or penalty=1e-06"):
        SoftmaxRegression(1e-6, iterations=1).fit(examples(), QUERIES)


def test_episodes_are_subsets_of_the_pool_without_repetition() -> None:
    pool = torch.arange(6, dtype=torch.float64)[:, None]
    task = HeldOutPrediction(pool, 10 * pool, queries=4)
    drawn = task.episodes(50, torch.Generator().manual_seed(0))
    assert drawn.inputs.shape == (50, 4, 1)
    assert all(len(set(row.flatten().tolist())) == 4 for row in drawn.inputs)
    assert torch.equal(task.truth(drawn, 0), 10 * drawn.inputs)
    assert set(drawn.inputs.flatten().tolist()) == set(range(6))
    again = task.episodes(50, torch.Generator().manual_seed(0))
    assert torch.equal(again.inputs, drawn.inputs)
    assert again.seed == drawn.seed
    whole = task.everything()
    assert len(whole) == 1
    assert torch.equal(whole.targets[0], 10 * pool)


def test_misuse_of_the_task_is_refused() -> None:
    with pytest.raises(ValueError, match="5 inputs have 4 targets, expected as many"):
        HeldOutPrediction(INPUTS, TARGETS[:4])
    with pytest.raises(ValueError, match="queries=6 must lie between 1 and the 5 of the pool"):
        HeldOutPrediction(INPUTS, TARGETS, queries=6)
    problem = DistillationProblem(LinearRidge(), HeldOutPrediction(INPUTS, TARGETS, queries=2), RelativeH1(), Mean())
    with pytest.raises(ValueError, match="use a distance without derivatives"):
        problem.evaluate(examples(), QUERIES)
