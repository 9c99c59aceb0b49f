"""The patients as networks and as regressions see them, and the scores of predicted probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinndd.bayesnet import BayesianNetwork
from pinndd.bayesnet.heart import Heart, load_heart
from pinndd.bayesnet.hospitals import Hospitals
from pinndd.bayesnet.tasks.diagnosis import Diagnosis
from pinndd.distances import KL, Brier

TARGET = "disease"

Predictor = Callable[[Tensor], Tensor]
"""From positions of patients, ``(n,)``, to their probabilities of the disease, ``(n,)``."""

Matrix = np.ndarray[Any, Any]

_KINDS = ("cp", "restecg", "slope", "ca", "thal")
"""Columns whose numbers stand for kinds: regressions see an indicator of each."""


@dataclass(frozen=True)
class Scores:
    """Of predicted probabilities.

    Attributes:
        auc: area under the receiver operating characteristic of all patients together; None if all have one outcome.
        brier, log_loss: means over the patients, the second in nats.
        hospitals: the area within each hospital; None as above.
    """

    auc: float | None
    brier: float
    log_loss: float
    hospitals: dict[str, float | None]


@dataclass(frozen=True)
class Cohort:
    """All patients of the four hospitals.

    Attributes:
        heart: the data.
    """

    heart: Heart = field(default_factory=load_heart)

    @property
    def rows(self) -> Tensor:
        """Codes, ``(N, 14)``, the outcome last."""
        return self.heart.hospitals.rows

    @cached_property
    def outcomes(self) -> Tensor:
        """1 for the disease, 0 without it, ``(N,)``, int64."""
        return self.rows[:, self.heart.columns.index(TARGET)]

    @cached_property
    def states(self) -> Matrix:
        """An indicator of each state of each finding, ``(N, 38)``, zeros where it is missing."""
        columns = [
            (self.rows[:, k, None] == torch.arange(len(variable))).double()
            for k, variable in enumerate(self.heart.hospitals.variables)
            if variable.name != TARGET
        ]
        return torch.cat(columns, -1).numpy()

    def numbers(self, learn: Tensor) -> Matrix:
        """Return standardised numbers, and an indicator of each kind, ``(N, D)``; 0 where a cell is missing.

        Args:
            learn: positions of the patients whose mean and standard deviation standardise the numbers.
        """
        names = [name for name in self.heart.columns if name != TARGET]
        values = {name: self.heart.values[:, self.heart.columns.index(name)].numpy() for name in names}
        columns = []
        for name in names:
            value = values[name]
            if name in _KINDS:
                columns += [(value == kind).astype(float) for kind in np.unique(value[~np.isnan(value)])]
            else:
                seen = value[learn.numpy()]
                columns.append(np.nan_to_num((value - np.nanmean(seen)) / np.nanstd(seen)))
        return np.stack(columns, -1)

    def hospitals(self, learn: Tensor) -> Hospitals:
        """Return some of the patients, with the hospitals that have any."""
        present, membership = torch.unique(self.heart.hospitals.membership[learn], return_inverse=True)
        names = tuple(self.heart.hospitals.names[k] for k in present.tolist())
        return Hospitals(self.heart.hospitals.variables, names, self.rows[learn], membership)

    def folds(self, learn: Tensor, count: int, generator: torch.Generator) -> list[tuple[Tensor, Tensor]]:
        """Deal patients out to folds, alike in each hospital and outcome; return what each learns from and what it checks."""
        shuffled = learn[torch.randperm(len(learn), generator=generator)]
        stratum = 2 * self.heart.hospitals.membership[shuffled] + self.outcomes[shuffled]
        dealt = shuffled[stratum.argsort(stable=True)]
        fold = torch.arange(len(dealt)) % count
        return [(dealt[fold != k].sort().values, dealt[fold == k].sort().values) for k in range(count)]

    def predictor(self, network: BayesianNetwork) -> Predictor:
        """Return what a network says of the disease, given what a patient has recorded."""

        def predict(positions: Tensor) -> Tensor:
            task = Diagnosis.of(network.structure, TARGET, self.rows[positions])
            return task.answer(network.tables, task.everyone(), 0)[:, 0, 1].detach()

        return predict

    def score(self, probabilities: Tensor, positions: Tensor) -> Scores:
        """Compare predictions with what happened.

        Args:
            probabilities: of the disease, ``(n,)``.
            positions: of the patients, ``(n,)``.
        """
        outcomes = self.outcomes[positions]
        answer = torch.stack((1 - probabilities, probabilities), -1).double()[:, None]
        truth = torch.nn.functional.one_hot(outcomes, 2).double()[:, None]
        membership = self.heart.hospitals.membership[positions]
        within = {
            name: _auc(outcomes[membership == k], probabilities[membership == k])
            for k, name in enumerate(self.heart.hospitals.names)
            if bool((membership == k).any())
        }
        brier, log_loss = (float(distance(answer, truth).mean()) for distance in (Brier(), KL()))
        return Scores(_auc(outcomes, probabilities), brier, log_loss, within)


def _auc(outcomes: Tensor, probabilities: Tensor) -> float | None:
    """Return the area under the curve: how often a sick patient is above a well one, a tie counting half."""
    sick, well = probabilities[outcomes == 1], probabilities[outcomes == 0]
    if not len(sick) or not len(well):
        return None
    difference = sick[:, None] - well[None, :]
    return float((difference > 0).double().mean() + (difference == 0).double().mean() / 2)
