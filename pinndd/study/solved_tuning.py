"""Tune the designs of conditions and the kernel of the solved protocol, on equal terms for every baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.distances import RelativeL2
from pinndd.learners.kernel_ridge import Kernel, fit_surrogate
from pinndd.pinn.condition_samplers import CONDITION_SAMPLERS, sample_conditions
from pinndd.pinn.pde import PDE, BoundaryValues, Reference
from pinndd.pinn.questions import Questions

PENALTY = 1e-6
WIDTHS = (0.15, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0)
LENGTHS = (1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
TRENDS = (0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class Tuned:
    """The best settings of one design.

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


def solve(pde: PDE, solver: Reference, codes: Tensor, points: Tensor, *, chunk: int = 64) -> Tensor:
    """Solve conditions of the training family off the graph, a chunk at a time: ``(B, Q, outputs)``."""
    with torch.no_grad():
        parts = [solver(BoundaryValues(pde.ensemble(), part), points) for part in codes.split(chunk)]
    return torch.cat(parts).reshape(codes.shape[0], points.shape[0], -1)


def mean_error(kernel: Kernel, inputs: Tensor, labels: Tensor, metric: Tensor, sets: Sequence[Questions]) -> float:
    """Return the mean relative L2 error over validation sets, which weigh the same; infinite where a label is missing."""
    if not bool(labels.isfinite().all()):
        return math.inf
    surrogate = fit_surrogate(kernel, inputs, labels.flatten(1), PENALTY)
    distance = RelativeL2()
    errors = [distance(surrogate(s.codes @ metric).reshape(s.truth.shape), s.truth).mean() for s in sets]
    return float(torch.stack(errors).mean())


def tune_designs(
    pde: PDE, solver: Reference, metric: Tensor, sets: Sequence[Questions], count: int, seeds: Sequence[int]
) -> Mapping[str, Tuned]:
    """Choose width and kernel of every design by the mean error over ``sets``.

    Args:
        pde: the equation.
        solver: labels the conditions.
        metric: of the inputs, ``(C, C)``.
        sets: validation questions, all at the same points.
        count: number of conditions, m.
        seeds: draws of each design over which the error is averaged.

    Returns:
        One entry a design.
    """
    training, points = pde.ensemble(), sets[0].points
    found: dict[str, Tuned] = {}
    for sampler in CONDITION_SAMPLERS:
        grid = [(w, s) for w in WIDTHS for s in seeds]
        codes = torch.cat([sample_conditions(training, sampler, count, s, w) for w, s in grid])
        labels = solve(pde, solver, codes, points).split(count)
        inputs = (codes @ metric).split(count)
        best = Tuned(sampler, WIDTHS[0], Kernel(), math.inf)
        for width in WIDTHS:
            chosen = [k for k, (w, _) in enumerate(grid) if w == width]
            for kernel in (Kernel(length, trend) for length in LENGTHS for trend in TRENDS):
                errors = [mean_error(kernel, inputs[k], labels[k], metric, sets) for k in chosen]
                error = sum(errors) / len(errors)
                if error < best.error:
                    best = Tuned(sampler, width, kernel, error)
        found[sampler] = best
    return found


def best_of(tuned: Mapping[str, Tuned]) -> Tuned:
    """Return the design with the lowest error."""
    return min(tuned.values(), key=lambda t: t.error)
