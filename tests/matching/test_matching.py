"""Surrogate criteria: gradients against central differences, closed forms, where they vanish, and their use in the outer loop."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pinndd.constraints import Box, Fixed
from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.held_out import HeldOutPrediction
from pinndd.learners.kernel_ridge import Kernel
from pinndd.learners.linear import LinearRidge, SoftmaxRegression, affine
from pinndd.matching import (
    DistributionMatching,
    GradientMatching,
    KernelInducingPoints,
    MaximumMeanDiscrepancy,
    RandomLayer,
    TrajectoryMatching,
)
from pinndd.outer_loop import OuterSettings, distill
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean

GENERATOR = torch.Generator().manual_seed(8)
POOL = torch.randn((40, 2), generator=GENERATOR, dtype=torch.float64)
ANSWERS = torch.stack((1 + POOL.sum(-1), 2 - POOL[:, 0]), -1).sigmoid()
TASK = HeldOutPrediction(POOL, ANSWERS, queries=10)
EPISODES = TASK.episodes(3, torch.Generator().manual_seed(1))
BOX = {"inputs": Box((-9.0,), (9.0,)), "targets": Box((-9.0,), (9.0,)), "name": Fixed()}


def examples(inputs: Tensor, targets: Tensor) -> SyntheticData:
    """Return a set with a field that no criterion reads."""
    return SyntheticData({"inputs": inputs, "targets": targets, "name": torch.ones(1, dtype=torch.float64)}, BOX)


FULL = examples(POOL, ANSWERS)
START = examples(POOL[:4] + 0.3, ANSWERS[:4] + 0.1)
CRITERIA = {
    "gradient": GradientMatching(FULL),
    "gradient, squares": GradientMatching(FULL, cosine=False),
    "gradient, a batch": GradientMatching(FULL, batch=7, augmentation=lambda x, seed: x * (1 + 0.1 * (seed % 3))),
    "trajectory, batches": TrajectoryMatching(FULL, student_steps=2, expert_steps=4, latest=2, learning_rate=0.3, batch=9),
    "trajectory": TrajectoryMatching(FULL, student_steps=3, expert_steps=6, latest=4, learning_rate=0.3),
    "distribution": DistributionMatching(FULL),
    "distribution by class": DistributionMatching(FULL, RandomLayer(20, 2.0), by_class=True),
    "distribution, a batch": DistributionMatching(FULL, batch=7, augmentation=lambda x, seed: x + seed % 5),
    "discrepancy": MaximumMeanDiscrepancy(FULL),
    "kernel": KernelInducingPoints(FULL, Kernel(2.0), penalty=1e-3),
}


def problem(learner: Any) -> DistillationProblem:
    return DistillationProblem(learner, TASK, RelativeL2(), Mean())


@pytest.mark.parametrize("learner", [LinearRidge(0.1), SoftmaxRegression(0.1)], ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("name", list(CRITERIA))
def test_the_gradient_equals_central_differences(
    name: str, learner: Any, central_differences: Callable[..., Tensor]
) -> None:
    criterion, asked = CRITERIA[name], problem(learner)
    value, gradient = criterion(asked, START, EPISODES)
    assert value.shape == ()
    assert not value.requires_grad
    assert set(gradient) == {"inputs", "targets"}
    for field, found in gradient.items():

        def moved(tensor: Tensor, field: str = field) -> Tensor:
            return criterion(asked, START.with_fields({field: tensor}), EPISODES)[0]

        torch.testing.assert_close(found, central_differences(moved, START[field], step=1e-3), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", [n for n in CRITERIA if "batch" not in n and n not in {"trajectory", "kernel"}])
def test_it_vanishes_on_all_data(name: str) -> None:
    value, gradient = CRITERIA[name](problem(LinearRidge(0.1)), FULL, EPISODES)
    assert abs(float(value)) < 1e-14
    assert all(float(g.abs().max()) < 1e-7 for g in gradient.values())


def test_a_student_on_all_data_that_trains_as_long_as_the_expert_arrives_where_it_does() -> None:
    criterion = TrajectoryMatching(FULL, student_steps=6, expert_steps=6)
    assert float(criterion(problem(LinearRidge(0.1)), FULL, EPISODES)[0]) < 1e-28


def test_gradient_matching_has_a_closed_form_for_ridge() -> None:
    learner = LinearRidge(0.1)
    theta = learner.initial(START, EPISODES).reshape(3, 3, 2)

    def slope(data: SyntheticData) -> Tensor:
        matrix = affine(data["inputs"])
        return matrix.T @ (matrix @ theta - data["targets"]) / len(matrix) + 0.1 * theta

    expected = (slope(START) - slope(FULL)).square().sum((1, 2)).mean()
    torch.testing.assert_close(GradientMatching(FULL, cosine=False)(problem(learner), START, EPISODES)[0], expected)


def test_later_steps_of_gradient_matching_look_at_later_parameters() -> None:
    asked = problem(LinearRidge(0.1))
    one, five = (GradientMatching(FULL, steps=k, cosine=False)(asked, START, EPISODES)[0] for k in (1, 5))
    assert float(five) < float(one)


def test_the_random_embedding_is_drawn_from_the_seed_of_the_episodes() -> None:
    value = [DistributionMatching(FULL)(problem(LinearRidge()), START, replace(EPISODES, seed=s))[0] for s in (1, 1, 2)]
    assert value[0] == value[1] != value[2]


def test_the_discrepancy_of_two_points_is_known() -> None:
    def point(x: float) -> SyntheticData:
        return examples(torch.tensor([[x]], dtype=torch.float64), torch.zeros((1, 1), dtype=torch.float64))

    value, _ = MaximumMeanDiscrepancy(point(0.0), length=0.5)(problem(LinearRidge()), point(1.0), EPISODES)
    torch.testing.assert_close(value, 2 - 2 * torch.tensor(-2.0, dtype=torch.float64).exp())


def test_inducing_points_at_all_data_interpolate() -> None:
    value, _ = KernelInducingPoints(FULL, Kernel(2.0), penalty=1e-9)(problem(LinearRidge()), FULL, EPISODES)
    assert float(value) < 1e-8


@pytest.mark.parametrize("name", [n for n in CRITERIA if "batch" not in n])
def test_the_outer_loop_takes_it_in_place_of_a_hypergradient(name: str) -> None:
    settings = OuterSettings(steps=60, batch=8, learning_rate=0.01, validate_every=10)
    asked = problem(LinearRidge(0.01))
    found = distill(asked, START, hypergradient=CRITERIA[name], validation=[TASK.everything()], settings=settings)
    values = [row["risk"] for row in found.history[1:]]
    assert values[-1] < values[0]


class Silent:
    """A learner without a training loss."""

    differentiation = "none"

    def fit(self, data: SyntheticData, episodes: Any) -> Any:
        pytest.fail("matching trains no model")


@pytest.mark.parametrize("name", ["gradient", "trajectory"])
def test_a_learner_without_training_loss_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match="needs a learner with initial, prepare, training_loss; Silent has none: use Distribution"):
        CRITERIA[name](problem(Silent()), START, EPISODES)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GradientMatching(FULL, steps=0), "steps=0 and batch=None must be at least 1"),
        (lambda: GradientMatching(FULL, learning_rate=0), "learning_rate=0 positive"),
        (lambda: GradientMatching(FULL, batch=0), "batch=0 must be at least 1"),
        (lambda: DistributionMatching(FULL, batch=0), "batch=0 must be at least 1"),
        (
            lambda: TrajectoryMatching(FULL, student_steps=0),
            "student_steps=0, expert_steps=10 and batch=None must be at least 1",
        ),
        (lambda: TrajectoryMatching(FULL, latest=-1), "latest=-1 not negative"),
        (lambda: RandomLayer(0), "width=0 must be at least 1"),
        (lambda: MaximumMeanDiscrepancy(FULL, length=0), "length=0 must be positive"),
        (lambda: KernelInducingPoints(FULL, Kernel(), penalty=0), "penalty=0 must be positive"),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_classes_without_examples_are_refused() -> None:
    lacking = examples(POOL[:4], torch.eye(2, dtype=torch.float64)[[0, 0, 0, 0]])
    with pytest.raises(ValueError, match=r"every class must have an example; the least target is 0, the least count 0"):
        DistributionMatching(FULL, by_class=True)(problem(LinearRidge()), lacking, EPISODES)


def test_an_expert_at_rest_is_refused() -> None:
    asleep = LinearRidge(1.0, torch.zeros_like)
    criterion = TrajectoryMatching(FULL, expert_steps=1, latest=0, learning_rate=1e-300)
    with pytest.raises(
        ValueError, match=r"the expert does not move after step 0: lower latest=0 or change learning_rate=1e-300"
    ):
        criterion(problem(asleep), START, EPISODES)
