"""Polish hard rows by exact single flips on the task objective, many candidates in one batch of networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.bayesnet.counting import CountingLearner
from pinndd.bayesnet.estimation import family_counts, flat_index
from pinndd.bayesnet.rows import check_complete, check_weights
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class PolishedRows:
    """Hard rows that single flips have improved.

    Attributes:
        rows: codes, ``(N, V)``.
        risk: of them.
        history: the risk at the start and after each sweep; it never rises.
        flips: cells that were changed.
        evaluations: networks that were trained and asked.
        optimal: whether no change of a single cell lowers the risk.
    """

    rows: Tensor
    risk: float
    history: tuple[float, ...]
    flips: int
    evaluations: int
    optimal: bool


@torch.no_grad()
def polish(
    problem: DistillationProblem,
    rows: Tensor,
    episodes: Episodes,
    *,
    weights: Tensor | None = None,
    sweeps: int = 20,
    stop: Callable[[], bool] | None = None,
) -> PolishedRows:
    """Change one cell at a time, wherever that lowers the risk, until no change does.

    All alternatives of a row, ``Σ_v (K_v - 1)``, are trained in one batch: a flip moves one count in each family of the variable,
    so that no other row is counted again. The best of them is taken if it lowers the risk, and the same row is tried again. Rows
    are visited in their order until a whole pass changes nothing.

    Args:
        problem: whose learner is a `CountingLearner`, and whose task answers for tables with a leading axis, such as
            `pinndd.tasks.ConditionalMarginals`.
        rows: where to start, codes ``(N, V)``.
        episodes: that the risk is taken over.
        weights: of the rows, ``(N,)``, kept; None: one each.
        sweeps: most passes over all rows.
        stop: asked before every row; True ends the search with the rows so far.

    Raises:
        TypeError: the learner is another one.
        ValueError: the rows or weights do not fit, a cell is missing, or there is no sweep.
    """
    if not isinstance(problem.learner, CountingLearner):
        raise TypeError(
            f"polish needs a CountingLearner, not {type(problem.learner).__name__}: use pinndd.categorical.single_flip, "
            "which trains any learner from scratch"
        )
    if sweeps < 1:
        raise ValueError(f"polish: sweeps={sweeps} must be at least 1")
    search = RowSearch(problem, problem.learner, check_complete(problem.learner.structure, rows).clone(), episodes, weights)
    history = [search.risk]
    optimal = False
    for _ in range(sweeps):
        before = search.flips
        for row in range(len(rows)):
            if stop is not None and stop():
                return search.result((*history, search.risk), False)
            while search.improve(row):
                pass
        history.append(search.risk)
        optimal = search.flips == before
        if optimal:
            break
    return search.result(tuple(history), optimal)


def risks_of(problem: DistillationProblem, answers: Tensor, truth: Tensor) -> Tensor:
    """Return the risk of each network of a batch, ``(B,)``.

    Args:
        problem: gives distance and risk.
        answers: of the networks, ``(B, E, Q, K)``.
        truth: ``(E, Q, K)``.
    """
    losses = problem.distance(answers.flatten(0, 1), truth.repeat(len(answers), 1, 1))
    return torch.stack([problem.risk(each) for each in losses.reshape(len(answers), -1)])


def lowered(risk: float) -> float:
    """Return what a risk has to be below to be lower by more than the rounding of the counts, which must not make a cycle."""
    return risk - 1e-12 * abs(risk)


class RowSearch:
    """Rows with their counts and their risk, and what changing one row does to them. See `polish` for the arguments."""

    def __init__(
        self,
        problem: DistillationProblem,
        learner: CountingLearner,
        rows: Tensor,
        episodes: Episodes,
        weights: Tensor | None,
    ) -> None:
        self.problem, self.episodes, self.rows = problem, episodes, rows
        self.structure, self.prior = learner.structure, learner.prior
        check_weights(weights, len(rows), leading=False)
        self.weights = torch.ones(len(rows), dtype=torch.float64) if weights is None else weights.double()
        self.columns = {
            name: [self.structure.index(m) for m in self.structure.family(name)] for name in self.structure.names
        }
        self.truth = problem.task.truth(episodes, problem.distance.derivatives)
        self.flips, self.evaluations = 0, 1
        self.replace(rows)

    def improve(self, row: int) -> bool:
        """Take the best change of one cell of a row; say whether there was one that lowers the risk."""
        candidates = self.alternatives(row)
        if not len(candidates):
            return False
        counts = self.moved(row, candidates)
        risks = self.risks(self.answers(counts))
        self.evaluations += len(candidates)
        best = int(risks.argmin())
        if not self.lowers(float(risks[best])):
            return False
        self.risk, self.flips = float(risks[best]), self.flips + 1
        self.rows[row] = candidates[best]
        self.counts = {name: count[best].clone() for name, count in counts.items()}
        return True

    def replace(self, rows: Tensor) -> None:
        """Take other rows, as many; the cells that differ count as flips."""
        self.flips += int((rows != self.rows).sum())
        self.rows, self.counts = rows, family_counts(self.structure, rows, weights=self.weights)
        self.risk = float(self.risks(self.answers({name: count[None] for name, count in self.counts.items()}))[0])

    def lowers(self, risk: float) -> bool:
        """Say whether a risk is below the present one."""
        return risk < lowered(self.risk)

    def result(self, history: tuple[float, ...], optimal: bool) -> PolishedRows:
        return PolishedRows(self.rows, self.risk, history, self.flips, self.evaluations, optimal)

    def alternatives(self, row: int) -> Tensor:
        """Return the row with one cell changed, in every way, ``(B, V)``."""
        found = []
        for column, variable in enumerate(self.structure.variables):
            for state in range(len(variable)):
                if state != int(self.rows[row, column]):
                    found.append(self.rows[row].clone())
                    found[-1][column] = state
        return torch.stack(found) if found else self.rows[:0]

    def moved(self, row: int, candidates: Tensor) -> dict[str, Tensor]:
        """Return the counts with the row replaced by each candidate, ``(B, *shape)``."""
        weight, moved = self.weights[row], {}
        for name, count in self.counts.items():
            shape = self.structure.shape(name)
            old = flat_index(self.rows[row, self.columns[name]][None], shape)
            new = flat_index(candidates[:, self.columns[name]], shape)
            flat = count.reshape(1, -1).repeat(len(candidates), 1)
            flat[:, old] -= weight
            flat.scatter_add_(1, new[:, None], weight.expand(len(new), 1))
            moved[name] = flat.clamp_min(0).reshape(-1, *shape)
        return moved

    def answers(self, counts: dict[str, Tensor]) -> Tensor:
        """Return what every network answers, ``(B, E, Q, K)``."""
        tables = {name: self.prior.table(c + self.prior.pseudocount(tuple(c.shape[1:]))) for name, c in counts.items()}
        return self.problem.task.answer(tables, self.episodes, self.problem.distance.derivatives)

    def risks(self, answers: Tensor) -> Tensor:
        """Return the risk of every network, ``(B,)``, from its answers."""
        return risks_of(self.problem, answers, self.truth)
