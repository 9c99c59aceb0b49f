"""What a table is distilled for, and what it is tested on: queries with their true answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from pinndd.bayesnet import MISSING, BayesianNetwork, BDeu, Query, QueryBatch, Structure, expectation_maximisation, posterior
from pinndd.bayesnet.notation import Question
from pinndd.bayesnet.tasks.conditional_marginals import ConditionalMarginals
from pinndd.distances import KL
from pinndd.study.medical.tables.answering import Regressions
from pinndd.study.medical.tables.patients import Cohort

FOLDS = 3

MOST_ASKED = 2_000
"""Patients that a question is asked of, drawn at random where there are more."""

NETWORK, REGRESSION = "the merged network", "logistic regression"
"""What a table may imitate."""


@dataclass(frozen=True)
class Asked:
    """The questions of a declaration to a cohort.

    Attributes:
        stated: queries with states, of all questions but those about whatever is recorded.
        patients: one query for each patient to learn from and each question about whatever is recorded.
        merged: the network of expectation maximisation on the patients to learn from.
        teacher: what answers ``patients``: `NETWORK` or `REGRESSION`.
        losses: log loss of each in cross-validation; empty where there was nothing to choose.
        training: the queries with the answers that the table imitates.
    """

    stated: tuple[Query, ...]
    patients: tuple[Query, ...]
    merged: BayesianNetwork
    teacher: str
    losses: dict[str, float]
    training: ConditionalMarginals


def ask(questions: Sequence[Question], cohort: Cohort, prior: float, seed: int) -> Asked:
    """Merge the hospitals, and answer the questions by the merged network, or by the better teacher of whatever is recorded.

    Raises:
        ValueError: no patient has the target of a question recorded.
    """
    structure, rows = cohort.structure, cohort.learn.rows
    stated = cohort.chosen or tuple(query for question in questions for query in question.queries(structure))
    targets = whatever(questions)
    patients = tuple(query for target in targets for query in _recorded(structure, _drawn(rows), target))
    merged = expectation_maximisation(structure, rows, prior=BDeu(prior)).network
    losses = _cross_validated(structure, rows, targets, prior, seed) if patients else {}
    teacher = min(losses, key=lambda name: losses[name]) if losses else NETWORK
    truths = [posterior(merged, stated)] if stated else []
    if patients:
        batch = QueryBatch(structure, patients)
        truths.append(logistic(structure, rows, targets)(batch) if teacher == REGRESSION else batch(merged.tables))
    queries = (*stated, *patients)
    training = ConditionalMarginals(QueryBatch(structure, queries), _together(truths))
    return Asked(stated, patients, merged, teacher, losses, training)


def whatever(questions: Sequence[Question]) -> tuple[str, ...]:
    """Return the targets that are asked given whatever is recorded."""
    return tuple(question.target for question in questions if question.whatever)


def logistic(structure: Structure, rows: Tensor, targets: Sequence[str]) -> Regressions:
    """Return logistic regressions on indicators of states."""
    return Regressions(structure, rows, lambda: LogisticRegression(max_iter=2000), frozenset(targets))


def tested(questions: Sequence[Question], structure: Structure, rows: Tensor) -> tuple[ConditionalMarginals | None, dict[str, int]]:
    """Ask patients who were held out for what they have recorded; the truth is their outcome.

    A patient is asked a question if the target and all of its evidence are recorded, and the states that it says are theirs.

    Returns:
        The task, None where there is no such patient; and the number of patients of each question.
    """
    queries: list[Query] = []
    outcomes: list[Tensor] = []
    counts: dict[str, int] = {}
    for question in questions:
        own = _drawn(rows[_fitting(question, structure, rows)])
        queries += _recorded(structure, own, question.target) if question.whatever else _matching(question, structure, own)
        outcomes.append(own[:, structure.index(question.target)])
        counts[question.text] = len(own)
    if not queries:
        return None, counts
    batch = QueryBatch(structure, tuple(queries))
    return ConditionalMarginals(batch, torch.nn.functional.one_hot(torch.cat(outcomes), batch.states).double()), counts


def _drawn(rows: Tensor) -> Tensor:
    """Return rows, or as many random ones of them as are asked."""
    if len(rows) <= MOST_ASKED:
        return rows
    return rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:MOST_ASKED]]


def _fitting(question: Question, structure: Structure, rows: Tensor) -> Tensor:
    """Return which rows a question can be asked of, ``(N,)``, bool."""
    fits = rows[:, structure.index(question.target)] != MISSING
    for name, state in question.evidence.items():
        cells = rows[:, structure.index(name)]
        fits &= (cells != MISSING) if state is None else (cells == structure[name].code(state))
    return fits


def _matching(question: Question, structure: Structure, rows: Tensor) -> Iterator[Query]:
    for row in rows.tolist():
        yield Query(question.target, {name: structure[name].states[row[structure.index(name)]] for name in question.evidence})


def _recorded(structure: Structure, rows: Tensor, target: str) -> Iterator[Query]:
    """Yield for every patient what is recorded of all variables but the target."""
    for row in rows.tolist():
        cells = zip(structure.variables, row, strict=True)
        yield Query(target, {v.name: v.states[code] for v, code in cells if code != MISSING and v.name != target})


def _cross_validated(structure: Structure, rows: Tensor, targets: Sequence[str], prior: float, seed: int) -> dict[str, float]:
    """Return the log loss of both teachers on patients whom they have not seen, per patient in nats."""
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    totals, count = {NETWORK: 0.0, REGRESSION: 0.0}, 0
    for part in torch.tensor_split(order, FOLDS):
        inside = torch.ones(len(rows), dtype=torch.bool).index_fill(0, part, False)
        questions = [Question(target, target, {}, whatever=True) for target in targets]
        task, _ = tested(questions, structure, rows[~inside])
        if task is None or any(not bool((rows[inside][:, structure.index(target)] != MISSING).any()) for target in targets):
            continue
        network = expectation_maximisation(structure, rows[inside], prior=BDeu(prior)).network
        regression = logistic(structure, rows[inside], targets)
        asked = task.everything()
        count += len(asked)
        for name, fitted in ((NETWORK, network), (REGRESSION, regression)):
            answer = task.answer(fitted, asked, 0).clamp_min(1e-6)
            totals[name] += float(KL()(answer / answer.sum(-1, keepdim=True), task.truth(asked, 0)).sum())
    return {name: total / count for name, total in totals.items()} if count else {}


def _together(truths: Sequence[Tensor]) -> Tensor:
    """Put answers below each other, with zeros behind those of fewer states."""
    width = max(each.shape[-1] for each in truths)
    return torch.cat([torch.nn.functional.pad(each, (0, width - each.shape[-1])) for each in truths]).detach()
