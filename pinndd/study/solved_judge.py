"""Fit surrogates to labels of the fine solver, and ask them about conditions that nothing has seen."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from pinndd.learners.kernel_ridge import Kernel, fit_surrogate
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.models.solved_conditions import Base, field_points
from pinndd.pinn.models.stand_in import solve_each
from pinndd.pinn.sets.condition_code import encode
from pinndd.pinn.tasks.questions import Questions
from pinndd.study.outcome import NO_SHIFT, Result, StudySettings
from pinndd.study.solved_tuning import PENALTY, Exam, base_fields, solve

LABEL_FREE = "label-free"
_VALIDATION = 30
_TEST_SEED, _VALIDATION_SEED = 910_000, 920_000


@dataclass(frozen=True)
class Judge:
    """Labels conditions with the fine solver, and asks what was fitted to them.

    Attributes:
        pde: the equation.
        tests: questions of every shift in the span of the training family; touched once.
        validation: other conditions of the same families, which tune the baselines.
        metric: of the inputs of the kernel.
        outside: shifts that leave the span, which no function of the coefficients can see.
    """

    pde: PDE
    tests: Mapping[str, Questions]
    validation: Sequence[Questions]
    metric: Tensor
    outside: Sequence[str]

    @cached_property
    def points(self) -> Tensor:
        """Where labels are taken and questions asked, ``(Q, d)``."""
        return next(iter(self.tests.values())).points

    def labels(self, codes: Tensor, base: Base | None) -> Tensor:
        """Solve conditions with the fine solver, and subtract the base: ``(m, Q, outputs)``."""
        fields = solve(self.pde, solve_each(self.pde.reference), codes, self.points)
        return fields - base_fields(base, self.points, codes)

    def fields(self, kernel: Kernel, codes: Tensor, base: Base | None, asked: Tensor) -> Tensor:
        """Fit to the labels of ``codes`` and predict for the conditions ``asked``, ``(B, Q, outputs)``."""
        surrogate = fit_surrogate(kernel, codes @ self.metric, self.labels(codes, base).flatten(1), PENALTY)
        predicted = surrogate(asked @ self.metric).reshape(asked.shape[0], self.points.shape[0], -1)
        return predicted + base_fields(base, self.points, asked)

    def results(
        self, row: Result, kernel: Kernel, codes: Tensor, base: Base | None, exams: Mapping[str, Exam]
    ) -> list[Result]:
        """Label ``codes``, fit, and return one result a test condition (see `fit_and_ask`)."""
        return fit_and_ask(row, kernel, self.metric, codes, self.labels(codes, base), exams)


def make_judge(pde: PDE, settings: StudySettings, metric: Tensor) -> Judge:
    """Draw test and validation conditions of every shift in the span of the training family, and solve them finely."""
    points = field_points(pde)
    tests, outside = test_questions(pde, points, settings.test_conditions)
    count = min(_VALIDATION, settings.test_conditions)
    validation, _ = _questions(pde, points, count, _VALIDATION_SEED)
    return Judge(pde, tests, list(validation.values()), metric, outside)


def test_questions(pde: PDE, points: Tensor, count: int) -> tuple[dict[str, Questions], list[str]]:
    """Return the test conditions of every shift in the span of the training family with true fields, and the other shifts.

    Args:
        pde: the equation.
        points: where the fields are asked, ``(Q, d)``.
        count: conditions a shift.
    """
    return _questions(pde, points, count, _TEST_SEED)


def _questions(pde: PDE, points: Tensor, count: int, seed: int) -> tuple[dict[str, Questions], list[str]]:
    found: dict[str, Questions] = {}
    outside: list[str] = []
    for k, shift in enumerate((NO_SHIFT, *pde.shifts)):
        ensemble = pde.ensemble(shift)
        drawn = ensemble.sample(count, torch.Generator().manual_seed(seed + k))
        code = encode(pde.ensemble(), ensemble, drawn)
        if code.in_span:
            truth = solve(pde, pde.reference, code.coefficients, points)
            found[shift] = Questions(code.coefficients, points, truth, seed=0)
        else:
            outside.append(shift)
    return found, outside


def fit_and_ask(
    row: Result, kernel: Kernel, metric: Tensor, codes: Tensor, labels: Tensor, exams: Mapping[str, Exam]
) -> list[Result]:
    """Fit a surrogate and return one result a test condition: ``row`` with shift, episode, error and seconds filled in.

    Args:
        row: what the results have in common; its seconds are those spent before, on training a base.
        kernel: of the surrogate.
        metric: of its inputs, ``(C, C)``.
        codes: the solved conditions, ``(m, C)``.
        labels: their fields less the base, ``(m, Q, outputs)``.
        exams: one a shift.
    """
    started = time.perf_counter()
    surrogate = fit_surrogate(kernel, codes @ metric, labels.flatten(1), PENALTY)
    errors = {shift: exam.errors(surrogate(exam.questions.codes @ metric)) for shift, exam in exams.items()}
    seconds = row.seconds + (time.perf_counter() - started) / sum(len(e) for e in errors.values())
    return [
        replace(row, shift=shift, episode=k, relative_l2=error, seconds=seconds)
        for shift, values in errors.items()
        for k, error in enumerate(values.tolist())
    ]
