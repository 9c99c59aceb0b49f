"""Choose cells of a distilled table that are better left missing."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from pinndd.bayesnet.incomplete import IncompleteLearner, incomplete_table, likelihoods
from pinndd.bayesnet.polishing import PolishedRows, lowered, risks_of
from pinndd.bayesnet.rows import MISSING
from pinndd.problem import DistillationProblem, Episodes

_CHUNK = 64
"""Changes that are tried in one batch."""


def censor(
    problem: DistillationProblem,
    rows: Tensor,
    episodes: Episodes,
    *,
    shortlist: int | None = 64,
    passes: int = 20,
    seconds: float = math.inf,
) -> PolishedRows:
    """Change cells, where "missing" is one more state of each, as long as that lowers the risk after training to the end.

    In each pass, all changes of one cell are ranked by the risk after a single step of expectation maximisation from the present
    network. Those on the shortlist are trained to the end, and the best is taken if it lowers the risk; then the others that
    would have lowered it are tried on top, the best first.

    Args:
        problem: whose learner is an `IncompleteLearner`, and whose task answers for tables with a leading axis.
        rows: where to start, such as distilled hard rows, codes ``(N, V)``.
        episodes: that the risk is taken over.
        shortlist: changes per pass that are trained to the end; None: all, so that the end is an optimum of single changes.
        passes: at most.
        seconds: wall time, looked at before each batch; the rows so far are returned.

    Raises:
        TypeError: the learner is another one.
        ValueError: the rows do not fit, or a setting is out of range.
    """
    if not isinstance(problem.learner, IncompleteLearner):
        raise TypeError(f"censor needs an IncompleteLearner, not {type(problem.learner).__name__}: see polish for hard rows")
    if passes < 1 or (shortlist is not None and shortlist < 1):
        raise ValueError(f"censor: passes={passes} and shortlist={shortlist} must be at least 1")
    return _Search(problem, problem.learner, rows, episodes, time.perf_counter() + seconds).run(shortlist, passes)


class _Search:
    """Rows with their network and their risk."""

    def __init__(
        self, problem: DistillationProblem, learner: IncompleteLearner, rows: Tensor, episodes: Episodes, end: float
    ) -> None:
        self.problem, self.learner, self.structure = problem, learner, learner.structure
        self.rows, self.episodes, self.end = rows.clone(), episodes, end
        self.truth = problem.task.truth(episodes, problem.distance.derivatives)
        data = incomplete_table(self.structure, rows)
        self.tables = {name: table[None] for name, table in learner.fit(data, episodes).items()}
        self.risk = float(self.risks(self.tables)[0])
        self.flips, self.evaluations = 0, 1

    @property
    def over(self) -> bool:
        return time.perf_counter() >= self.end

    def run(self, shortlist: int | None, passes: int) -> PolishedRows:
        history, optimal = [self.risk], False
        for _ in range(passes):
            changes = self.alternatives()
            if shortlist is not None:
                changes = self.screened(changes)[:shortlist]
            taken = self.improve(changes)
            history.append(self.risk)
            if self.over or not taken:
                optimal = not taken and not self.over and shortlist is None
                break
        return PolishedRows(self.rows, self.risk, tuple(history), self.flips, self.evaluations, optimal)

    def alternatives(self) -> Tensor:
        """Return all changes of one cell that leave no row and no column empty, ``(C, 3)``: row, column, new state."""
        recorded = self.rows != MISSING
        found = []
        for row, column in torch.cartesian_prod(*map(torch.arange, self.rows.shape)).tolist():
            last = int(recorded[row].sum()) == 1 or int(recorded[:, column].sum()) == 1
            states = range(0 if last else MISSING, len(self.structure.variables[column]))
            found += [(row, column, state) for state in states if state != int(self.rows[row, column])]
        return torch.tensor(found).reshape(-1, 3)

    def screened(self, changes: Tensor) -> Tensor:
        """Return the changes that were screened in time, by the risk after one step from the present network."""
        own = self.learner.expected(self._same(len(self.rows)), likelihoods(self.structure, self.rows[:, None]))[1]
        total = {name: counts.sum(0, keepdim=True) for name, counts in own.items()}
        risks = []
        for chunk in self._chunks(changes):
            row = self._changed(chunk)[torch.arange(len(chunk)), chunk[:, 0]]
            new = self.learner.expected(self._same(len(chunk)), likelihoods(self.structure, row[:, None]))[1]
            moved = {name: (total[name] - own[name][chunk[:, 0]] + new[name]).clamp_min(0) for name in total}
            risks.append(self.risks(self.learner.maximised(moved)))
        seen = torch.cat(risks) if risks else torch.empty(0)
        return changes[: len(seen)][seen.argsort()]

    def improve(self, changes: Tensor) -> bool:
        """Take the best change, then on top of it those others that would have lowered the risk alone."""
        risks = torch.cat([self._trained(chunk)[0] for chunk in self._chunks(changes)] or [torch.empty(0)])
        order = risks.argsort()
        better = changes[: len(risks)][order][risks[order] < lowered(self.risk)]
        flips = self.flips
        for k, change in enumerate(better):
            if k and self.over:
                break
            self._try(change[None])
        return self.flips > flips

    def risks(self, tables: Mapping[str, Tensor]) -> Tensor:
        """Return the risk of every network, ``(B,)``."""
        answers = self.problem.task.answer(tables, self.episodes, self.problem.distance.derivatives)
        return risks_of(self.problem, answers, self.truth)

    def _try(self, change: Tensor) -> None:
        """Take one change if it lowers the risk of the rows as they are now."""
        row, column = change[0, :2].tolist()
        recorded = self.rows != MISSING
        recorded[row, column] = int(change[0, 2]) != MISSING
        if not (bool(recorded[row].any()) and bool(recorded[:, column].any())):
            return
        risks, tables = self._trained(change)
        if float(risks[0]) < lowered(self.risk):
            self.rows, self.tables, self.risk = self._changed(change)[0], tables, float(risks[0])
            self.flips += 1

    def _trained(self, changes: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        tables = self.learner.train(likelihoods(self.structure, self._changed(changes)))
        self.evaluations += len(changes)
        return self.risks(tables), tables

    def _changed(self, changes: Tensor) -> Tensor:
        """Return the rows after each change alone, ``(C, N, V)``."""
        changed = self.rows.repeat(len(changes), 1, 1)
        changed[torch.arange(len(changes)), changes[:, 0], changes[:, 1]] = changes[:, 2]
        return changed

    def _same(self, count: int) -> dict[str, Tensor]:
        return {name: table.expand(count, *table.shape[1:]) for name, table in self.tables.items()}

    def _chunks(self, changes: Tensor) -> Iterator[Tensor]:
        for chunk in torch.split(changes, _CHUNK):
            if self.over:
                return
            yield chunk
