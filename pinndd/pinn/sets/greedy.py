"""Choose few of many candidates so that they determine a function of a given space: magic points, and pivoted QR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

NEGLIGIBLE = 1e-10
"""Size of a pivot, relative to the first, at which what is left of the functions is rounding."""

TIE = 1e-8
"""Relative difference at which two sizes count as the same, as those of symmetric candidates are but for rounding."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """Functions of a space, known at candidates, as rows of a matrix.

    Attributes:
        rows: values ``(R, F)`` of F functions; a candidate may have several rows, such as one for each equation of a system.
        owner: the candidate that each row belongs to, ``(R,)``.
    """

    rows: Tensor
    owner: Tensor


@dataclass(frozen=True)
class Share:
    """How many candidates to choose from some groups together: at least one from each.

    Attributes:
        groups: their numbers.
        count: how many.

    Raises:
        ValueError: there are fewer than groups.
    """

    groups: tuple[int, ...]
    count: int

    def __post_init__(self) -> None:
        if self.count < len(self.groups):
            raise ValueError(f"Share: count={self.count} for {len(self.groups)} groups; expected one for each at least")


def magic_points(spaces: Sequence[Sampled], groups: Tensor, shares: Sequence[Share]) -> list[int]:
    """Choose candidates by the greedy algorithm of empirical interpolation (Barrault et al. 2004, doi 10.1016/j.crma.2004.08.006).

    The next candidate is where the interpolation of some function by those chosen before is worst: Gaussian elimination with
    complete pivoting. Several spaces take turns, as solutions and residuals do in S²GPT-PINN (arXiv 2506.15687). Where candidates
    outnumber what there is to interpolate, the algorithm begins again among the others.

    Args:
        spaces: known at all candidates or at a part of them.
        groups: the group of every candidate, ``(N,)``.
        shares: how many to choose from which.

    Returns:
        Numbers of the candidates, in the order in which they were chosen: fewer are the first of more, while no group is owed its
        first one.

    Raises:
        ValueError: a share is more than its groups have.
    """
    _require_enough(groups, shares)
    taken: list[int] = []
    tables = [_Elimination(space) for space in spaces]
    turn, begun = 0, True
    while len(taken) < sum(share.count for share in shares):
        free = _open(groups, shares, taken)
        order = [tables[(turn + k) % len(tables)] for k in range(len(tables))]
        table = next((t for t in order if t.largest(free) is not None), None)
        if table is None and not begun:
            tables, begun = [_Elimination(space) for space in spaces], True
            continue
        # where all functions vanish at all that is left, the first candidates are as good as others
        chosen = table.take(free) if table else int(free.nonzero()[0])
        taken.append(chosen)
        turn, begun = turn + 1, False
    return taken


def pivoted_rows(space: Sampled, groups: Tensor, shares: Sequence[Share]) -> list[int]:
    """Choose candidates by QR of the transposed rows with column pivoting (Businger & Golub 1965, doi 10.1007/BF01436084).

    Each pivot is the row that is farthest from the span of those before. Where the rank is spent, the rest is factorised anew.

    Args:
        space: its rows have the weights that they have in the least-squares problem.
        groups: the group of every candidate, ``(N,)``.
        shares: how many to choose from which.

    Returns:
        Numbers of the candidates, in the order of the pivots.

    Raises:
        ValueError: a share is more than its groups have.
    """
    _require_enough(groups, shares)
    taken: list[int] = []
    while len(taken) < sum(share.count for share in shares):
        free = _open(groups, shares, taken)
        mine = free[space.owner].nonzero()[:, 0]
        for candidate in space.owner[mine][pivot_order(space.rows[mine].T)].tolist():
            if free[candidate]:
                taken.append(candidate)
                free = _open(groups, shares, taken)
    return taken


def pivot_order(matrix: Tensor) -> list[int]:
    """Return the columns of a matrix ``(m, n)`` in the order of QR with column pivoting, as many as its rank, at least one.

    The next is the column with the longest remainder outside the span of those before; of equally long ones the first, so that the
    symmetric columns of a symmetric problem come in the same order on every processor.
    """
    left, order = matrix.clone(), list[int]()
    lengths = left.norm(dim=0)
    negligible = NEGLIGIBLE * float(lengths.max())
    while not order or (len(order) < min(matrix.shape) and float(lengths.max()) > negligible):
        order.append(first_largest(lengths))
        direction = left[:, order[-1]] / lengths[order[-1]].clamp_min(torch.finfo(left.dtype).tiny)
        for _ in range(2):  # once more, against rounding
            left = left - torch.outer(direction, direction @ left)
        left[:, order] = 0
        lengths = left.norm(dim=0)
    return order


def first_largest(sizes: Tensor) -> int:
    """Return the number of the first of those sizes, ``(n,)`` and none negative, that are the largest but for rounding."""
    return int((sizes >= (1 - TIE) * sizes.max()).nonzero()[0])


class _Elimination:
    """What interpolation at the chosen candidates leaves of the functions of a space."""

    def __init__(self, space: Sampled) -> None:
        self.left, self.owner = space.rows.clone(), space.owner
        self.negligible = NEGLIGIBLE * float(self.left.abs().max())

    def largest(self, free: Tensor) -> int | None:
        """Return the number of the row with the largest entry among free candidates, None where all is negligible."""
        sizes = torch.where(free[self.owner], self.left.abs().amax(-1), 0)
        row = first_largest(sizes)
        return row if float(sizes[row]) > self.negligible else None

    def take(self, free: Tensor) -> int:
        """Interpolate at the free candidate of the largest entry from now on, in all of its rows; return it."""
        first = self.largest(free)
        assert first is not None
        candidate = int(self.owner[first])
        only = torch.zeros_like(free)
        only[candidate] = True
        while (row := self.largest(only)) is not None:
            pivot = self.left[row].clone()
            column = first_largest(pivot.abs())
            self.left -= torch.outer(self.left[:, column] / pivot[column], pivot)
            self.left[row] = 0
        return candidate


def _open(groups: Tensor, shares: Sequence[Share], taken: Sequence[int]) -> Tensor:
    """Return which candidates may be chosen next, ``(N,)``."""
    had = groups[list(taken)].tolist()
    free = torch.zeros_like(groups, dtype=torch.bool)
    for share in shares:
        left = share.count - sum(group in share.groups for group in had)
        lacking = [group for group in share.groups if group not in had]
        if left > 0:
            free |= torch.isin(groups, torch.tensor(lacking if left <= len(lacking) else share.groups))
    free[list(taken)] = False
    return free


def _require_enough(groups: Tensor, shares: Sequence[Share]) -> None:
    for share in shares:
        having = int(torch.isin(groups, torch.tensor(share.groups)).sum())
        if share.count > having:
            raise ValueError(f"{share.count} of {having} candidates of the groups {share.groups}; give more candidates")
