"""Class-incremental learning: what a task asks, what a memory may see, and what a stream reports."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pinndd.constraints import Box, Fixed
from pinndd.data import SyntheticData
from pinndd.distances import ZeroOne
from pinndd.held_out import Queries
from pinndd.hypergradients import Exact
from pinndd.learners.adam import Adam
from pinndd.learners.network import NetworkModel
from pinndd.matching.distribution import DistributionMatching, RandomLayer
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.study.classification.class_means import ClassMeans, FeatureMeans, Seeds, SquaredGap
from pinndd.study.classification.continual import (
    ContinualProtocol,
    Trace,
    _balanced,
    class_steps,
    gain,
    run_memories,
    run_stream,
    steps_frame,
    table,
)
from pinndd.study.classification.memories import MEMORIES, DistilledMemory, arrivals_of, clustered_memory
from pinndd.study.plots.continual import draw_continual
from pinndd.vision.datasets import from_arrays
from pinndd.vision.networks import MLP
from pinndd.vision.tasks.continual import ClassIncremental


def blobs(classes=4, each=20):
    """Classes of rows around the corners of a simplex, the columns of little range."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(classes).repeat_interleave(each)
    inputs = 3 * torch.eye(classes)[labels] + torch.randn((len(labels), classes), generator=generator)
    return from_arrays(inputs, labels, name="blobs")


def protocol(**options):
    learner = Adam(NetworkModel(MLP(4, 4, (8,))), steps=30, learning_rate=0.03)
    return ContinualProtocol(learner, **{"k": 3, "networks": 2, **options})


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


def test_a_memory_sees_the_new_training_examples_only():
    data, seen = blobs(), []

    def spy(arrivals, k, seed):
        seen.append(arrivals)
        return clustered_memory(arrivals, k, seed)

    trace = run_stream(data, "spy", spy, protocol(), seed=3)
    assert trace.steps == class_steps(4, 2, 3)
    for arrivals, numbers in zip(seen, trace.steps, strict=True):
        rows = {tuple(row) for row in data.train_inputs[torch.isin(data.train_labels, torch.tensor(numbers))].tolist()}
        for part in (arrivals.train_inputs, arrivals.test_inputs):
            assert {tuple(row) for row in part.tolist()} == rows
        assert arrivals.classes == tuple(str(number) for number in numbers)


def test_the_distilled_memory_is_nearer_in_features_and_as_large():
    arrivals = arrivals_of(blobs(), (1, 3))
    start, found = clustered_memory(arrivals, 3, 0), DistilledMemory(hidden=32, steps=60)(arrivals, 3, 0)
    assert found["inputs"].shape == start["inputs"].shape
    assert torch.equal(found["targets"], start["targets"])
    learner = FeatureMeans(RandomLayer(64, length=0.5))
    hot = torch.nn.functional.one_hot(arrivals.train_labels, 2).float()
    full = SyntheticData({"inputs": arrivals.train_inputs, "targets": hot}, {"inputs": Fixed(), "targets": Fixed()})
    problem = DistillationProblem(learner, ClassMeans(full, learner), SquaredGap(), Mean())
    # features of another kind than those that it was distilled with
    before, after = (float(problem.evaluate(data, Seeds((1, 2, 3)))) for data in (start, found))
    assert after < 0.7 * before


@pytest.mark.parametrize("replay", [False, True])
def test_every_memory_runs_and_is_learnt_from(replay):
    runs = run_memories(blobs(), {**MEMORIES, "distilled": DistilledMemory(hidden=16, steps=5)}, protocol(replay=replay))
    assert [run.memory for run in runs] == ["random", "herding", "k-means", "distilled"]
    for run in runs:
        assert len(run.accuracy) == 2
        assert [len(row) for row in run.groups] == [1, 2]
        # four classes: chance is a quarter
        assert run.accuracy[-1] > 0.5, run
    again = run_stream(blobs(), "random", MEMORIES["random"], protocol(replay=replay))
    assert replace(again, seconds=0.0) == replace(runs[0], seconds=0.0)
    assert "distilled" in table(runs)


def test_replay_shows_each_class_equally_often():
    hot = torch.eye(3)
    older = SyntheticData({"inputs": torch.zeros(2, 1), "targets": hot[[0, 0]]}, {"inputs": Fixed(), "targets": Fixed()})
    newest = SyntheticData({"inputs": torch.ones(12, 1), "targets": hot[[1, 2] * 6]}, older.constraints)
    assert _balanced([older], newest, 2)["targets"].sum(0).tolist() == [6, 6, 6]


def trace(memory, seed, *groups):
    accuracy = tuple(float(np.mean(row)) for row in groups)
    return Trace(memory, seed, tuple((t,) for t in range(len(groups))), accuracy, groups, 1.0)


def test_forgetting_and_gains():
    first = trace("a", 0, (0.9,), (1.0, 0.8), (0.7, 0.6, 0.5))
    assert first.forgetting == pytest.approx((0.3 + 0.2) / 2)
    assert trace("a", 0, (0.9,)).forgetting == 0
    runs = [first, trace("b", 0, (0.9,), (0.9, 0.9), (0.5, 0.5, 0.5)), trace("a", 1, (1.0,), (1.0, 1.0), (0.8, 0.8, 0.8))]
    assert gain(runs, "a", "b").value == pytest.approx(0.1)
    steps = steps_frame(runs).set_index(["memory", "step"])
    assert steps.loc[("a", 3), "accuracy"] == pytest.approx(0.7)
    assert steps.loc[("a", 3), "seen"] == 3
    with pytest.raises(ValueError, match="'a' and 'c' have no seed in common"):
        gain(runs, "a", "c")


def test_the_plot_has_a_line_and_a_band_for_each_memory():
    runs = [trace(name, seed, (0.9,), (0.8 + 0.01 * seed, 0.7)) for name in ("k-means", "distilled") for seed in (0, 1)]
    (ax,) = draw_continual(runs, "steps").axes
    assert [line.get_label() for line in ax.lines] == ["k-means", "distilled"]
    assert ax.lines[1].get_ydata().tolist() == pytest.approx([90, 75.25])
    assert len(ax.collections) == 2
    assert ax.get_xticks().tolist() == [1, 2]
    with pytest.raises(ValueError, match="there is no run to draw"):
        draw_continual([], "")


def test_streams_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match="k=0, together=2"):
        protocol(k=0)
    with pytest.raises(ValueError, match="5 of 4 classes per step"):
        class_steps(4, 5, 0)
    with pytest.raises(ValueError, match=r"class 0 .* training examples, 30 wanted"):
        run_stream(blobs(), "random", MEMORIES["random"], protocol(k=30))
    with pytest.raises(
        ValueError, match=r"memory 'greedy' keeps 8 inputs .* expected 3 of each new class: targets \(6, 2\)"
    ):
        run_stream(blobs(), "greedy", lambda arrivals, k, seed: clustered_memory(arrivals, 4, seed), protocol())
    with pytest.raises(TypeError, match="trains a SimpleNamespace, expected a NetworkModel"):
        run_stream(blobs(), "random", MEMORIES["random"], ContinualProtocol(Adam(SimpleNamespace())))
    with pytest.raises(ValueError, match="DistilledMemory: steps=0 must be positive"):
        DistilledMemory(steps=0)
