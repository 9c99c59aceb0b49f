"""Distill rows for stated queries: soft and weighted ones by the exact gradient, hard ones by polishing or programming."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from pinndd.bayesnet.counting import WEIGHTS, CountingLearner, rows_of_table, table_of_rows
from pinndd.bayesnet.network import BayesianNetwork, Structure
from pinndd.bayesnet.polishing import PolishedRows, polish
from pinndd.bayesnet.programming import sequential_programme
from pinndd.data import SyntheticData
from pinndd.hypergradients import Exact
from pinndd.integer_programme import Counts, integer_counts
from pinndd.outer_loop import Distillation, OuterSettings, distill
from pinndd.problem import DistillationProblem, Episodes

MOST_CELLS = 20_000
"""Joint states that an integer programme is built for."""


def distill_table(
    problem: DistillationProblem,
    start: SyntheticData,
    episodes: Episodes,
    *,
    steps: int = 300,
    learning_rate: float = 0.1,
    seed: int = 0,
) -> Distillation:
    """Lower the risk over all learnable cells and weights by the exact gradient through the counts.

    Args:
        problem: whose learner is a `CountingLearner`.
        start: from `table_of_rows`; cells below certainty 1 where they are to move.
        episodes: all queries of the task; their number is the batch.
        steps, learning_rate, seed: of the outer loop; the rate is in logits.
    """
    settings = OuterSettings(
        steps=steps, batch=len(episodes), learning_rate=learning_rate, seed=seed, validate_every=max(1, min(25, steps))
    )
    return distill(problem, start, hypergradient=Exact(), validation=[episodes], settings=settings)


def harden(
    problem: DistillationProblem, soft: SyntheticData, episodes: Episodes, *, steps: int = 30, learning_rate: float = 0.1
) -> Tensor:
    """Round soft rows little by little: half of the cells that are left, the most certain ones, then the gradient on the rest.

    What rounding a cell does to the counts is made good by the cells that are still soft, until none is left. A cell at a corner
    of the simplex has no slope in its logits, so that it stays there.

    Args:
        problem: whose learner is a `CountingLearner`.
        soft: from `distill_table`.
        episodes: all queries of the task.
        steps, learning_rate: of the outer loop after every rounding.

    Returns:
        Codes, ``(N, V)``.

    Raises:
        TypeError: the learner is another one.
        ValueError: no cell is learnable.
    """
    structure = _structure(problem)
    names = [name for name in soft.learnable if name != WEIGHTS]
    if not names:
        raise ValueError("harden: no cell is learnable: make the table with table_of_rows(..., learn_cells=True)")
    while True:
        certainty = torch.cat([soft[name].amax(-1) for name in names])
        left = certainty < 1 - 1e-9
        if not bool(left.any()):
            return rows_of_table(structure, soft)
        threshold = certainty[left].median()
        soft = soft.with_fields({name: _rounded(soft[name], float(threshold)) for name in names})
        if bool((certainty < threshold).any()):
            soft = distill_table(problem, soft, episodes, steps=steps, learning_rate=learning_rate).data


def _rounded(cells: Tensor, threshold: float) -> Tensor:
    """Replace the cells that are at least so certain by one-hot ones."""
    chosen = torch.nn.functional.one_hot(cells.argmax(-1), cells.shape[-1]).to(cells)
    return torch.where(cells.amax(-1, keepdim=True) >= threshold, chosen, cells)


def distill_rows(
    problem: DistillationProblem,
    rows: Tensor,
    episodes: Episodes,
    *,
    steps: int = 200,
    sweeps: int = 20,
    seconds: float = math.inf,
    certainty: float = 0.8,
    smooth: DistillationProblem | None = None,
    hardening: int | None = None,
    programme: bool = False,
    progress: Callable[[int, int, float | None], None] | None = None,
) -> PolishedRows:
    """Distill hard rows: soft rows by the exact gradient, hardened little by little, then polished by single flips.

    Polishing starts from the hardened rows or from the given ones, whichever have the lower risk.

    Args:
        problem: whose learner is a `CountingLearner`.
        rows: where to start, such as rows drawn from the network of expectation maximisation, codes ``(N, V)``; or several
            starts, ``(S, N, V)``, of which the one that ends with the lowest risk is kept.
        episodes: all queries of the task.
        steps: of the gradient before the first cell is rounded; 0 leaves rounding out.
        sweeps: most passes of flips over all rows.
        seconds: wall time; each start has an equal share of it, after which no row is visited by flips.
        certainty: of the start of the soft rows, see `table_of_rows`.
        smooth: the same problem with a smoother distance, for the gradient; None: the problem itself.
        hardening: steps of the gradient after each rounding; None: a fifth of ``steps``.
        programme: whether integer programmes go on from the best rows, in the time that is left of ``seconds``, see
            `pinndd.bayesnet.programming.sequential_programme`.
        progress: called with the number of starts that are done, of all, and the lowest risk so far.

    Raises:
        TypeError: the learner is another one.
        ValueError: the rows do not fit, or there is no start.
    """
    structure = _structure(problem)
    starts = rows[None] if rows.ndim == 2 else rows
    if not len(starts):
        raise ValueError(f"distill_rows: rows have shape {tuple(rows.shape)}: there is no start")
    begun = time.perf_counter()
    found: list[PolishedRows] = []
    for k, start in enumerate(starts):
        if progress is not None:
            progress(k, len(starts), min((each.risk for each in found), default=None))
        if steps:
            guide = smooth or problem
            soft = distill_table(guide, table_of_rows(structure, start, certainty=certainty), episodes, steps=steps).data
            hardened = harden(guide, soft, episodes, steps=hardening or max(1, steps // 5))
            start = min(
                (hardened, start), key=lambda each: float(problem.evaluate(table_of_rows(structure, each), episodes))
            )
        stop = _clock(begun + seconds * (k + 1) / len(starts)) if math.isfinite(seconds) else None
        found.append(polish(problem, start, episodes, sweeps=sweeps, stop=stop))
    best = min(found, key=lambda each: each.risk)
    if not programme:
        return best
    left = begun + seconds - time.perf_counter()
    after = sequential_programme(problem, best.rows, episodes, seconds=left)
    return replace(
        after,
        history=(*best.history, *after.history[1:]),
        flips=best.flips + after.flips,
        evaluations=best.evaluations + after.evaluations,
        optimal=after.optimal or (best.optimal and torch.equal(after.rows, best.rows)),
    )


def _structure(problem: DistillationProblem) -> Structure:
    if not isinstance(problem.learner, CountingLearner):
        raise TypeError(f"rows are distilled for a CountingLearner, not {type(problem.learner).__name__}")
    return problem.learner.structure


def _clock(end: float) -> Callable[[], bool]:
    return lambda: time.perf_counter() >= end


@dataclass(frozen=True)
class ProgrammedRows:
    """Rows that an integer programme found.

    Attributes:
        rows: codes, ``(N, V)``.
        counts: what the programme returned; its error is in numbers of rows, summed over all states of all pairs.
    """

    rows: Tensor
    counts: Counts

    @property
    def error(self) -> float:
        """Sum over all pairs of variables of the L1 distance of their joint distributions."""
        return self.counts.error / len(self.rows)


def rows_of_pairwise_marginals(network: BayesianNetwork, rows: int, *, time_limit: float = 60.0) -> ProgrammedRows:
    """Choose rows whose pairwise marginals are as close to those of a network as can be: ``min Σ_pairs ‖P̂(a, b) - P(a, b)‖₁``.

    One whole number per joint state that is possible in the network; see `pinndd.integer_programme.integer_counts`. Joint
    states are listed one by one, so that it fits small networks only.

    Args:
        network: with at least two variables.
        rows: how many, N.
        time_limit: seconds.

    Raises:
        ValueError: there is one variable, more than `MOST_CELLS` joint states, or no row.
        NoSolutionError: none was found in time.
    """
    structure = network.structure
    sizes = [len(variable) for variable in structure.variables]
    if len(sizes) < 2 or math.prod(sizes) > MOST_CELLS:
        raise ValueError(
            f"rows_of_pairwise_marginals: {len(sizes)} variables have {math.prod(sizes)} joint states; expected at least two "
            f"variables and at most {MOST_CELLS} states: use distill_rows for larger networks"
        )
    cells = torch.cartesian_prod(*[torch.arange(size) for size in sizes])
    chance = torch.ones(len(cells), dtype=torch.float64)
    for name in structure.names:
        chance *= network[name].detach()[tuple(cells[:, structure.index(member)] for member in structure.family(name))]
    cells, chance = cells[chance > 0], chance[chance > 0]
    indicators = [
        (cells[:, a] == j) & (cells[:, b] == k)
        for a, b in combinations(range(len(sizes)), 2)
        for j in range(sizes[a])
        for k in range(sizes[b])
    ]
    matrix = torch.stack(indicators).double()
    found = integer_counts(matrix.numpy(), (matrix @ chance).numpy() * rows, rows, time_limit=time_limit)
    chosen = np.repeat(cells.numpy(), found.counts, axis=0)
    return ProgrammedRows(torch.from_numpy(chosen), found)
