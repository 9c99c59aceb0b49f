"""The stated task of a class-incremental learner: classes come in steps, a few examples of each are kept, and all are asked about."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from pinndd.constraints import Box, Fixed
from pinndd.data import SyntheticData
from pinndd.distances import CrossEntropy
from pinndd.hypergradients import Exact
from pinndd.learners.minibatch import MinibatchAdam
from pinndd.learners.network import NetworkModel
from pinndd.matching.distribution import NetworkEmbedding
from pinndd.outer_loop import Distillation, OuterSettings, distill
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.stated.parts import INPUTS, TARGETS, Parts
from pinndd.stated.task import StatedTask
from pinndd.vision.class_means import ClassMeans, FeatureMeans, SquaredGap
from pinndd.vision.datasets.dataset import Dataset
from pinndd.vision.networks import MLP
from pinndd.vision.stating import BASELINES, FULL_BATCH, full_steps, of_each_class, require_enough

VALIDATION = 1_000_003
"""Added to the seed of the networks that choose the best iterate."""


@dataclass(frozen=True)
class StepByStep:
    """Distil the memory of a learner of ever more classes: what is kept of a class is settled when the class comes.

    In every step some classes come, in an order drawn from the seed. Their images start from the centres of clusters of each class,
    and move until random networks see the same mean of each class as in all its data (Zhao & Bilen 2023, arXiv 2110.04181). Classes
    that come later are not known when a memory is made, and images that tell the present ones apart would forget what sets them
    apart from the rest; mean features of a class need no other class. Labels stay hard, values in the range of the new examples.

    Args:
        together: classes per step.
        hidden: width of the random networks, MLPs of one hidden layer.
        steps: of each outer loop.
        learning_rate: of the outer loops, in parts of the range of the inputs.
        batch: examples of each class that a step looks at.
        checks: random networks that choose the best iterate, on the same new examples.

    Raises:
        ValueError: a number is not positive.
    """

    together: int = 2
    hidden: int = 512
    steps: int = 200
    learning_rate: float = 0.01
    batch: int = 500
    checks: int = 16

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value <= 0:
                raise ValueError(f"StepByStep: {name}={value} must be positive")

    def __call__(
        self,
        task: StatedTask,
        sets: Mapping[str, SyntheticData],
        seed: int,
        progress: Callable[[int, int, float | None], None],
    ) -> Distillation:
        """Distil step by step; a `pinndd.stated.task.Search`, whose risk is the mean gap of all steps.

        Args:
            task: gives the training part.
            sets: of the baselines, among them ``k-means``, which treats every class by itself.
            seed: of the order of the classes and of the networks.
            progress: called with steps of outer loops done, all of them, and the gap.
        """
        began, full, memory = time.perf_counter(), task.data.train, sets["k-means"]
        order = torch.randperm(full[TARGETS].shape[-1], generator=torch.Generator().manual_seed(seed)).tolist()
        coming = [order[first : first + self.together] for first in range(0, len(order), self.together)]
        gaps = []
        for t, new in enumerate(coming):
            done = t * self.steps
            found = self._of(
                _of_classes(full, new),
                _of_classes(memory, new),
                1000 * seed + t,
                lambda step, gap, done=done: progress(done + step, len(coming) * self.steps, gap),  # type: ignore[misc]
            )
            gaps.append(found.risk)
            inputs = memory[INPUTS].clone()
            inputs[_members(memory, new)] = found.data[INPUTS]
            memory = memory.with_fields({INPUTS: inputs})
        ending = f"{len(coming)} steps of {self.together} classes, the mean gap of whose features is {sum(gaps) / len(gaps):.3g}"
        memory = memory.with_header(optimality=ending)
        return Distillation(memory, sum(gaps) / len(gaps), [], time.perf_counter() - began)

    def _of(
        self, arrivals: SyntheticData, start: SyntheticData, seed: int, progress: Callable[[int, float], None]
    ) -> Distillation:
        """Distil what is kept of the classes of one step."""
        inputs = arrivals[INPUTS]
        box = Box((float(inputs.min()),), (float(inputs.max()),))
        # a mean of numbers can lie a rounding error outside their range
        kept = start[INPUTS].clamp(*box.low, *box.high)
        data = SyntheticData({INPUTS: kept, TARGETS: start[TARGETS]}, {INPUTS: box, TARGETS: Fixed()})
        network = MLP(inputs[0].numel(), start[TARGETS].shape[-1], (self.hidden,))
        learner = FeatureMeans(NetworkEmbedding(NetworkModel(network)))
        asking = ClassMeans(arrivals, learner, self.batch)
        return distill(
            DistillationProblem(learner, asking, SquaredGap(), Mean()),
            data,
            hypergradient=Exact(),
            validation=[asking.episodes(self.checks, torch.Generator().manual_seed(seed + VALIDATION))],
            settings=OuterSettings(steps=self.steps, batch=1, learning_rate=self.learning_rate, seed=seed),
            progress=progress,
        )


def continual_task(
    dataset: Dataset, name: str, *, per_class: int = 10, steps: int = 100, learning_rate: float = 0.01, **stated: Any
) -> StatedTask:
    """State the task of a class-incremental learner: the error over all classes, after all steps, of networks trained on its memory.

    Networks are trained from scratch on the memory alone (Prabhu, Torr & Dokania 2020, doi 10.1007/978-3-030-58536-5_31). Every
    baseline is a memory too, since it treats each class by itself.

    Args:
        dataset: standardised images.
        name: of the task.
        per_class: images that are kept of a class.
        steps: of Adam, of a training on the memory.
        learning_rate: of the same.
        stated: everything else that a stated task takes.

    Raises:
        ValueError: a class has too few images.
    """
    parts = Parts.of_dataset(dataset)
    require_enough(parts, dataset.classes, per_class, name)
    model = NetworkModel(MLP(math.prod(dataset.shape), len(dataset.classes)))
    return StatedTask(
        name,
        data=parts,
        distance=CrossEntropy(),
        size=per_class * len(dataset.classes),
        **{
            "learner": {"mlp": MinibatchAdam(model, steps, learning_rate)},
            "ceiling": MinibatchAdam(model, full_steps(parts), 0.003, batch=FULL_BATCH, networks=1),
            "search": StepByStep(),
            "at_size": of_each_class(parts, dataset.classes, name),
            "baselines": BASELINES,
            "smoothing": 0.0,
            "test_blocks": 10,
            **stated,
        },
    )


def _members(data: SyntheticData, classes: list[int]) -> torch.Tensor:
    return torch.isin(data[TARGETS].argmax(-1), torch.tensor(classes, device=data[TARGETS].device)).nonzero()[:, 0]


def _of_classes(data: SyntheticData, classes: list[int]) -> SyntheticData:
    """Return the examples of some classes, which know no other class."""
    index = _members(data, classes)
    return data.with_fields({INPUTS: data[INPUTS][index], TARGETS: data[TARGETS][index][:, classes]})
