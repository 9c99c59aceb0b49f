"""The stated task of an architecture search: which of several networks is best, judged by training all of them on a few images?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.distances import Kendall
from pinndd.held_out import HeldOutPrediction
from pinndd.learners.adam import Adam
from pinndd.learners.network import NetworkModel
from pinndd.learners.portfolio import Portfolio
from pinndd.outer_loop import OuterSettings
from pinndd.stated.parts import INPUTS, TARGETS, Parts
from pinndd.stated.task import StatedTask
from pinndd.vision.datasets.dataset import Dataset
from pinndd.vision.search_space import Candidate
from pinndd.vision.stating import BASELINES, of_each_class, require_enough
from pinndd.vision.tasks.architecture_search import ArchitectureSearch, SoftAccuracy, accuracy, score_candidates

HELD_OUT = "candidates held out"
"""Shift, and entry of the header of its part, that asks about candidates of which no outer loop saw the accuracy."""

SEED, WEIGHTS = 1001, 2
"""Of the full trainings that give the truth: seed, and initial weights over which a score is averaged."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """Makes the task that asks about a part: how do candidates rank that were trained on all data?

    No candidate is judged on what it was trained on: the truth about the training part comes from candidates trained on the validation
    part, that about all else from candidates trained on the training part. The training part asks about the members alone, and for
    a score with a gradient.

    Args:
        parts: full data.
        learner: trains all candidates to the end, ``Adam(Portfolio(models))``.
        members: positions of the candidates whose accuracies an outer loop may see.
    """

    parts: Parts
    learner: Adam
    members: Sequence[int]

    def __call__(self, part: SyntheticData) -> ArchitectureSearch:
        """Return the task; the candidates are trained when it is first asked for."""
        own = part.to("cpu")
        train = self.parts.train[INPUTS]
        learning = own[INPUTS].shape == train.shape and torch.equal(own[INPUTS], train)
        asked = HeldOutPrediction(own[INPUTS], own[TARGETS]).everything(WEIGHTS, SEED)
        scores: Tensor = score_candidates(self._judged_elsewhere if learning else self._trained, asked, accuracy).mean(0)
        ranked = list(self.members) if learning else [k for k in range(len(scores)) if k not in self.members]
        if not learning and not own.header.get(HELD_OUT):
            ranked = list(range(len(scores)))
        return ArchitectureSearch(
            part[INPUTS],
            part[TARGETS],
            scores[ranked],
            queries=len(part[INPUTS]),
            score_of=SoftAccuracy() if learning else accuracy,
            candidates=ranked,
        )

    @cached_property
    def _trained(self) -> Any:
        return self._on(self.parts.train)

    @cached_property
    def _judged_elsewhere(self) -> Any:
        return self._on(self.parts.validation)

    def _on(self, part: SyntheticData) -> Any:
        with torch.no_grad():
            return self.learner.fit(part, HeldOutPrediction(part[INPUTS], part[TARGETS], 1).everything(WEIGHTS, SEED))


def ranking_task(
    dataset: Dataset, name: str, space: Sequence[Candidate], *, per_class: int = 10, full_steps: int = 200, **stated: Any
) -> StatedTask:
    """State the task of an architecture search: rank candidates as they rank after training on everything.

    Every second candidate is a member, whose accuracy after full training is known when the set is distilled; the shift `HELD_OUT`
    asks about the others. Full data trained to the end are the noise ceiling, and stopped early they are the usual cheap search.

    Args:
        dataset: standardised images.
        name: of the task.
        space: the candidates, such as `pinndd.vision.search_space.small_networks`.
        per_class: images per class of the set.
        full_steps: of Adam in a full training.
        stated: everything else that a stated task takes.

    Raises:
        ValueError: there are fewer than four candidates, or a class has too few images.
    """
    if len(space) < 4:
        raise ValueError(f"{name}: {len(space)} candidates, expected at least 4: two to distil for, and two that are held out")
    parts = Parts.of_dataset(dataset, validation_share=0.35)
    require_enough(parts, dataset.classes, per_class, name)
    models = Portfolio([NetworkModel(candidate) for candidate in space])
    full = Adam(models, full_steps, 0.01)
    return StatedTask(
        name,
        data=parts,
        size=per_class * len(dataset.classes),
        **{
            "learner": {f"{len(space)}-candidates": Adam(models, 20, 0.03)},
            "task": Ranking(parts, full, range(0, len(space), 2)),
            # a temperature in units of accuracy
            "distance": Kendall(temperature=0.1),
            "error": Kendall(temperature=0),
            "ceiling": full,
            "on_full_data": {"early stopping": Adam(models, 8, 0.03)},
            "shifts": {HELD_OUT: parts.test.with_header(**{HELD_OUT: True})},
            "baselines": BASELINES,
            "at_size": of_each_class(parts, dataset.classes, name),
            "outer": OuterSettings(steps=8, batch=4, learning_rate=0.005, rates={TARGETS: 20.0}, validate_every=2),
            "test_blocks": 4,
            **stated,
        },
    )
