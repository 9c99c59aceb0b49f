"""Labels that models trained on all data give to a small set: much of what it is worth lies in its labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.held_out import HeldOutPrediction
from pinndd.problem import Learner
from pinndd.stated.parts import INPUTS, TARGETS, example_count

WITH_LABELS = " + teacher labels"
"""Stands behind the name of a method whose set has them."""

LABELS = "labels"
"""Entry of the header of a set that says whose labels it has."""

TRIED = "labels_tried"
"""Entry of the header of a distilled set: errors on the validation part with each labels that were tried (None: not finite)."""

OWN = "its own"
"""The labels of a set that no teacher gave."""

SEED = 3_000_003
"""Added to the seed of a distillation for its teachers, so that no judge starts from the weights of one."""


@dataclass(frozen=True)
class TeacherLabels:
    """Labels that models trained on all data give, beside those that the examples have.

    Attributes:
        temperature: the models' scores are divided by it; the higher, the softer (Hinton, Vinyals & Dean 2015,
            arXiv 1503.02531).
        share: of the models' labels in the new ones; the rest are the examples' own.

    Raises:
        ValueError: the temperature is not positive, or the share not between 0 (left out) and 1.
    """

    temperature: float = 1.0
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.temperature <= 0 or not 0 < self.share <= 1:
            raise ValueError(
                f"TeacherLabels: temperature={self.temperature} must be positive and share={self.share} more than 0, at most 1"
            )

    def probabilities(self, scores: Tensor) -> Tensor:
        """Return the mean probabilities ``(n, K)`` of the scores of E models, ``(E, n, K)``."""
        return (scores / self.temperature).softmax(-1).mean(0)

    def beside(self, own: Tensor, scores: Tensor) -> Tensor:
        """Return the new labels ``(n, K)``.

        Args:
            own: labels of the examples, ``(n, K)``.
            scores: of E models at them, ``(E, n, K)``.
        """
        return self.share * self.probabilities(scores).to(own) + (1 - self.share) * own


@dataclass(frozen=True)
class Teachers:
    """Models that are trained on the training part of a stated task, and label every set of it: the distilled one and all baselines.

    Soft labels alone explain much of what distilled sets reach (Qin, Deng & Alvarez-Melis 2024, arXiv 2406.10485), so a comparison is
    fair where all sets have them. They can harm: a distilled set keeps them where it errs no more with them on the validation part
    than with its own.

    Attributes:
        labels: what becomes of the models' scores.
        learner: trains them (None: what trains on all data in the task).
        count: of the models.

    Raises:
        ValueError: there are none.
    """

    labels: TeacherLabels = field(default_factory=TeacherLabels)
    learner: Learner | None = None
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"Teachers: count={self.count}: expected a whole number from 1 on")

    def __str__(self) -> str:
        models = "a teacher" if self.count == 1 else f"{self.count} teachers"
        mixed = "" if self.labels.share == 1 else f", mixed with {100 * (1 - self.labels.share):g} % of its own"
        return f"those of {models} trained on all data, at temperature {self.labels.temperature:g}{mixed}"

    def label(
        self, sets: Mapping[str, SyntheticData], train: SyntheticData, learner: Learner, seed: int
    ) -> dict[str, SyntheticData]:
        """Train the models once and return every set with their labels.

        Args:
            sets: by name, with ``inputs`` ``(n, *shape)`` and ``targets`` ``(n, K)``, probabilities.
            train: what the models are trained on.
            learner: of the models; its answers are scores, or probabilities, whose logarithms are taken.
            seed: of the distillation.

        Raises:
            ValueError: the answers are not one per class.
        """
        inputs = torch.cat([data[INPUTS].detach() for data in sets.values()])
        own = torch.cat([data[TARGETS].detach() for data in sets.values()])
        asked = HeldOutPrediction(inputs, own, queries=1).everything(self.count, seed + SEED)
        with torch.no_grad():
            answers = learner.fit(train, asked)(asked.inputs)
        if answers.shape != asked.targets.shape:
            raise ValueError(f"teachers answered with shape {tuple(answers.shape)}, expected {tuple(asked.targets.shape)}")
        found = self.labels.beside(own, answers.log() if are_probabilities(answers) else answers)
        parts = torch.split(found, [example_count(data) for data in sets.values()])
        return {
            name: data.with_fields({TARGETS: labels}).with_header(**{LABELS: str(self)})
            for (name, data), labels in zip(sets.items(), parts, strict=True)
        }


def are_probabilities(answers: Tensor) -> bool:
    """Whether answers ``(..., K)`` of several classes are their probabilities: not negative, with sum 1."""
    return answers.shape[-1] > 1 and bool((answers >= 0).all()) and bool(((answers.sum(-1) - 1).abs() < 1e-4).all())
