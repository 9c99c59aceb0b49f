"""Categorical data by integer programming: how many rows of each cell, so that stated marginals are met as closely as can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

_OPTIMAL, _LIMIT = 0, 1


class NoSolutionError(RuntimeError):
    """No counts obey the constraints, or none were found in time."""


@dataclass(frozen=True)
class Counts:
    """Numbers of rows.

    Attributes:
        counts: rows of each cell, ``(C,)``, int64.
        error: ``Σ_q |(A n)_q - b_q|``.
        optimal: whether that is proven to be the least; otherwise the time ran out, and ``bound`` says how good it may still get.
        bound: lower bound on the least error.
    """

    counts: NDArray[np.int64]
    error: float
    optimal: bool
    bound: float


def integer_counts(
    matrix: NDArray[Any], targets: NDArray[Any], rows: int, *, most: int | None = None, time_limit: float = 60.0
) -> Counts:
    """Minimise ``Σ_q |(A n)_q - b_q|`` over whole numbers ``n ≥ 0`` with ``Σ n = rows``, by branch and bound.

    The absolute values become linear with one slack variable a query (Kungurtsev et al. 2024, section 6, solve categorical
    distillation by integer programming); `scipy.optimize.milp` (HiGHS) does the work.

    Args:
        matrix: A, what one row of each cell adds to each query, ``(Q, C)``.
        targets: b, ``(Q,)``, in numbers of rows: a probability times ``rows``.
        rows: size of the data set.
        most: largest number of rows of one cell (None: no limit).
        time_limit: seconds; the best solution so far is returned then, with ``optimal`` False.

    Raises:
        ValueError: the shapes do not fit, a number is not finite, or ``rows`` or ``time_limit`` is not positive.
        NoSolutionError: no counts obey the constraints, or none were found within the time limit.
    """
    matrix, targets = np.asarray(matrix, dtype=float), np.asarray(targets, dtype=float)
    if matrix.ndim != 2 or targets.shape != matrix.shape[:1]:
        raise ValueError(f"integer_counts: matrix {matrix.shape} and targets {targets.shape} must be (Q, C) and (Q,)")
    if not (np.isfinite(matrix).all() and np.isfinite(targets).all()):
        raise ValueError("integer_counts: the matrix or the targets hold a value that is not finite")
    if rows < 1 or time_limit <= 0:
        raise ValueError(f"integer_counts: rows={rows} must be at least 1 and time_limit={time_limit} positive")
    queries, cells = matrix.shape
    slack = np.eye(queries)
    upper = rows if most is None else most
    result = milp(
        c=np.concatenate((np.zeros(cells), np.ones(queries))),
        integrality=np.concatenate((np.ones(cells), np.zeros(queries))),
        bounds=Bounds(0, np.concatenate((np.full(cells, upper), np.full(queries, np.inf)))),
        constraints=[
            LinearConstraint(np.hstack((matrix, -slack)), -np.inf, targets),
            LinearConstraint(np.hstack((matrix, slack)), targets, np.inf),
            LinearConstraint(np.concatenate((np.ones(cells), np.zeros(queries))), rows, rows),
        ],
        options={"time_limit": time_limit},
    )
    if result.x is None:
        limit = f"none was found within time_limit={time_limit} s: raise it"
        reason = (
            limit
            if result.status == _LIMIT
            else f"{cells} cells of at most {upper} rows cannot make {rows}: {result.message}"
        )
        raise NoSolutionError(f"integer_counts: no solution; {reason}")
    counts = np.rint(result.x[:cells]).astype(np.int64)
    error = float(np.abs(matrix @ counts - targets).sum())
    bound = error if result.status == _OPTIMAL else float(result.mip_dual_bound)
    return Counts(counts, error, result.status == _OPTIMAL, bound)
