"""Class-incremental learning: classes come in steps, k examples of each are kept, and networks are trained anew after each step."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import torch

from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.learners.adam import Adam
from pinndd.learners.network import FittedNetworks, NetworkModel
from pinndd.study.classification.baselines import all_training_data
from pinndd.study.classification.dataset import members
from pinndd.study.classification.memories import Memory, arrivals_of
from pinndd.study.classification.repetitions import (
    paired_differences,
    per_cent,
    per_cents,
    student_half,
    student_interval,
)
from pinndd.study.classification.training import scores_of, train_networks
from pinndd.study.results.intervals import Interval
from pinndd.study.results.writing import markdown_table
from pinndd.vision.datasets import Dataset
from pinndd.vision.tasks.continual import ClassIncremental


@dataclass(frozen=True)
class ContinualProtocol:
    """How classes come, what is kept of them, and how networks are trained after each step, always from scratch.

    By default they are trained on the memory alone (Prabhu, Torr & Dokania 2020, doi 10.1007/978-3-030-58536-5_31), so that the
    accuracy after a step says what the memory is worth. With ``replay`` they are trained on all data of the newest classes and on
    the memory of the older ones, repeated until every class has as many examples.

    Args:
        learner: trains a network; it has one output for each class that will ever come.
        k: examples of a class that are kept.
        together: classes per step.
        networks: of one run; their accuracies are averaged.
        replay: see above.
        batch: examples per step of training with replay.

    Raises:
        ValueError: a number is not positive.
    """

    learner: Adam
    k: int = 10
    together: int = 2
    networks: int = 3
    replay: bool = False
    batch: int = 128

    def __post_init__(self) -> None:
        if min(self.k, self.together, self.networks, self.batch) < 1:
            raise ValueError(
                f"ContinualProtocol: k={self.k}, together={self.together}, "
                f"networks={self.networks} and batch={self.batch} must be at least 1"
            )


@dataclass(frozen=True)
class Trace:
    """One run of one memory.

    Attributes:
        memory: its name.
        seed: of the order of the classes, the draws and the networks; runs of one seed are pairs.
        steps: the classes that came in each step.
        accuracy: after each step, over the test examples of all classes seen, a share.
        groups: after each step, the accuracy on the classes of this and of each earlier step.
        seconds: that making the memory took, wall time.
    """

    memory: str
    seed: int
    steps: tuple[tuple[int, ...], ...]
    accuracy: tuple[float, ...]
    groups: tuple[tuple[float, ...], ...]
    seconds: float

    @property
    def forgetting(self) -> float:
        """How far the classes of a step fall from their best, after the last step, on average (Chaudhry et al. 2018, 1801.10112)."""
        last, count = self.groups[-1], len(self.groups)
        falls = [max(self.groups[t][own] for t in range(own, count)) - last[own] for own in range(count - 1)]
        return sum(falls) / len(falls) if falls else 0.0


def class_steps(classes: int, together: int, seed: int) -> tuple[tuple[int, ...], ...]:
    """Draw the order in which classes come, so many per step, fewer in the last where they do not divide.

    Raises:
        ValueError: there are fewer than two classes, or less than one or more than all come together.
    """
    if classes < 2 or not 1 <= together <= classes:
        raise ValueError(
            f"class_steps: {together} of {classes} classes per step, expected 1 to {max(classes, 2)} of at least 2"
        )
    order = torch.randperm(classes, generator=torch.Generator().manual_seed(seed)).tolist()
    return tuple(tuple(order[first : first + together]) for first in range(0, classes, together))


def run_stream(dataset: Dataset, name: str, memory: Memory, protocol: ContinualProtocol, *, seed: int = 0) -> Trace:
    """Show the classes step by step to a memory, and train and test networks after every step.

    Args:
        dataset: the memory sees the training examples of each class once, when it comes, and never those of the test part.
        name: of the memory.
        memory: keeps k examples of each new class; those of older classes stay as they are.
        protocol: of the stream and the training.
        seed: of the order of the classes, the draws and the networks.

    Raises:
        ValueError: a class has fewer than k training examples or none to test with, the memory keeps another number of examples or
            labels that do not fit, or the outputs of the network do not fit the classes.
        TypeError: the learner does not train a `pinndd.learners.network.NetworkModel`.
    """
    model = protocol.learner.model
    if not isinstance(model, NetworkModel):
        raise TypeError(f"run_stream: the learner trains a {type(model).__name__}, expected a NetworkModel")
    list(members(dataset, protocol.k))
    classes, steps = len(dataset.classes), class_steps(len(dataset.classes), protocol.together, seed)
    kept: list[SyntheticData] = []
    accuracy, groups, seconds = [], [], 0.0
    for t, new in enumerate(steps):
        arrivals, started = arrivals_of(dataset, new), time.perf_counter()
        found = memory(arrivals, protocol.k, 1000 * seed + t)
        seconds += time.perf_counter() - started
        _check(found, name, arrivals, protocol.k)
        kept.append(_numbered(found, new, classes))
        shown, batch = _joined(kept), None
        if protocol.replay:
            everything = _numbered(all_training_data(arrivals), new, classes)
            shown, batch = _balanced(kept[:-1], everything, len(new)), protocol.batch
        seeds = [1000 * seed + number for number in range(protocol.networks)]
        networks = train_networks(protocol.learner, model, shown, seeds, batch=batch)
        own = _judged(dataset, networks, steps[: t + 1])
        accuracy.append(own[0])
        groups.append(own[1:])
    return Trace(name, seed, steps, tuple(accuracy), tuple(groups), seconds)


def _check(found: SyntheticData, name: str, arrivals: Dataset, k: int) -> None:
    wanted = (k * len(arrivals.classes), len(arrivals.classes))
    if tuple(found["targets"].shape) != wanted or len(found["inputs"]) != wanted[0]:
        raise ValueError(
            f"memory {name!r} keeps {len(found['inputs'])} inputs with targets of shape {tuple(found['targets'].shape)}, expected "
            f"{k} of each new class: targets {wanted}"
        )


def _numbered(data: SyntheticData, numbers: Sequence[int], classes: int) -> SyntheticData:
    """Return the examples with a target for each class of the stream, those of the step at their numbers."""
    targets = data["targets"].new_zeros((len(data["targets"]), classes))
    targets[:, list(numbers)] = data["targets"]
    return SyntheticData({"inputs": data["inputs"], "targets": targets}, {"inputs": Fixed(), "targets": Fixed()})


def _joined(parts: Sequence[SyntheticData]) -> SyntheticData:
    return parts[0].with_fields({name: torch.cat([part[name] for part in parts]) for name in ("inputs", "targets")})


def _balanced(older: Sequence[SyntheticData], newest: SyntheticData, together: int) -> SyntheticData:
    """Return the newest examples with the older ones, repeated until each class has about as many."""
    each = len(newest["targets"]) / together
    repeated = []
    for part in older:
        count = int(part["targets"].sum(0).count_nonzero())
        times = max(1, round(each * count / len(part["targets"])))
        repeated.append(part.with_fields({name: value.repeat_interleave(times, 0) for name, value in part.fields.items()}))
    return _joined([newest, *repeated])


def _judged(dataset: Dataset, networks: FittedNetworks, steps: Sequence[Sequence[int]]) -> tuple[float, ...]:
    """Return the accuracy over all classes seen, and over those of each step, means over the networks."""
    seen = tuple(number for step in steps for number in step)
    task = ClassIncremental(dataset.test_inputs, dataset.test_labels, seen)
    asked = task.everything()
    answer = task.answer(lambda inputs: scores_of(networks, inputs[0]), asked, 0)
    truth = task.truth(asked, 0)[0].argmax(-1)
    right = (answer.argmax(-1) == truth).double().mean(0)
    of_step = torch.tensor([t for t, step in enumerate(steps) for _ in step], device=truth.device)[truth]
    return float(right.mean()), *(float(right[of_step == t].mean()) for t in range(len(steps)))


def run_memories(
    dataset: Dataset, memories: Mapping[str, Memory], protocol: ContinualProtocol, *, seed: int = 0
) -> tuple[Trace, ...]:
    """Run every memory on the same stream, with networks of the same initial weights."""
    return tuple(run_stream(dataset, name, memory, protocol, seed=seed) for name, memory in memories.items())


def runs_frame(traces: Sequence[Trace]) -> pd.DataFrame:
    """Return one row per run: memory, seed, accuracy after the last step, forgetting, seconds that the memory took."""
    return pd.DataFrame(
        [(each.memory, each.seed, each.accuracy[-1], each.forgetting, each.seconds) for each in traces],
        columns=["memory", "seed", "accuracy", "forgetting", "seconds"],
    )


def steps_frame(traces: Sequence[Trace]) -> pd.DataFrame:
    """Return one row per memory and step: classes seen, mean accuracy over the seeds, and half the width of its interval."""
    rows = pd.DataFrame(
        [
            (each.memory, t + 1, sum(map(len, each.steps[: t + 1])), accuracy)
            for each in traces
            for t, accuracy in enumerate(each.accuracy)
        ],
        columns=["memory", "step", "seen", "accuracy"],
    )
    return rows.groupby(["memory", "step", "seen"], sort=False, as_index=False).agg(
        accuracy=("accuracy", "mean"), accuracy_half=("accuracy", student_half)
    )


def gain(traces: Sequence[Trace], memory: str, other: str) -> Interval:
    """Return by how much one memory is more accurate than another after the last step, paired by seed, with its 95 % interval.

    Raises:
        ValueError: no seed is common to both.
    """
    return student_interval(paired_differences(runs_frame(traces), "accuracy", memory, other, by="memory", common=["seed"]))


def table(traces: Sequence[Trace], ours: str = "distilled") -> str:
    """Return Markdown: accuracy after each step, forgetting, and what the distilled memory gains over each other one."""
    steps, runs = steps_frame(traces), runs_frame(traces)
    means = runs.groupby("memory", sort=False).agg(
        forgetting=("forgetting", "mean"), forgetting_half=("forgetting", student_half), seconds=("seconds", "mean")
    )
    cells = steps.assign(cell=per_cents(steps, "accuracy")).pivot(index="memory", columns="step", values="cell")
    shown = cells.rename(columns="step {}".format).reindex(means.index)
    shown["forgetting"] = per_cents(means, "forgetting")
    others = [name if ours in means.index and name != ours else None for name in means.index]
    gains = [gain(traces, ours, name) if name else None for name in others]
    shown[f"gain of {ours}"] = [per_cent(each.value, each.high - each.value) if each else "" for each in gains]
    return markdown_table(shown.assign(seconds=means["seconds"]).reset_index(), {"seconds": ".1f"})
