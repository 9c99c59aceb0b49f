"""Memories of a class-incremental learner: what is kept of the classes that have just come, k examples of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from pinndd.constraints import Box, Fixed
from pinndd.data import SyntheticData
from pinndd.hypergradients import Exact
from pinndd.learners.network import NetworkModel
from pinndd.matching.distribution import NetworkEmbedding
from pinndd.outer_loop import OuterSettings, distill
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.study.classification.baselines import all_training_data, herding, k_means, random_samples
from pinndd.study.classification.class_means import ClassMeans, FeatureMeans, SquaredGap
from pinndd.study.classification.training import VALIDATION
from pinndd.vision.datasets import Dataset
from pinndd.vision.networks import MLP

Memory = Callable[[Dataset, int, int], SyntheticData]
"""Maps the training examples of the new classes, which are numbered from 0, k and a seed to k examples of each, with labels.

It sees neither earlier examples nor those of a test."""


@dataclass(frozen=True)
class DistilledMemory:
    """Start from the centres of clusters, and move them until random networks see the same mean of each class as in all its data.

    The classes that come later are not known when a memory is made, so images that tell the new classes from one another are
    of little use: they forget what sets their class apart from the rest. Mean features of each class need no other class, and
    under enough random networks they tell its whole distribution (Zhao & Bilen 2023, arXiv 2110.04181). Labels stay hard, values
    in the range of the new examples: a distilled memory takes the same room as a drawn one.

    Args:
        hidden: width of the random networks, MLPs of one hidden layer.
        steps: of the outer loop.
        learning_rate: of the outer loop, in parts of the range of the inputs.
        batch: examples of each class that a step looks at.
        checks: random networks that choose the best iterate, on the same new examples.

    Raises:
        ValueError: a number is not positive; at a call: a class has fewer than k examples.
    """

    hidden: int = 512
    steps: int = 200
    learning_rate: float = 0.01
    batch: int = 500
    checks: int = 16

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value <= 0:
                raise ValueError(f"DistilledMemory: {name}={value} must be positive")

    def __call__(self, arrivals: Dataset, k: int, seed: int) -> SyntheticData:
        start, full = clustered_memory(arrivals, k, seed), all_training_data(arrivals)
        box = Box((float(full["inputs"].min()),), (float(full["inputs"].max()),))
        # a mean of numbers can lie a rounding error outside their range
        inputs = start["inputs"].clamp(*box.low, *box.high)
        data = SyntheticData(
            {**start.fields, "inputs": inputs}, {"inputs": box, "targets": Fixed()}, {"method": "distilled"}
        )
        network = MLP(full["inputs"][0].numel(), len(arrivals.classes), (self.hidden,))
        learner = FeatureMeans(NetworkEmbedding(NetworkModel(network)))
        task = ClassMeans(full, learner, self.batch)
        found = distill(
            DistillationProblem(learner, task, SquaredGap(), Mean()),
            data,
            hypergradient=Exact(),
            validation=[task.episodes(self.checks, torch.Generator().manual_seed(seed + VALIDATION))],
            settings=OuterSettings(steps=self.steps, batch=1, learning_rate=self.learning_rate, seed=seed),
        )
        return found.data


def random_memory(arrivals: Dataset, k: int, seed: int) -> SyntheticData:
    """Keep k examples of each class, drawn at random."""
    return random_samples(arrivals, k, torch.Generator().manual_seed(seed))


def herded_memory(arrivals: Dataset, k: int, seed: int) -> SyntheticData:
    """Keep k examples of each class whose mean is nearest to that of the class; the seed plays no part."""
    return herding(arrivals, k)


def clustered_memory(arrivals: Dataset, k: int, seed: int) -> SyntheticData:
    """Keep the centres of k clusters of each class."""
    return k_means(arrivals, k, seed=seed, restarts=3)


MEMORIES: dict[str, Memory] = {"random": random_memory, "herding": herded_memory, "k-means": clustered_memory}
"""Memories that a distilled one has to beat."""


def arrivals_of(dataset: Dataset, numbers: Sequence[int]) -> Dataset:
    """Return the training examples of the classes that come in one step, numbered from 0.

    They stand in place of the test part too, so that nothing of the test is at hand.

    Args:
        dataset: of all classes.
        numbers: of the new classes in the data set.
    """
    own = (dataset.train_labels[:, None] == torch.tensor(numbers, device=dataset.train_labels.device)).to(torch.int64)
    index = own.any(-1).nonzero()[:, 0]
    inputs, labels = dataset.train_inputs[index], own[index].argmax(-1)
    return replace(
        dataset,
        train_inputs=inputs,
        train_labels=labels,
        test_inputs=inputs,
        test_labels=labels,
        classes=tuple(dataset.classes[number] for number in numbers),
    )
