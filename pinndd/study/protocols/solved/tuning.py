"""Tune the designs of conditions and the kernel of the solved protocol, on equal terms for every baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinndd.distances import Distance
from pinndd.learners.kernel_ridge import Kernel, fit_surrogate
from pinndd.pinn.declare.pde import PDE, BoundaryValues, Reference
from pinndd.pinn.models.solved_conditions import Base
from pinndd.pinn.sets.condition_samplers import CONDITION_SAMPLERS, sample_conditions
from pinndd.pinn.tasks.questions import Questions

PENALTY = 1e-6
WIDTHS = (0.15, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0)
LENGTHS = (1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0)
TRENDS = (0.03, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class TunedDesign:
    """The best settings of one design of conditions.

    Attributes:
        sampler: name of the design.
        width: factor on its coefficients.
        kernel: of the learner.
        error: mean error over the validation sets.
    """

    sampler: str
    width: float
    kernel: Kernel
    error: float

    def __str__(self) -> str:
        return f"width {self.width:g}, length {self.kernel.length:g}, trend {self.kernel.trend:g}"


@dataclass(frozen=True)
class Exam:
    """Conditions at which surrogates are asked, with what is known there without labels.

    Attributes:
        questions: conditions and true fields.
        base: ``(B, Q, outputs)``, see `Base`; zero without one.
        distance: between the corrected base and the truth.
    """

    questions: Questions
    base: Tensor
    distance: Distance

    @classmethod
    def of(cls, questions: Questions, distance: Distance, base: Base | None = None) -> Exam:
        """Ask the base about the questions."""
        return cls(questions, base_fields(base, questions.points, questions.codes).to(questions.truth), distance)

    def errors(self, predicted: Tensor) -> Tensor:
        """Return the error ``(B,)`` of the base corrected by ``predicted`` ``(B, Q · outputs)``."""
        return self.distance(self.answer(predicted), self.truth)

    def answer(self, predicted: Tensor) -> Tensor:
        """Return the base corrected by ``predicted`` ``(B, Q · outputs)``, in the units of the distance."""
        return self.questions.compared(self.base + predicted.reshape(self.questions.truth.shape))

    @cached_property
    def truth(self) -> Tensor:
        """The true fields in the units of the distance."""
        return self.questions.compared(self.questions.truth)


def base_fields(base: Base | None, points: Tensor, codes: Tensor) -> Tensor:
    """Return what is known without labels, ``(B, Q, outputs)``, or a zero that broadcasts."""
    if base is None:
        return points.new_zeros((codes.shape[0], points.shape[0], 1))
    with torch.no_grad():
        return base(points, codes)


def solve(pde: PDE, solver: Reference, codes: Tensor, points: Tensor, *, chunk: int = 64) -> Tensor:
    """Solve conditions of the training family off the graph, a chunk at a time: ``(B, Q, outputs)``."""
    with torch.no_grad():
        parts = [solver(BoundaryValues(pde.ensemble(), part), points) for part in torch.split(codes, chunk)]
    return torch.cat(parts).reshape(codes.shape[0], points.shape[0], -1)


def mean_error(kernel: Kernel, inputs: Tensor, labels: Tensor, metric: Tensor, exams: Sequence[Exam]) -> float:
    """Return the mean error over exams, which weigh the same; infinite where a label is missing.

    Args:
        kernel: of the surrogate.
        inputs: conditions in the metric ``(m, C)``.
        labels: fields less the base, ``(m, Q, outputs)``.
        metric: ``(C, C)``.
        exams: all at the points of the labels.
    """
    if not bool(labels.isfinite().all()):
        return math.inf
    surrogate = fit_surrogate(kernel, inputs, labels.flatten(1), PENALTY)
    errors = [exam.errors(surrogate(exam.questions.codes @ metric)).mean() for exam in exams]
    return float(torch.stack(errors).mean())


def tune_designs(
    pde: PDE,
    solver: Reference,
    metric: Tensor,
    exams: Sequence[Exam],
    count: int,
    seeds: Sequence[int],
    base: Base | None = None,
) -> list[TunedDesign]:
    """Choose width and kernel of every design by the mean error over ``exams``.

    Args:
        pde: the equation.
        solver: labels the conditions.
        metric: of the inputs, ``(C, C)``.
        exams: validation conditions, all at the same points.
        count: number of conditions, m.
        seeds: draws of each design over which the error is averaged.
        base: what labels correct.
    """
    training, points = pde.ensemble(), exams[0].questions.points
    found = []
    for sampler in CONDITION_SAMPLERS:
        grid = [(w, s) for w in WIDTHS for s in seeds]
        codes = torch.cat([sample_conditions(training, sampler, count, s, w) for w, s in grid])
        fields = solve(pde, solver, codes, points) - base_fields(base, points, codes)
        labels, inputs = torch.split(fields, count), torch.split(codes @ metric, count)
        best = TunedDesign(sampler, WIDTHS[0], Kernel(), math.inf)
        for width in WIDTHS:
            chosen = [k for k, (w, _) in enumerate(grid) if w == width]
            for kernel in (Kernel(length, trend) for length in LENGTHS for trend in TRENDS):
                errors = [mean_error(kernel, inputs[k], labels[k], metric, exams) for k in chosen]
                error = sum(errors) / len(errors)
                if error < best.error:
                    best = TunedDesign(sampler, width, kernel, error)
        found.append(best)
    return found


def best_of(tuned: Sequence[TunedDesign]) -> TunedDesign:
    """Return the design with the lowest error."""
    return min(tuned, key=lambda t: t.error)
