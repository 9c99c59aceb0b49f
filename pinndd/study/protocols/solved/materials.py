"""What all sizes and seeds of a study of the solved protocol share."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from pinndd.pinn.declare.pde import PDE, BoundaryValues, Reference
from pinndd.pinn.files.solutions import Solutions
from pinndd.pinn.models.solved_conditions import Base, field_points
from pinndd.pinn.models.stand_in import solve_each
from pinndd.pinn.solving.truth import reference_of
from pinndd.pinn.tasks.questions import Questions
from pinndd.study.protocols.conditions import HeldOutConditions, field_tests, field_validation
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.protocols.solved.label_free import LabelFree, train_label_free
from pinndd.study.protocols.solved.stand_in import CheapSolver
from pinndd.study.protocols.solved.tuning import (
    Exam,
    TunedDesign,
    tune_designs,
)

KERNEL, PINN_KERNEL = "kernel-ridge", "pinn-kernel"
"""Learners: a kernel surrogate, and a PINN trained without labels that a kernel surrogate corrects."""

_VALIDATION = 30
_TUNING_SEED = 930_000


@dataclass(frozen=True, eq=False)
class Materials:
    """What all sizes and seeds of a study share.

    Attributes:
        pde: the equation.
        settings: of the study.
        solutions: solved fields of a finished set's conditions, where somebody else solved them.
    """

    pde: PDE
    settings: StudySettings
    solutions: Solutions | None = None

    @cached_property
    def cheap(self) -> CheapSolver:
        """The stand-in."""
        return CheapSolver(self.pde)

    @cached_property
    def fine(self) -> Reference:
        """The expensive solver, which solves nothing twice, or the solutions that were brought."""
        if self.solutions is None:
            return remembered(solve_each(reference_of(self.pde)))
        fields = self.solutions.fields
        return lambda values, points: fields

    @cached_property
    def points(self) -> Tensor:
        """Where solutions are known and asked, ``(Q, d)``."""
        return field_points(self.pde) if self.solutions is None else self.solutions.points

    @cached_property
    def tests(self) -> HeldOutConditions:
        """Test conditions with fine solutions."""
        return field_tests(self.pde, self.settings, self.points)

    @cached_property
    def validation(self) -> list[Questions]:
        """Other conditions of the same families with fine solutions, which tune the baselines."""
        count = min(_VALIDATION, self.settings.test_conditions)
        return field_validation(self.pde, self.settings, self.points, count)

    @cached_property
    def pinn(self) -> LabelFree:
        """The network without labels."""
        return train_label_free(self.pde, self.settings)

    def base(self, learner: str) -> Base | None:
        """Return what the labels correct for a learner."""
        return self.pinn.base if learner == PINN_KERNEL else None

    def tuned(self, learner: str, count: int) -> list[TunedDesign]:
        """Return every design of ``count`` conditions, tuned on fine validation conditions of all shifts."""
        key = (learner, count)
        if key not in self._tuned:
            base, distance = self.base(learner), self.settings.measure
            exams = [Exam.of(q, distance, base) for q in self.validation]
            seeds = range(_TUNING_SEED, _TUNING_SEED + (2 if count <= 16 else 1))
            self._tuned[key] = tune_designs(self.pde, self.fine, self.cheap.metric, exams, count, seeds, base)
        return self._tuned[key]

    _tuned: dict[tuple[str, int], list[TunedDesign]] = field(default_factory=dict)


def remembered(solver: Reference) -> Reference:
    """Return a solver that solves no batch of conditions twice at the same points."""
    known: dict[tuple[bytes, bytes], Tensor] = {}

    def solve_once(values: BoundaryValues, points: Tensor) -> Tensor:
        key = values.coefficients.detach().numpy().tobytes(), points.numpy().tobytes()
        if key not in known:
            with torch.no_grad():
                known[key] = solver(values, points)
        return known[key]

    return solve_once
