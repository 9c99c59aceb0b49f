"""Evaluate a distilled set of conditions, solved by the reference of the PDE or by somebody else."""

from __future__ import annotations

from pathlib import Path

import torch

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.files.solutions import Solutions, read_solutions
from pinndd.pinn.models.solved_conditions import CONDITIONS, METRIC, Base, field_points
from pinndd.pinn.models.stand_in import solve_each
from pinndd.study.outcome import DISTILLED, NO_SHIFT, Progress, Result, StudySettings
from pinndd.study.solved_distilling import KERNEL, PINN_KERNEL, kernel_of
from pinndd.study.solved_judge import fit_and_ask, test_questions
from pinndd.study.solved_pinn import train_label_free
from pinndd.study.solved_tuning import Exam, base_fields, solve

_MOST_POINTS = 2000
_PINN = "mlp-adam"


def evaluate_solutions(
    pde: PDE,
    data: SyntheticData,
    solutions: Path,
    settings: StudySettings,
    progress: Progress,
    learner: str | None = None,
) -> list[Result]:
    """Train the learners of the solved protocol on solved fields and return their errors on conditions never seen.

    Args:
        pde: the equation, with the reference that tells the truth on the test conditions.
        data: the distilled set whose conditions were solved.
        solutions: file of the fields, see `pinndd.pinn.files.solutions.read_solutions`; at most 2000 of its points are used.
        settings: number of test conditions and seed.
        progress: called with what is being done.
        learner: ``kernel-ridge`` (the same as None), or ``mlp-adam``: also train the conditioned PINN without labels, and
            correct it.

    Returns:
        One result a learner, shift in the span of the training family, and test condition.

    Raises:
        FileNotFoundError, SolutionFileError: the file cannot be used.
        ValueError: the set is of another PDE or protocol, or there is no such learner.
    """
    found = read_solutions(solutions, pde, data)
    chosen = torch.arange(found.points.shape[0])
    if len(chosen) > _MOST_POINTS:
        chosen = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(0))[:_MOST_POINTS]
    return _evaluate(pde, data, Solutions(found.points[chosen], found.fields[:, chosen]), settings, progress, learner)


def evaluate_solved(
    pde: PDE, data: SyntheticData, settings: StudySettings, progress: Progress, learner: str | None = None
) -> list[Result]:
    """Solve the conditions with the reference of the PDE, and go on as `evaluate_solutions`."""
    points = field_points(pde)
    fields = solve(pde, solve_each(pde.reference), data[CONDITIONS], points)
    return _evaluate(pde, data, Solutions(points, fields), settings, progress, learner)


def _evaluate(
    pde: PDE, data: SyntheticData, solutions: Solutions, settings: StudySettings, progress: Progress, learner: str | None
) -> list[Result]:
    if learner not in (None, KERNEL, _PINN):
        raise ValueError(f"the solved protocol has no learner {learner!r}: expected {KERNEL} or {_PINN}")
    points, codes = solutions.points, data[CONDITIONS].detach()
    progress("solved: solving test conditions", 0, 1, None)
    tests, _ = test_questions(pde, points, settings.test_conditions)
    bases: dict[str, tuple[Base | None, float]] = {KERNEL: (None, 0.0)}
    if learner == _PINN:
        progress("solved: training the PINN without labels", 0, 1, None)
        trained = train_label_free(pde, settings)
        bases[PINN_KERNEL] = trained.base, trained.seconds
    results: list[Result] = []
    own = str(data.header["learner"])
    for name, (base, seconds) in bases.items():
        row = Result(pde.name, "solved", DISTILLED, name, len(codes), 0, NO_SHIFT, settings.seed, 0, 0.0, seconds, own)
        labels = solutions.fields - base_fields(base, points, codes)
        exams = {shift: Exam.of(questions, base) for shift, questions in tests.items()}
        results += fit_and_ask(row, kernel_of(data), data[METRIC], codes, labels, exams)
    return results
