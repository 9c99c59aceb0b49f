"""Matching criteria on networks and images: gradients against central differences, what they vanish on, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pinndd.constraints import Box
from pinndd.data import SyntheticData
from pinndd.distances import CrossEntropy
from pinndd.held_out import HeldOutPrediction, one_hot
from pinndd.learners.adam import Adam
from pinndd.learners.linear import LinearRidge
from pinndd.learners.network import NetworkModel
from pinndd.matching import (
    DistributionMatching,
    FeatureRidge,
    GradientMatching,
    NetworkEmbedding,
    RandomLayer,
    TrajectoryMatching,
)
from pinndd.matching.minibatch import draw_batch
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean

GENERATOR = torch.Generator().manual_seed(4)
IMAGES = torch.randn((30, 1, 4, 4), generator=GENERATOR, dtype=torch.float64)
LABELS = one_hot(torch.arange(30) % 3, 3, torch.float64)
BOX = {"inputs": Box((-9.0,), (9.0,)), "targets": Box((-9.0,), (9.0,))}
FULL = SyntheticData({"inputs": IMAGES, "targets": LABELS}, BOX)
START = SyntheticData({"inputs": IMAGES[:6] + 0.2, "targets": 0.8 * LABELS[:6] + 0.1}, BOX)


def smooth() -> nn.Module:
    """A network without corners, so that central differences hold."""
    return nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(48, 3))


MODEL = NetworkModel(smooth)
LEARNER = Adam(MODEL, steps=6, learning_rate=0.01, dtype=torch.float64)
TASK = HeldOutPrediction(IMAGES, LABELS, queries=8)
PROBLEM = DistillationProblem(LEARNER, TASK, CrossEntropy(), Mean())
EPISODES = TASK.episodes(2, torch.Generator().manual_seed(3))


def louder(inputs: Tensor, seed: int) -> Tensor:
    return inputs * (1 + 0.1 * (seed % 7))


CRITERIA = {
    "gradient by class": GradientMatching(FULL, by_class=True, batch=4, augmentation=louder),
    "gradient by layer": GradientMatching(FULL, layerwise=True, by_class=True, batch=4),
    "distribution": DistributionMatching(FULL, NetworkEmbedding(MODEL), by_class=True, batch=5, augmentation=louder),
    "trajectory": TrajectoryMatching(FULL, student_steps=2, expert_steps=3, latest=2, batch=10),
    "feature ridge": FeatureRidge(oldest=0),
}


@pytest.mark.parametrize("name", list(CRITERIA))
def test_the_gradient_equals_central_differences(name: str, central_differences: Callable[..., Tensor]) -> None:
    criterion = CRITERIA[name]
    value, gradient = criterion(PROBLEM, START, EPISODES)
    assert float(value) > 0
    for field in ("inputs", "targets"):
        found = gradient[field].reshape(6, -1)[:2, :3]

        def moved(part: Tensor, field: str = field) -> Tensor:
            whole = START[field].clone()
            whole.view(6, -1)[:2, :3] = part
            return criterion(PROBLEM, START.with_fields({field: whole}), EPISODES)[0]

        at = START[field].reshape(6, -1)[:2, :3].clone()
        torch.testing.assert_close(found, central_differences(moved, at, step=1e-3), rtol=1e-6, atol=1e-9)


def test_the_features_of_older_networks_are_those_after_training_on_the_data() -> None:
    """At the smallest penalty and as many features as examples, ridge regression interpolates whatever it was trained on."""
    asked = HeldOutPrediction(START["inputs"], START["targets"], queries=6)
    value, _ = FeatureRidge(oldest=6, penalty=1e-12)(
        DistillationProblem(LEARNER, asked, CrossEntropy(), Mean()), START, asked.everything(2, seed=5)
    )
    assert float(value) < 1e-12


def test_feature_ridge_has_a_closed_form() -> None:
    value, _ = FeatureRidge(oldest=0, penalty=1e-2)(PROBLEM, START, EPISODES)
    expected = []
    for k, weights in enumerate(MODEL.draw(2, EPISODES.seed, IMAGES)):
        known, asked = (
            torch.cat((MODEL.features(weights[None], x)[0], torch.ones(len(x), 1)), -1)
            for x in (START["inputs"], EPISODES.inputs[k])
        )
        gram = known @ known.T
        ridge = gram + 1e-2 * gram.trace() / 6 * torch.eye(6)
        found = asked @ known.T @ torch.linalg.inv(ridge) @ START["targets"]
        expected.append(0.5 * (found - EPISODES.targets[k]).square().sum(-1).mean())
    torch.testing.assert_close(value, torch.stack(expected).mean())


def test_layers_are_compared_output_by_output() -> None:
    criterion = GradientMatching(FULL, layerwise=True)
    value, _ = criterion(PROBLEM, START, EPISODES)
    theta = LEARNER.initial(START, EPISODES).requires_grad_()
    expected = torch.zeros((), dtype=torch.float64)
    mine, wanted = (
        torch.autograd.grad(LEARNER.training_loss(theta, LEARNER.prepare(side, EPISODES)).sum(), theta)[0] for side in (START, FULL)
    )
    # convolution (3, 1, 3, 3) and its bias, linear layer (3, 48) and its bias
    for first, outputs, inputs in ((0, 3, 9), (27 + 3, 3, 48)):
        a, b = (slope[:, first : first + outputs * inputs].reshape(2, outputs, inputs) for slope in (mine, wanted))
        cosine = (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1))
        expected = expected + (1 - cosine).sum(-1).mean()
    torch.testing.assert_close(value, expected)


def test_layers_need_a_network() -> None:
    ridge = DistillationProblem(LinearRidge(), TASK, CrossEntropy(), Mean())
    with pytest.raises(TypeError, match=r"layerwise distances need Adam on a NetworkModel; LinearRidge has no layers"):
        GradientMatching(FULL, layerwise=True)(ridge, START, EPISODES)


def test_a_batch_by_class_holds_so_many_of_each() -> None:
    batch = draw_batch(FULL, 4, GENERATOR, by_class=True)
    assert batch["targets"].sum(0).tolist() == [4, 4, 4]
    assert len(draw_batch(FULL, 7, GENERATOR)["inputs"]) == 7
    assert draw_batch(FULL, 99, GENERATOR) is FULL


def test_a_class_without_examples_is_refused() -> None:
    lacking = SyntheticData({"inputs": IMAGES[:2], "targets": LABELS[:2]}, BOX)
    with pytest.raises(ValueError, match="no example of class 2: matching by class needs at least one of every class"):
        GradientMatching(FULL, by_class=True)(PROBLEM, lacking, EPISODES)


def test_images_are_not_embedded_together_with_targets() -> None:
    with pytest.raises(ValueError, match=r"inputs have shape \(6, 1, 4, 4\), and only rows .* use by_class=True"):
        DistributionMatching(FULL, RandomLayer())(PROBLEM, START, EPISODES)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FeatureRidge(oldest=-1), "oldest=-1 must not be negative"),
        (lambda: FeatureRidge(penalty=0), "penalty=0 positive"),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_feature_ridge_needs_a_network_with_a_last_layer() -> None:
    ridge = DistillationProblem(LinearRidge(), TASK, CrossEntropy(), Mean())
    with pytest.raises(TypeError, match="FeatureRidge needs Adam on a NetworkModel, whose last layer it fits; LinearRidge"):
        FeatureRidge()(ridge, START, EPISODES)
    headless = NetworkModel(nn.Flatten)
    with pytest.raises(ValueError, match=r"Flatten has no features to give: expected a torch\.nn\.Sequential that ends"):
        headless.features(torch.zeros(1, 0), IMAGES)
