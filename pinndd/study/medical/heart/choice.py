"""Settings of the distillation, chosen by cross-validation among the patients to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pinndd.bayesnet import BayesianNetwork, BDeu, Structure, sample
from pinndd.bayesnet.counting import CountingLearner, table_of_rows
from pinndd.bayesnet.distilling import distill_table
from pinndd.bayesnet.tasks.diagnosis import Diagnosis
from pinndd.distances import KL
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.study.medical.heart.cohort import TARGET, Cohort
from pinndd.study.medical.heart.methods import NAIVE, STRUCTURES, believed, structure_of, teacher

CERTAINTY = 0.8
"""Of the cells that the outer loop starts from; see `pinndd.bayesnet.counting.table_of_rows`."""


@dataclass(frozen=True)
class Choice:
    """Settings of the distillation.

    Attributes:
        structure: one of `pinndd.study.medical.heart.methods.STRUCTURES`.
        teacher: share of the teacher's probability in the truth; the rest is what happened.
        prior_rows: imagined rows of the BDeu prior of the learner.
        steps: of the outer loop.
    """

    structure: str = NAIVE
    teacher: float = 1.0
    prior_rows: float = 1.0
    steps: int = 150


CANDIDATES: Mapping[str, Sequence[Any]] = {
    "structure": STRUCTURES,
    "teacher": (1.0, 0.5, 0.0),
    "prior_rows": (1.0, 10.0),
    "steps": (150, 300),
}
"""For each setting, in the order in which they are chosen, what is tried; the others stay at the best so far."""


@dataclass(frozen=True)
class TriedChoice:
    """Settings that were tried.

    Attributes:
        choice: the settings.
        log_loss: mean over all patients, each predicted by a table that was distilled without its fold; in nats.
    """

    choice: Choice
    log_loss: float


def choose(
    cohort: Cohort,
    learn: Tensor,
    count: int,
    seed: int,
    *,
    candidates: Mapping[str, Sequence[Any]] = CANDIDATES,
    folds: int = 3,
) -> tuple[Choice, tuple[TriedChoice, ...]]:
    """Choose one setting after the other by the log loss of soft rows in cross-validation.

    Teacher, structure and table of a fold are learned without the patients that check it.

    Args:
        cohort: all patients.
        learn: positions of those to learn from; no other one is looked at.
        count: rows of the table.
        seed: of the folds and the draws.
        candidates: see `CANDIDATES`.
        folds: number of them.

    Returns:
        The best settings, and everything that was tried.
    """
    parts = cohort.folds(learn, folds, torch.Generator().manual_seed(seed))
    losses: dict[Choice, float] = {}
    best = Choice()
    for name, values in candidates.items():
        options = [replace(best, **{name: value}) for value in values]
        for option in options:
            if option not in losses:
                losses[option] = sum(_fold_loss(cohort, *part, option, count, seed) for part in parts) / len(learn)
        best = min(options, key=losses.__getitem__)
    return best, tuple(TriedChoice(choice, loss) for choice, loss in losses.items())


def diagnosis(cohort: Cohort, learn: Tensor, structure: Structure, share: float) -> Diagnosis:
    """Return the task on some patients; the truth is their outcome mixed with a teacher's probability.

    Args:
        cohort: all patients.
        learn: positions of the patients, from whom the teacher learns too.
        structure: of the networks that are asked.
        share: of the teacher, in [0, 1].
    """
    task = Diagnosis.of(structure, TARGET, cohort.rows[learn])
    if not share:
        return task
    taught = teacher(cohort, learn)(learn)
    truths = share * torch.stack((1 - taught, taught), -1) + (1 - share) * task.truths
    return Diagnosis(structure, TARGET, cohort.rows[learn], truths)


def _fold_loss(cohort: Cohort, fit: Tensor, check: Tensor, choice: Choice, count: int, seed: int) -> float:
    """Return the log loss, summed over the patients to check."""
    generator = torch.Generator().manual_seed(seed)
    structure = structure_of(choice.structure, cohort, fit, generator)
    fitted = believed(structure, cohort.rows[fit])
    task = diagnosis(cohort, fit, structure, choice.teacher)
    learner = CountingLearner(structure, BDeu(choice.prior_rows))
    start = table_of_rows(structure, sample(fitted, count, generator), certainty=CERTAINTY)
    soft = distill_table(DistillationProblem(learner, task, KL(), Mean()), start, task.everyone(), steps=choice.steps).data
    network = BayesianNetwork(structure, learner.fit(soft, task.everyone()))
    return cohort.score(cohort.predictor(network)(check), check).log_loss * len(check)
