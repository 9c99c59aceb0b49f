"""The estimate of memory against what a process takes, and what is refused."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from pinndd import free_memory
from pinndd.learners.network import NetworkModel
from pinndd.study.classification import MemoryEstimate, available_memory, check_memory, estimate_memory
from pinndd.study.classification import memory as module
from pinndd.study.classification.memory import activations_of, room_for
from pinndd.vision.networks import MLP, ConvNet

MODEL = NetworkModel(MLP(64, 10, (32,)))

MEASURE = """
import sys, torch
torch.set_num_threads(1)
from pinndd.constraints import Box, Fixed
from pinndd.data import SyntheticData
from pinndd.distances import CrossEntropy
from pinndd.hypergradients import UnrolledAdjoint
from pinndd.learners.adam import Adam
from pinndd.learners.network import NetworkModel
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.study.classification import estimate_memory
from pinndd.held_out import HeldOutPrediction
from pinndd.vision.networks import MLP, ConvNet

def status(name):
    return next(1024 * int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))

kind, (episodes, examples, questions, steps, every) = sys.argv[1], map(int, sys.argv[2:])
ways = {"keep_every": every} if every else {"keep_graph": True}
shape = (1, 28, 28)
model = NetworkModel(ConvNet(shape, 10, width=16) if kind == "ConvNet" else MLP(784, 10, (256,)))

def run(episodes, examples, questions, steps):
    task = HeldOutPrediction(torch.zeros(questions, *shape), torch.eye(10)[torch.arange(questions) % 10], questions)
    fields = {"inputs": torch.zeros(examples, *shape), "targets": torch.eye(10)[torch.arange(examples) % 10]}
    data = SyntheticData(fields, {"inputs": Box((-1.0,), (1.0,)), "targets": Fixed()})
    problem = DistillationProblem(Adam(model, steps), task, CrossEntropy(), Mean())
    UnrolledAdjoint(**ways)(problem, data, task.episodes(episodes, torch.Generator().manual_seed(0)))

run(1, 2, 2, 1)
# the peak of this process alone, from here on: that of getrusage is inherited from the parent
open("/proc/self/clear_refs", "w").write("5")
before = status("VmRSS")
run(episodes, examples, questions, steps)
estimate = estimate_memory(
    model, shape, examples=examples, steps=steps, episodes=episodes, questions=questions, **ways
)
print(status("VmHWM") - before, estimate.total)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of a process is read from /proc")
@pytest.mark.parametrize(
    ("kind", "episodes", "examples", "questions", "steps", "every"),
    [
        ("ConvNet", 2, 200, 10, 2, 1),
        ("ConvNet", 2, 10, 400, 2, 1),
        ("MLP", 8, 10, 10, 40, 1),
        ("MLP", 8, 10, 10, 40, 6),
        # none of the states is recomputed: graphs are kept
        ("MLP", 2, 10, 10, 40, 0),
    ],
    ids=["step", "questions", "states", "some states", "graphs"],
)
def test_the_estimate_is_right_within_a_factor_of_two(kind, episodes, examples, questions, steps, every):
    numbers = [str(each) for each in (episodes, examples, questions, steps, every)]
    done = subprocess.run([sys.executable, "-c", MEASURE, kind, *numbers], capture_output=True, text=True, check=True)
    measured, estimated = map(int, done.stdout.split())
    assert measured > 50 * 2**20, "too little to be told from noise"
    assert measured / 2 < estimated < 2 * measured


def estimate(**changes):
    return estimate_memory(
        MODEL, (1, 8, 8), **{"examples": 10, "steps": 100, "episodes": 4, "questions": 50, "keep_every": 1, **changes}
    )


def test_each_part_grows_with_what_it_is_for():
    one = estimate()
    assert one.states == 4 * 100 * 4 * MODEL.size * 4
    assert estimate(steps=200).states == 2 * one.states
    assert estimate(examples=20).step == 2 * one.step
    assert estimate(questions=100).questions == 2 * one.questions
    assert estimate(keep_every=10).states == one.states // 5
    assert estimate(keep_graph=True, steps=200).states == 2 * estimate(keep_graph=True).states > 2 * one.states
    double = estimate(dtype=torch.float64)
    assert (double.states, double.step) == (2 * one.states, 2 * one.step)
    assert estimate(episodes=8).total == 2 * one.total
    plain = estimate(unrolled=False)
    assert plain.states == 0
    assert plain.total < one.total


def test_activations_are_counted_by_layer():
    assert activations_of(MODEL, (1, 8, 8)) == [64, 32, 32, 10]
    conv = NetworkModel(ConvNet((1, 8, 8), 10, width=4, depth=1, norm="none"))
    # flattening and a missing normalisation hold nothing of their own
    assert activations_of(conv, (1, 8, 8)) == [64, 256, 256, 64, 10]


def test_an_example_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"Sequential does not take examples of shape \(1, 4, 4\).*build it for that shape"):
        estimate_memory(MODEL, (1, 4, 4), examples=1, steps=1, episodes=1, questions=1)
    with pytest.raises(ValueError, match="examples=0, steps=100"):
        estimate(examples=0)


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"steps": 1000}, "keep_every=32 of UnrolledAdjoint"),
        ({"steps": 1000, "keep_graph": True}, "UnrolledAdjoint without keep_graph"),
        ({"steps": 1000, "keep_every": 32, "episodes": 1, "examples": 2}, "fewer steps of training"),
        ({"examples": 10**6}, r"fewer examples in the set or a step \(now 1000000\)"),
        ({"questions": 10**6}, r"fewer questions per episode \(now 1000000\)"),
    ],
)
def test_a_run_that_does_not_fit_is_refused_with_what_helps_most(monkeypatch, changes, first):
    needed = estimate(**changes)
    monkeypatch.setattr(module, "available_memory", lambda device: needed.total - 1)
    with pytest.raises(MemoryError, match=f"the run needs about .* MiB are free on cpu; choose {first}, or"):
        check_memory(needed)
    monkeypatch.setattr(module, "available_memory", lambda device: needed.total)
    check_memory(needed)
    monkeypatch.setattr(module, "available_memory", lambda device: None)
    check_memory(needed)


def test_as_many_episodes_run_at_once_as_there_is_room_for(monkeypatch):
    def needed(count):
        return estimate(episodes=count)

    for free, count in ((needed(3).total, 3), (needed(3).total - 1, 2), (0, 1), (None, 5), (needed(9).total, 5)):
        monkeypatch.setattr(module, "available_memory", lambda device, free=free: free)
        assert room_for(5, needed) == count


def test_remedies_name_no_episodes_where_there_is_one():
    assert not any("episodes" in each for each in estimate(episodes=1).remedies)
    assert "fewer episodes at once (now 4)" in estimate().remedies
    assert isinstance(estimate(), MemoryEstimate)


def test_free_memory_is_less_than_the_machine_has(monkeypatch):
    free = available_memory()
    assert free is None or 0 < free < 2**50
    assert available_memory("meta") is None
    monkeypatch.setattr(free_memory.Path, "read_text", lambda path, encoding: "MemTotal: 5 kB")
    assert available_memory() == free_memory._from_sysconf()


def test_a_layer_that_returns_no_tensor_is_passed_over():
    class Both(nn.Module):
        def forward(self, inputs):
            return inputs, inputs

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.both, self.last = Both(), nn.Linear(4, 2)

        def forward(self, inputs):
            return self.last(self.both(inputs)[0])

    assert activations_of(NetworkModel(Net), (4,)) == [4, 2]
