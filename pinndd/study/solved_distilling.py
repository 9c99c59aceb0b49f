"""Distil the boundary conditions that are worth an expensive solve."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.distances import RelativeL2
from pinndd.hypergradients import Exact
from pinndd.learners.kernel_ridge import Kernel, KernelRidge
from pinndd.outer_loop import Distillation, OuterSettings, distill
from pinndd.pinn.declare.pde import PDE, Reference
from pinndd.pinn.models.solved_conditions import Base, ConditionToField, condition_data, field_points, sensitivity_metric
from pinndd.pinn.models.stand_in import stand_in_for
from pinndd.pinn.sets.broadened import broadened_sample
from pinndd.pinn.sets.condition_code import require_linear
from pinndd.pinn.sets.condition_samplers import sample_conditions
from pinndd.pinn.tasks.questions import Questions
from pinndd.pinn.tasks.zero_shot import ZeroShot
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.study.outcome import Progress, StudySettings
from pinndd.study.solved_tuning import PENALTY, Exam, Tuned, base_fields, best_of, mean_error, solve, tune_designs

KERNEL, PINN_KERNEL = "kernel-ridge", "pinn-kernel"
"""Learners: a kernel surrogate, and a PINN trained without labels that a kernel surrogate corrects."""

STEPS = 300
_POINTS = 225
_POOL, _HELD_OUT = 2500, 300
_STARTS = 6
_EFFORT = 0.3
_METRIC_SEED, _DRAWS = 20251, 48


@dataclass(frozen=True)
class Workshop:
    """What distilling works with: nothing in it has seen the expensive solver.

    Attributes:
        solver: the stand-in.
        metric: of the inputs of the kernel.
        pool: conditions of the broadened family with their cheap solutions.
        held_out: more of them, which choose the learner's settings and the best iterate.
    """

    solver: Reference
    metric: Tensor
    pool: Questions
    held_out: Questions


def effort(pde: PDE) -> float:
    """Return the part of the usual solves and steps to spend: less where a PINN stands in, which solves more slowly."""
    return _EFFORT if pde.stand_in is None else 1.0


def workshop(pde: PDE, seed: int) -> Workshop:
    """Prepare what distilling works with. The metric is the same for every seed.

    Raises:
        ValueError: the stand-in solves fewer than half of the conditions.
    """
    solver, points, training = stand_in_for(pde), field_points(pde, _POINTS), pde.ensemble()
    metric = sensitivity_metric(training, solver, points, _METRIC_SEED, draws=round(_DRAWS * effort(pde)))
    count = round(_POOL * effort(pde))
    codes = broadened_sample(training, count, torch.Generator().manual_seed(seed + 1))
    truth = solve(pde, solver, codes, points)
    solved = truth.flatten(1).isfinite().all(-1)
    if int(solved.sum()) < count // 2:
        raise ValueError(
            f"PDE {pde.name!r}: the stand-in fails on {int((~solved).sum())} of {count} conditions of the training family, "
            "made broader: give the module a stand_in that is stable there, or none"
        )
    questions = Questions(codes[solved], points, truth[solved], seed=0)
    every = torch.arange(points.shape[0])
    first, rest = torch.arange(_HELD_OUT), torch.arange(_HELD_OUT, questions.conditions)
    return Workshop(solver, metric, questions.select(rest, every), questions.select(first, every))


def distill_conditions(
    pde: PDE,
    settings: StudySettings,
    seed: int,
    progress: Progress,
    checkpoint: Path | None = None,
    resume: bool = False,
    base: Base | None = None,
) -> Distillation:
    """Distil ``settings.conditions`` boundary conditions for the kernel surrogate, on the stand-in only.

    The learner's settings are those that serve the best baseline design, and the outer loop begins at the best of a few
    draws of that design.

    Args:
        pde: the equation; its training family is linear in its coefficients.
        settings: number of conditions, and the factor on the number of outer steps.
        seed: of the pool, of the start and of the episodes.
        progress: called with what is being done.
        checkpoint, resume: see `pinndd.outer_loop.distill`.
        base: distil for the surrogate that corrects this network, instead of the one that stands alone; it converges sooner,
            in half of the steps.

    Raises:
        ValueError: the training family is not linear, or the stand-in fails on most conditions.
        DivergedError: the stand-in stopped solving the conditions on the way.
    """
    require_linear(pde.ensemble())
    started, count = time.perf_counter(), settings.conditions
    total = max(2, round(STEPS * settings.budget * effort(pde) * (1 if base is None else 0.5)))
    name = KERNEL if base is None else PINN_KERNEL
    progress("solved: preparing the stand-in", 0, total, None)
    tools = workshop(pde, seed)
    exams, seeds = [Exam.of(tools.held_out, base)], [seed, seed + 1][: 1 if pde.stand_in is None or count > 16 else 2]
    best = best_of(tune_designs(pde, tools.solver, tools.metric, exams, count, seeds, base))
    data = _start(pde, tools, best, exams, count, seed, base)
    learner = {"kernel": {"length": best.kernel.length, "trend": best.kernel.trend}, "penalty": PENALTY}
    data = data.with_header(protocol="solved", pde=pde.name, learner=name, settings=learner, seed=seed)
    problem = DistillationProblem(
        KernelRidge(ConditionToField(pde, tools.solver, base), best.kernel, PENALTY),
        ZeroShot(tools.pool, (0,), points=tools.pool.points.shape[0]),
        RelativeL2(),
        Mean(),
    )
    found = distill(
        problem,
        data,
        hypergradient=Exact(),
        validation=[tools.held_out],
        settings=OuterSettings(steps=total, batch=256, learning_rate=0.03, validate_every=max(1, total // 12), seed=seed),
        checkpoint=checkpoint,
        resume=resume,
        progress=lambda step, risk: progress(f"solved: distilling {count} conditions for {name}", step, total, risk),
    )
    return replace(found, seconds=time.perf_counter() - started)


def kernel_of(data: SyntheticData) -> Kernel:
    """Return the kernel that a set was distilled for."""
    return Kernel(**data.header["settings"]["kernel"])


def _start(
    pde: PDE, tools: Workshop, best: Tuned, exams: Sequence[Exam], count: int, seed: int, base: Base | None
) -> SyntheticData:
    """Return the best of a few draws of the best design."""
    training, points = pde.ensemble(), tools.held_out.points
    draws = [sample_conditions(training, best.sampler, count, _STARTS * seed + k, best.width) for k in range(_STARTS)]
    codes = torch.cat(draws)
    labels = torch.split(solve(pde, tools.solver, codes, points) - base_fields(base, points, codes), count)
    errors = [
        mean_error(best.kernel, codes @ tools.metric, label, tools.metric, exams)
        for codes, label in zip(draws, labels, strict=True)
    ]
    return condition_data(pde, draws[errors.index(min(errors))], tools.metric)
