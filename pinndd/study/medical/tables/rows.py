"""The kinds of rows of a distilled table: who learns from them, and how they are found."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from pinndd.bayesnet import BayesianNetwork, BDeu, Structure, sample
from pinndd.bayesnet.censoring import censor
from pinndd.bayesnet.counting import WEIGHTS, CountingLearner
from pinndd.bayesnet.distilling import distill_rows
from pinndd.bayesnet.incomplete import IncompleteLearner
from pinndd.bayesnet.tasks.conditional_marginals import ConditionalMarginals
from pinndd.data import SyntheticData
from pinndd.distances import KL
from pinndd.outer_loop import Distillation, OuterSettings
from pinndd.problem import DistillationProblem, Learner
from pinndd.stated.task import StatedTask
from pinndd.study.medical.tables.declaration import CENSORED, SOFT
from pinndd.study.medical.tables.methods import table_of_patients

SOFT_STEPS, HARD_STEPS = 300, 150
"""Of the gradient for soft rows, and before the first cell of hard rows is rounded."""

STARTS = 3
"""Drawn tables from which hard rows are distilled; the best is kept."""

CENSORING_SECONDS = 50.0
"""Wall time of the choice of censored cells."""

SMOOTHING = 0.2
"""Of the cells that the gradient starts from."""

Report = Callable[[int, int, float | None], None]


def learner_of(kind: str, structure: Structure, prior: float) -> tuple[dict[str, Learner], Learner | None]:
    """Return who learns from the rows, and who stands in for it where a gradient is needed."""
    counting = CountingLearner(structure, BDeu(prior))
    if kind == CENSORED:
        return {"expectation-maximisation": IncompleteLearner(structure, BDeu(prior))}, counting
    return {"counting": counting}, None


def outer_of(kind: str, queries: int) -> OuterSettings:
    """Return the settings of the outer loop, which asks all queries in every step."""
    return OuterSettings(steps=SOFT_STEPS if kind == SOFT else HARD_STEPS, batch=queries, learning_rate=0.1, validate_every=25)


def search_of(
    kind: str, merged: BayesianNetwork
) -> Callable[[StatedTask, Mapping[str, SyntheticData], int, Report], Distillation] | None:
    """Return how the rows are found: soft ones by the outer loop, others by a search from rows that are drawn from the network."""
    if kind == SOFT:
        return None

    def search(task: StatedTask, sets: Mapping[str, SyntheticData], seed: int, report: Report) -> Distillation:
        problem = task.problem()
        asked = _everything(problem.task)
        generator = torch.Generator().manual_seed(seed)
        effort = task.outer.steps / HARD_STEPS
        starts = torch.stack([sample(merged, task.size, generator) for _ in range(max(1, round(STARTS * effort)))])
        smooth = None if isinstance(task.distance, KL) else replace(problem, distance=KL())
        begun = time.perf_counter()
        found = distill_rows(problem, starts, asked, steps=task.outer.steps, smooth=smooth, progress=report)
        weights = kind != CENSORED
        if kind == CENSORED:
            own = DistillationProblem(task.own_learner, problem.task, task.distance, task.risk)
            found = censor(own, found.rows, asked, seconds=CENSORING_SECONDS * effort)
        seconds = time.perf_counter() - begun
        history = [{"step": k, "risk": risk, "validation": risk, "seconds": seconds} for k, risk in enumerate(found.history)]
        data = table_of_patients(merged.structure, found.rows, weights=weights).with_header(optimality=_ended(kind, found.optimal))
        return Distillation(data, found.risk, history, seconds)

    return search


def _everything(task: Any) -> Any:
    assert isinstance(task, ConditionalMarginals)
    return task.everything()


def _ended(kind: str, optimal: bool) -> str:
    if kind == CENSORED:
        return "cells were changed and left out as long as the shortlist of changes held one that lowers the risk, and time was left"
    return "no change of a single cell lowers the risk" if optimal else "the search ended before every change of a cell was tried"


def codes_of(structure: Structure, data: SyntheticData) -> Tensor:
    """Return the codes of hard or censored rows, ``(N, V)``, `pinndd.bayesnet.MISSING` where a cell is left out."""
    columns = []
    for name in structure.names:
        cells = data[name]
        left_out = (cells.sum(-1) > 1.5) if len(structure[name]) > 1 else torch.zeros(len(cells), dtype=torch.bool)
        columns.append(torch.where(left_out, -1, cells.argmax(-1)))
    return torch.stack(columns, -1)


def weights_of(data: SyntheticData) -> Tensor | None:
    """Return the weights of rows ``(N,)`` that do not all weigh the same."""
    weights = data.fields.get(WEIGHTS)
    return weights if weights is not None and bool((weights != weights[0]).any()) else None
