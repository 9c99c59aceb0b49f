"""Leave local optima of single flips: an integer programme chooses several changes of the rows at once, on the task objective."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp
from torch import Tensor

from pinndd.bayesnet.counting import CountingLearner
from pinndd.bayesnet.polishing import PolishedRows, RowSearch
from pinndd.bayesnet.rows import check_complete
from pinndd.problem import DistillationProblem, Episodes

MOST_CHANGES = 10
"""Rows that one programme may change: every subset of its changes is trained."""

_NEGLIGIBLE = 1e-7
"""Effects on an answer that are left out of a programme, so that its matrix is sparse."""


@torch.no_grad()
def sequential_programme(
    problem: DistillationProblem,
    rows: Tensor,
    episodes: Episodes,
    *,
    weights: Tensor | None = None,
    changes: int = 6,
    candidates: int = 300,
    pairs: bool = False,
    seconds: float = math.inf,
    time_limit: float = 5.0,
) -> PolishedRows:
    """Change several rows at once where that lowers the risk, by integer programmes in a trust region that shrinks to nothing.

    Every candidate replaces one row r by a row f that differs in one cell, or in two. Its effect ``Δ_rf`` on the answers a is
    computed exactly, by training; effects of several candidates are taken to add up. The programme is then, with binary z,

        minimise  Σ | a + Σ_rf z_rf Δ_rf - truth |   subject to   Σ_f z_rf ≤ 1 for every r   and   Σ z ≤ T,

    the total variation up to a factor, linear with one slack variable an answer; `scipy.optimize.milp` (HiGHS) solves it. All
    subsets of what it chose are trained, since effects do not quite add up, and the best of them is taken if it lowers the true
    risk; so is the best single candidate where that is better. Otherwise T is halved, and T = 0 ends the search (after sequential
    integer programming with trust regions, Exler & Schittkowski 2007, doi 10.1007/s11590-006-0026-1).

    The programme knows total variation only. Under another distance or risk it is a guide; what is accepted lowers the true risk.

    Args:
        problem: whose learner is a `CountingLearner`, and whose task answers for tables with a leading axis.
        rows: where to start, codes ``(N, V)``, such as those of `pinndd.bayesnet.polishing.polish`.
        episodes: that the risk is taken over.
        weights: of the rows, ``(N,)``, kept; None: one each.
        changes: rows that the first programme may change, T, at most `MOST_CHANGES`.
        candidates: that a programme chooses from, those that are least bad alone.
        pairs: whether two cells of a row may change at once: ``Σ_{v<w} (K_v - 1)(K_w - 1)`` more trainings per row.
        seconds: wall time, after which no round begins; a round trains all candidates and solves one programme.
        time_limit: seconds of one programme, which then gives the best that it has found.

    Returns:
        The rows; their history holds the risk at the start and after every programme, and it never rises.

    Raises:
        TypeError: the learner is another one.
        ValueError: the rows or weights do not fit, a cell is missing, or a setting is out of its range.
    """
    if not isinstance(problem.learner, CountingLearner):
        raise TypeError(f"sequential_programme needs a CountingLearner, not {type(problem.learner).__name__}")
    if not 1 <= changes <= MOST_CHANGES or candidates < 1 or not time_limit > 0:
        raise ValueError(
            f"sequential_programme: changes={changes} must lie between 1 and {MOST_CHANGES}, candidates={candidates} be at "
            f"least 1 and time_limit={time_limit} positive"
        )
    if not len(rows) or all(len(variable) == 1 for variable in problem.learner.structure.variables):
        raise ValueError(f"sequential_programme: rows of shape {tuple(rows.shape)} have no cell that could change")
    end = time.perf_counter() + seconds
    search = RowSearch(problem, problem.learner, check_complete(problem.learner.structure, rows).clone(), episodes, weights)
    history, trust, optimal = [search.risk], changes, False
    prices: _Prices | None = None
    while trust and (left := end - time.perf_counter()) > 0:
        prices = prices or _Prices.of(search, pairs)
        optimal = not search.lowers(float(prices.risks[: prices.singles].min()))
        step = _best_step(search, prices, prices.keep(candidates), trust, min(time_limit, max(left, 0.1)))
        if step is None:
            trust //= 2
        else:
            _take(search, prices, step)
            prices, trust, optimal = None, min(changes, 2 * trust), False
        history.append(search.risk)
    return search.result(tuple(history), optimal)


@dataclass(frozen=True)
class _Prices:
    """Every candidate, and what it does alone; those that differ in one cell come first.

    Attributes:
        owners: the row that each replaces, ``(C,)``.
        rows: codes, ``(C, V)``.
        effects: on the answers, flattened, ``(C, A)``.
        risks: of the table with this candidate, ``(C,)``.
        singles: number of the candidates that differ in one cell.
        gap: answers less truths of the rows as they are, ``(A,)``.
    """

    owners: Tensor
    rows: Tensor
    effects: Tensor
    risks: Tensor
    singles: int
    gap: Tensor

    @classmethod
    def of(cls, search: RowSearch, pairs: bool) -> _Prices:
        answers = search.answers({name: count[None] for name, count in search.counts.items()})
        singles = [search.alternatives(row) for row in range(len(search.rows))]
        doubles = [_two_cells(search.rows[row], found) for row, found in enumerate(singles)] if pairs else []
        kinds = [(row, found) for kind in (singles, doubles) for row, found in enumerate(kind) if len(found)]
        moved = [search.answers(search.moved(row, found)) for row, found in kinds]
        search.evaluations += sum(map(len, moved))
        return cls(
            torch.cat([torch.full((len(found),), row) for row, found in kinds]),
            torch.cat([found for _, found in kinds]),
            torch.cat([(each - answers).flatten(1) for each in moved]),
            torch.cat([search.risks(each) for each in moved]),
            sum(map(len, singles)),
            (answers[0] - search.truth).flatten(),
        )

    def keep(self, most: int) -> Tensor:
        """Return the positions of the candidates that are least bad alone."""
        return self.risks.argsort(stable=True)[:most]


def _two_cells(row: Tensor, singles: Tensor) -> Tensor:
    """Return the row with two cells changed, in every way, ``(B, V)``."""
    found = []
    for first, second in combinations(singles, 2):
        if int((first != row).nonzero()) != int((second != row).nonzero()):
            found.append(torch.where(first != row, first, second))
    return torch.stack(found) if found else singles[:0]


def _best_step(search: RowSearch, prices: _Prices, kept: Tensor, trust: int, time_limit: float) -> Tensor | None:
    """Return the positions of the candidates that lower the true risk most, or None where the risk is not lowered."""
    best, lowest = kept[:1], float(prices.risks[kept[0]])
    if trust > 1:
        chosen = kept[_programme(prices, kept, trust, time_limit)]
        if not len(chosen):
            return best if search.lowers(lowest) else None
        subsets = torch.cartesian_prod(*[torch.tensor([False, True])] * len(chosen)).reshape(-1, len(chosen))
        risks = search.risks(search.answers(_counts_of_subsets(search, prices, chosen, subsets)))
        search.evaluations += len(subsets)
        if float(risks.min()) < lowest:
            best, lowest = chosen[subsets[risks.argmin()]], float(risks.min())
    return best if search.lowers(lowest) else None


def _counts_of_subsets(search: RowSearch, prices: _Prices, chosen: Tensor, subsets: Tensor) -> dict[str, Tensor]:
    """Return the counts with each subset ``(B, C)`` of candidates of different rows in place, ``(B, *shape)``."""
    counts = {name: count.expand(len(subsets), *count.shape).clone() for name, count in search.counts.items()}
    for column, candidate in enumerate(chosen.tolist()):
        moved = search.moved(int(prices.owners[candidate]), prices.rows[candidate][None])
        for name, count in search.counts.items():
            counts[name][subsets[:, column]] += moved[name][0] - count
    return {name: count.clamp_min(0) for name, count in counts.items()}


def _take(search: RowSearch, prices: _Prices, step: Tensor) -> None:
    """Put the candidates in place."""
    rows = search.rows.clone()
    rows[prices.owners[step]] = prices.rows[step]
    search.replace(rows)


def _programme(prices: _Prices, kept: Tensor, trust: int, time_limit: float) -> Tensor:
    """Return which of the kept candidates the integer programme chooses, positions ``(C,)`` among them."""
    effects, gap = prices.effects[kept].T.numpy(), prices.gap.numpy()
    effects = np.where(np.abs(effects) < _NEGLIGIBLE, 0.0, effects)
    touched = effects.any(1)
    matrix, gap = sparse.csr_array(effects[touched]), gap[touched]
    answers, count = matrix.shape
    slack, owners = sparse.eye_array(answers), prices.owners[kept].numpy()
    one_each = sparse.csr_array((np.ones(count), (owners, np.arange(count))))
    binary: NDArray[Any] = np.concatenate((np.ones(count), np.zeros(answers)))
    result = milp(
        c=1 - binary,
        integrality=binary,
        bounds=Bounds(0, np.where(binary > 0, 1.0, np.inf)),
        constraints=[
            LinearConstraint(sparse.hstack((matrix, -slack)), -np.inf, -gap),
            LinearConstraint(sparse.hstack((matrix, slack)), -gap, np.inf),
            LinearConstraint(sparse.hstack((one_each, sparse.csr_array((one_each.shape[0], answers)))), -np.inf, 1),
            LinearConstraint(binary, -np.inf, trust),
        ],
        options={"time_limit": time_limit},
    )
    if result.x is None:
        return torch.zeros(0, dtype=torch.int64)
    return torch.from_numpy(np.flatnonzero(result.x[:count] > 0.5))
