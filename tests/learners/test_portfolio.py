"""Networks of different shapes side by side: each is trained as it is alone, and all are differentiated at once."""

import pytest
import torch
from torch import nn

from pinndd.constraints import Box, Simplex
from pinndd.data import SyntheticData
from pinndd.distances import Kendall
from pinndd.held_out import Queries
from pinndd.hypergradients import UnrolledAdjoint
from pinndd.hypergradients.protocol import leaves
from pinndd.learners.adam import Adam
from pinndd.learners.network import NetworkModel
from pinndd.learners.portfolio import Portfolio
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.vision.tasks.architecture_search import ArchitectureSearch


def perceptron(width, activation=nn.Tanh):
    return lambda: nn.Sequential(nn.Linear(3, width), activation(), nn.Linear(width, 2))


MODELS = (NetworkModel(perceptron(2)), NetworkModel(perceptron(4)), NetworkModel(perceptron(3, nn.Sigmoid), decay=0.1))


def learner(model):
    # Adam's first step is nearly the sign of the gradient: `tiny` smooths it enough for finite differences
    return Adam(model, steps=6, learning_rate=0.05, tiny=1e-3, dtype=torch.float64)


@pytest.fixture(scope="module")
def case():
    generator = torch.Generator().manual_seed(0)
    inputs = 0.5 * torch.randn((4, 3), generator=generator, dtype=torch.float64)
    targets = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]], dtype=torch.float64)
    data = SyntheticData({"inputs": inputs, "targets": targets}, {"inputs": Box((-5.0,), (5.0,)), "targets": Simplex()})
    asked = torch.randn((9, 3), generator=generator, dtype=torch.float64)
    classes = nn.functional.one_hot((asked.sum(-1) > 0).long(), 2).to(asked)
    scores = torch.tensor([0.5, 0.9, 0.7], dtype=torch.float64)
    task = ArchitectureSearch(asked, classes, scores, queries=6)
    problem = DistillationProblem(learner(Portfolio(MODELS)), task, Kendall(temperature=0.2), Mean())
    return problem, data, task.episodes(2, generator)


def test_each_network_is_trained_as_it_is_alone(case):
    problem, data, episodes = case
    together = problem.learner.fit(data, episodes)
    assert len(together) == len(problem.learner.model) == 3
    for model, fitted in zip(MODELS, together, strict=True):
        alone = learner(model).fit(data, episodes)
        torch.testing.assert_close(fitted.parameters, alone.parameters, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(fitted(episodes.inputs), alone(episodes.inputs), rtol=1e-10, atol=1e-12)
    assert problem.learner.model.size == sum(model.size for model in MODELS) == (3 + 1) * 9 + 9 * 2 + 3 * 2


def test_the_weighted_loss_reaches_every_network(case):
    problem, data, episodes = case
    weights = torch.tensor([1.0, 0.0, 2.0, 1.0], dtype=torch.float64)
    weighted = SyntheticData({**data.fields, "weights": weights}, {**data.constraints, "weights": Box((0.0,), (9.0,))})
    without = SyntheticData({name: value[[0, 2, 2, 3]] for name, value in data.fields.items()}, data.constraints)
    one, other = (problem.learner.fit(each, episodes) for each in (weighted, without))
    for first, second in zip(one, other, strict=True):
        torch.testing.assert_close(first.parameters, second.parameters, rtol=1e-9, atol=1e-12)


def test_the_unrolled_adjoint_differentiates_all_of_them(case, central_differences):
    problem, data, episodes = case
    risk, gradient = UnrolledAdjoint()(problem, data, episodes)
    tracked, fields = leaves(data)
    naive = problem.evaluate(tracked, episodes)
    torch.testing.assert_close(risk, naive.detach(), rtol=1e-12, atol=0)
    for name, expected in zip(fields, torch.autograd.grad(naive, list(fields.values())), strict=True):
        torch.testing.assert_close(gradient[name], expected, rtol=1e-9, atol=1e-13)

    def moved(inputs):
        return problem.evaluate(data.with_fields({"inputs": inputs}), episodes)

    expected = central_differences(moved, data["inputs"])
    assert float(expected.norm()) > 1e-3
    assert float((gradient["inputs"] - expected).norm() / expected.norm()) < 1e-6


def test_a_portfolio_without_models_is_refused():
    with pytest.raises(ValueError, match=r"models=\(\) is empty; expected one model per candidate"):
        Portfolio([])


def test_labelled_examples_cannot_be_drawn_anew(case):
    _, data, episodes = case
    fresh = Adam(Portfolio(MODELS), steps=2, fresh=True)
    with pytest.raises(TypeError, match="cannot be drawn anew"):
        fresh.fit(data, episodes)


def test_a_network_that_does_not_fit_the_targets_is_named(case):
    _, data, _ = case
    asked = Queries(torch.zeros((1, 2, 3)), torch.zeros((1, 2, 2)))
    wrong = NetworkModel(lambda: nn.Linear(3, 5))
    with pytest.raises(ValueError, match=r"Linear has outputs of shape \(.*5\)"):
        learner(Portfolio([MODELS[0], wrong])).fit(data, asked)
