"""Class-incremental learning: what a task asks, and that class means are what distribution matching compares."""

import pytest
import torch

from pinndd.constraints import Box, Fixed
from pinndd.data import SyntheticData
from pinndd.distances import ZeroOne
from pinndd.held_out import Queries
from pinndd.hypergradients import Exact
from pinndd.matching.distribution import DistributionMatching, RandomLayer
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.vision.class_means import ClassMeans, FeatureMeans, Seeds, SquaredGap
from pinndd.vision.tasks.continual import ClassIncremental


def test_a_task_asks_about_the_classes_seen_and_no_other():
    inputs, labels = torch.arange(12.0)[:, None], torch.tensor([0, 1, 2] * 4)
    task = ClassIncremental(inputs, labels, (2, 0), queries=5)
    episodes = task.episodes(3, torch.Generator().manual_seed(0))
    assert episodes.inputs.shape == (3, 10, 1)
    asked = labels[episodes.inputs[..., 0].long()]
    assert torch.equal(asked, torch.tensor([2] * 5 + [0] * 5).expand(3, 10))
    assert torch.equal(task.truth(episodes, 0).argmax(-1), (asked == 0).long())
    everything = task.everything(2)
    assert everything.inputs[0, :, 0].tolist() == [0, 2, 3, 5, 6, 8, 9, 11]
    # a model that prefers the class not seen is not wrong: it may not answer with it
    outputs = torch.nn.functional.one_hot(labels, 3).float()
    outputs[:, 1] = 9.0
    answer = task.answer(lambda x: outputs[x[..., 0].long()], everything, 0)
    assert ZeroOne()(answer, task.truth(everything, 0)).tolist() == [0.0, 0.0]


def test_a_task_refuses_what_does_not_fit():
    inputs, labels = torch.zeros(4, 2), torch.tensor([0, 0, 1, 1])
    with pytest.raises(ValueError, match="4 inputs have 3 labels, expected one each"):
        ClassIncremental(inputs, labels[:3], (0,))
    with pytest.raises(ValueError, match=r"seen=\(0, 0\), expected one class or more"):
        ClassIncremental(inputs, labels, (0, 0))
    with pytest.raises(ValueError, match="queries=0 of each class"):
        ClassIncremental(inputs, labels, (0,), queries=0)
    with pytest.raises(ValueError, match="class 2 was seen, but the pool has no example"):
        ClassIncremental(inputs, labels, (0, 2))
    task = ClassIncremental(inputs, labels, (0, 1))
    with pytest.raises(ValueError, match="1 outputs, class 1 was seen"):
        task.answer(lambda x: torch.zeros(1, 4, 1), task.everything(), 0)
    with pytest.raises(ValueError, match="knows values only"):
        task.truth(task.everything(), 1)


def test_class_means_are_distribution_matching():
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn((9, 3), generator=generator, dtype=torch.float64)
    hot = torch.nn.functional.one_hot(torch.tensor([0, 1, 1] * 3), 2).double()
    full = SyntheticData({"inputs": inputs, "targets": hot}, {"inputs": Fixed(), "targets": Fixed()})
    data = SyntheticData(
        {"inputs": 0.3 * inputs[:4], "targets": hot[:4]}, {"inputs": Box((-9.0,), (9.0,)), "targets": Fixed()}
    )
    learner = FeatureMeans(RandomLayer(7))
    problem = DistillationProblem(learner, ClassMeans(full, learner), SquaredGap(), Mean())
    value, gradient = Exact()(problem, data, Seeds((5,)))
    other = DistributionMatching(full, RandomLayer(7), by_class=True)(problem, data, Queries(inputs[None], hot[None], 5))
    torch.testing.assert_close(value, other[0])
    torch.testing.assert_close(gradient["inputs"], other[1]["inputs"])
    assert float(value) > 0
