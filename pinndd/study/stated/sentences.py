"""What a study of a stated task says in words beside its tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from pandas import DataFrame

from pinndd.data import SyntheticData
from pinndd.diagnostics.stationarity import projected_residual
from pinndd.diagnostics.worth import vacuity
from pinndd.distances import Kendall, ZeroOne
from pinndd.problem import Episodes
from pinndd.stated.parts import example_count
from pinndd.stated.task import StatedTask
from pinndd.stated.teachers import LABELS, OWN, TRIED
from pinndd.stated.trainings import ERRORS, KEPT, kept_training
from pinndd.study.protocols.parts import distance_name
from pinndd.study.results import words
from pinndd.study.results.table import DENSE, DISTILLED, NO_SHIFT, rows_of
from pinndd.study.stated.judging import SuitedLearner

GRADIENT_EPISODES = 16
"""Episodes of the training part at which the gradient of the residual is taken."""


def sentences(
    task: StatedTask, data: SyntheticData, sets: Sequence[Mapping[str, SyntheticData]], summary: DataFrame, test: Episodes
) -> list[str]:
    """Return the notes of a report.

    Args:
        task: at the size that was studied.
        data: the distilled set of the first seed, with its own labels.
        sets: of every seed, by method, with headers that say how each was trained; the distilled ones with the labels that they keep.
        summary: one set per learner and shift.
        test: blocks of the test part.
    """
    optimality = _residual(task, data) if task.search is None else _ending(data)
    labels = _labels(task, [each[DISTILLED] for each in sets])
    scores = [*_kept(task, summary), *_ranked(task, summary), *trainings_said(task, sets)]
    return [*scores, *labels, _vacuity(task, data, test), optimality, _left_over(task, test), *task.remarks]


def first_look(task: StatedTask, looked: StatedTask, seeds: int) -> list[str]:
    """Say in a line what a first look had less of.

    Args:
        task: as its module states it.
        looked: as it was looked at.
        seeds: of the look.
    """
    task = task.of_size(looked.size)
    ways = len(looked.trainings) or 1
    parts: tuple[tuple[str, int, int], ...] = (
        ("steps of training on every set", getattr(looked.own_learner, "steps", 0), getattr(task.own_learner, "steps", 0)),
        (f"way{'s' if ways > 1 else ''} of training for every set", ways, len(task.trainings) or 1),
        ("steps of the outer loop", looked.outer.steps, task.outer.steps if task.search is None else looked.outer.steps),
        ("baselines", len(looked.baselines), len(task.baselines)),
        ("blocks of the test part", looked.test_blocks, task.test_blocks),
        ("random subsets in the vacuity test", looked.subsets, task.subsets),
    )
    less = [f"{few} {what}, not {many}" for what, few, many in parts if few < many]
    return ["; ".join([f"A first look, with {seeds} distillation seed{'s' if seeds > 1 else ''}", *less]) + "."]


def residual(task: StatedTask, data: SyntheticData) -> float:
    """Return the norm of a projected gradient step of size 1: 0 where no feasible direction lowers the risk to first order."""
    problem = task.problem()
    episodes = problem.task.episodes(GRADIENT_EPISODES, torch.Generator().manual_seed(0))
    _, gradient = task.estimator(problem, data, episodes)
    left = (projected_residual(data.constraints[n], data[n].detach(), g) for n, g in gradient.items())
    return math.hypot(*(float(each.norm()) for each in left))


def _kept(task: StatedTask, summary: DataFrame) -> Iterator[str]:
    """The field's own score: accuracy of the distilled set, and the share of that of full data."""
    if not isinstance(task.measure, ZeroOne):
        return
    inside = summary[summary["shift"] == NO_SHIFT]
    for learner, rows in inside.groupby("learner", sort=False):
        means = {row.method: 1 - row.mean for row in rows_of(rows)}
        share = words.significant(100 * means[DISTILLED] / means[DENSE], 3)
        yield (
            f"Accuracy with {learner}: {100 * means[DISTILLED]:.1f} % on {task.size} distilled examples, "
            f"{100 * means[DENSE]:.1f} % on all {task.data.count}: {share} % of it is kept."
        )


def _ranked(task: StatedTask, summary: DataFrame) -> Iterator[str]:
    """Kendall's τ of the rankings by the distilled set and by full data with the truth."""
    if not isinstance(task.measure, Kendall):
        return
    for (learner, shift), rows in summary.groupby(["learner", "shift"], sort=False):
        tau = {row.method: 1 - 2 * row.mean for row in rows_of(rows)}
        yield (
            f"Rank correlation with the truth (Kendall's τ), {learner}, {words.shift_name(str(shift), 'on the test part')}: "
            f"{tau[DISTILLED]:.2f} on {task.size} distilled examples, {tau[DENSE]:.2f} on all {task.data.count}."
        )


def _vacuity(task: StatedTask, data: SyntheticData, test: Episodes) -> str:
    learner = SuitedLearner(task, task.learner_names[0]) if task.trainings else task.own_learner
    problem = replace(task.problem(task.data.test), learner=learner, distance=task.measure)
    generator = torch.Generator().manual_seed(0)
    found = vacuity(problem, data, task.data.train, test, generator=generator, subsets=task.subsets, ceiling=task.ceiling)
    return f"Vacuity test: {str(found).replace(chr(10), '; ')}."


def _residual(task: StatedTask, data: SyntheticData) -> str:
    lowered = "its criterion, not the risk" if hasattr(task.estimator, "full") else "the risk"
    return (
        f"Optimality: the residual of the first-order conditions is {residual(task, data):.2g} at the distilled set, by "
        f"{type(task.estimator).__name__} on {GRADIENT_EPISODES} batches of the training part (0: nothing feasible lowers {lowered})."
    )


def labels_said(task: StatedTask, found: Sequence[SyntheticData]) -> str:
    """Say which labels distilled sets of a task with teachers keep, and how much each erred on the validation part with both.

    Args:
        task: that they were distilled for.
        found: the sets, one per seed.
    """
    distance = distance_name(task.measure)
    said = []
    for data in found:
        errors = (data.header[TRIED][labels] for labels in (OWN, str(task.teachers)))
        own, theirs = (words.error(math.nan if error is None else error, distance) for error in errors)
        kept = OWN if data.header[LABELS] == OWN else "the others"
        of_seed = f" (seed {data.header['seed']})" if len(found) > 1 else ""
        said.append(f"{own} with its own, {theirs} with the others, so it keeps {kept}{of_seed}")
    return (
        f"Labels of the distilled set are its own or {task.teachers}, whichever err less on the validation part "
        f"({words.error_name(distance)}): {'; '.join(said)}."
    )


def trainings_said(task: StatedTask, sets: Sequence[Mapping[str, SyntheticData]]) -> Iterator[str]:
    """Say in which way of training each set is trained; nothing of a task that names no ways.

    Args:
        task: that names them.
        sets: of every seed, by method; those whose headers say nothing are left out.
    """
    if not task.trainings:
        return
    distance, count = distance_name(task.measure), len(task.trainings)
    for learner in task.learners:
        taken = []
        for method in sets[0]:
            ways: dict[str, list[str]] = {}
            for each in sets:
                if known := kept_training(each[method], learner):
                    error = known[ERRORS][known[KEPT]]
                    ways.setdefault(known[KEPT], []).append(words.error(math.nan if error is None else error, distance))
            if ways:
                said = (f"{way} ({', '.join(errors)})" for way, errors in ways.items())
                taken.append(f"{method}: {' or '.join(said)}")
        if taken:
            yield (
                f"Every set is trained in that of {count} ways which errs least on the validation part "
                f"({words.error_name(distance)}), with {learner}: {'; '.join(taken)}."
            )


def _labels(task: StatedTask, found: Sequence[SyntheticData]) -> Iterator[str]:
    if task.teachers is not None:
        yield (
            f"{labels_said(task, found)} Every baseline stands in the tables with both. The vacuity test and the optimality below are "
            "those of the distilled set with its own."
        )


def _ending(data: SyntheticData) -> str:
    return f"Optimality: {data.header.get('optimality', 'the search says nothing of it')}."


def _left_over(task: StatedTask, test: Episodes) -> str:
    positions = getattr(test, "positions", None)
    if positions is not None and positions.ndim == 2:
        left = f"; {test.left_over} are left over, since blocks are of one size" if test.left_over else ""
        return f"The test asked {positions.numel()} questions once, in {len(positions)} disjoint blocks of {positions.shape[1]}{left}."
    asked = getattr(test, "inputs", None)
    if asked is None:
        return f"The test asked {len(test)} episodes."
    count, total = asked.shape[0] * asked.shape[1], example_count(task.data.test)
    if not callable(getattr(task.asking(task.data.test), "blocks", None)):
        return f"The test asked {asked.shape[0]} times about {asked.shape[1]} of the {total} examples of its part."
    left = f"; {total - count} are left over, since blocks are of one size" if total > count else ""
    return f"The test part has {total} examples, asked once in {asked.shape[0]} disjoint blocks of {asked.shape[1]}{left}."
