"""Tables from rows with every cell known: maximum likelihood and Bayesian estimates, differentiable in soft or weighted rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.bayesnet.network import BayesianNetwork, Structure
from pinndd.bayesnet.rows import MISSING, check_complete, check_rows, check_weights

Rows = Tensor | Mapping[str, Tensor]
"""Hard rows ``(N, V)``, int64 codes; or soft rows: for each variable ``(..., N, K)``, a distribution over its states per
row. That these sum to one is left to the constraint `pinndd.constraints.Simplex`."""


class Prior(ABC):
    """What is added to the counts of a family before they are normalised."""

    @abstractmethod
    def pseudocount(self, shape: tuple[int, ...]) -> float:
        """Return the number to add to every count of a table of the given shape."""

    def table(self, counts: Tensor) -> Tensor:
        """Return ``P(v | parents)`` from counts; a row without any count and pseudocount becomes uniform.

        Args:
            counts: the axes of a family last, ``(..., *parents, K)``.
        """
        total = counts.sum(-1, keepdim=True)
        empty = total == 0
        return torch.where(empty, 1 / counts.shape[-1], counts / torch.where(empty, 1, total))


@dataclass(frozen=True)
class MaximumLikelihood(Prior):
    """Add nothing: relative frequencies."""

    def pseudocount(self, shape: tuple[int, ...]) -> float:
        return 0.0


@dataclass(frozen=True)
class Laplace(Prior):
    """Add the same number to every count.

    Args:
        count: that number, positive; 1 is Laplace's rule of succession.
    """

    count: float = 1.0

    def __post_init__(self) -> None:
        if not self.count > 0:
            raise ValueError(f"Laplace: count={self.count} must be positive")

    def pseudocount(self, shape: tuple[int, ...]) -> float:
        return self.count


@dataclass(frozen=True)
class BDeu(Prior):
    """Add imagined rows, spread evenly over the cells of each family (Buntine 1991; Heckerman et al. 1995).

    Args:
        rows: how many, the equivalent sample size; positive.
    """

    rows: float = 1.0

    def __post_init__(self) -> None:
        if not self.rows > 0:
            raise ValueError(f"BDeu: rows={self.rows} must be positive")

    def pseudocount(self, shape: tuple[int, ...]) -> float:
        return self.rows / torch.Size(shape).numel()


def family_counts(structure: Structure, rows: Rows, *, weights: Tensor | None = None) -> dict[str, Tensor]:
    """Count how often each family, parents and child, is in each joint state: ``N(u, x) = Σ_n w_n Π_v q_nv(state of v)``.

    A soft row is a product of the distributions of its cells, so that it counts for every joint state with its probability:
    the expected counts of hard rows drawn from it, and differentiable in rows and weights.

    Args:
        structure: whose families are counted.
        rows: hard, or soft with any leading axes (a batch of data sets).
        weights: of the rows, ``(..., N)``; None: one each.

    Returns:
        For each variable the counts, ``(..., *parents, K)``, in the dtype of the soft rows or of the weights; float64
        for hard rows without weights.

    Raises:
        ValueError: the rows or the weights do not fit, or a cell is missing.
    """
    if isinstance(rows, Tensor):
        return _hard_counts(structure, check_complete(structure, rows), check_weights(weights, len(rows)))
    check_weights(weights, _check_soft(structure, rows))
    counts = {}
    for name in structure.names:
        parents: Tensor | None = None if weights is None else weights[..., None]
        for parent in structure.parents[name]:
            cells = rows[parent]
            parents = cells if parents is None else (parents[..., None] * cells[..., None, :]).flatten(-2)
        child = rows[name]
        total = child.sum(-2) if parents is None else parents.mT @ child
        counts[name] = total.reshape(*total.shape[: total.ndim - (1 if parents is None else 2)], *structure.shape(name))
    return counts


def estimate_tables(
    structure: Structure, rows: Rows, *, prior: Prior | None = None, weights: Tensor | None = None
) -> dict[str, Tensor]:
    """Estimate all tables, differentiably in soft rows and in weights, with the leading axes of the rows.

    Args:
        structure: of the tables.
        rows: hard, or soft with any leading axes (a batch of data sets).
        prior: None: `MaximumLikelihood`.
        weights: of the rows, ``(..., N)``; None: one each.

    Returns:
        For each variable ``P(v | parents)``, ``(..., *parents, K)``.

    Raises:
        ValueError: see `family_counts`.
    """
    prior = prior or MaximumLikelihood()
    counts = family_counts(structure, rows, weights=weights)
    return {name: prior.table(counts[name] + prior.pseudocount(structure.shape(name))) for name in counts}


def estimate(
    structure: Structure, rows: Rows, *, prior: Prior | None = None, weights: Tensor | None = None
) -> BayesianNetwork:
    """Return the network of `estimate_tables`; rows have no leading axes here.

    Raises:
        ValueError: see `family_counts`.
    """
    return BayesianNetwork(structure, estimate_tables(structure, rows, prior=prior, weights=weights))


def available_case(
    structure: Structure, rows: Tensor, *, prior: Prior | None = None, weights: Tensor | None = None
) -> BayesianNetwork:
    """Estimate each table from the rows that record its whole family; without one, its rows are uniform.

    Args:
        structure: of the network.
        rows: codes, ``(N, V)``, `MISSING` where nothing was recorded.
        prior: None: `MaximumLikelihood`.
        weights: of the rows, ``(N,)``; None: one each.

    Raises:
        ValueError: the rows or the weights do not fit.
    """
    recorded = check_rows(structure, rows) != MISSING
    tables: dict[str, Tensor] = {}
    for name in structure.names:
        family = structure.family(name)
        columns = [structure.index(member) for member in family]
        whole = recorded[:, columns].all(-1)
        alone = Structure(tuple(structure[member] for member in family), {name: structure.parents[name]})
        weight = None if weights is None else weights[whole]
        tables[name] = estimate(alone, rows[whole][:, columns], prior=prior, weights=weight)[name]
    return BayesianNetwork(structure, tables)


def _hard_counts(structure: Structure, rows: Tensor, weights: Tensor | None) -> dict[str, Tensor]:
    """Add the weight of each row to its cell of every family."""
    weight = torch.ones(len(rows), dtype=torch.float64, device=rows.device) if weights is None else weights
    counts = {}
    for name in structure.names:
        shape = structure.shape(name)
        cells = flat_index(rows[:, [structure.index(member) for member in structure.family(name)]], shape)
        empty = weight.new_zeros((*weight.shape[:-1], torch.Size(shape).numel()))
        counts[name] = empty.index_add(-1, cells, weight).reshape(*weight.shape[:-1], *shape)
    return counts


def flat_index(codes: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the positions ``(N,)`` of codes ``(N, D)`` in a flattened tensor of D axes, the last one fastest."""
    index = torch.zeros(len(codes), dtype=torch.int64, device=codes.device)
    for axis, size in enumerate(shape):
        index = index * size + codes[:, axis]
    return index


def _check_soft(structure: Structure, rows: Mapping[str, Tensor]) -> int:
    """Return the number of soft rows, if every variable has cells of the right shape that are not negative."""
    odd = sorted(set(rows) ^ set(structure.names))
    if odd:
        raise ValueError(f"soft rows need one tensor for each variable: {odd[0]!r} is in only one of rows and structure")
    expected = rows[structure.names[0]].shape[:-1]
    for name, cells in rows.items():
        if cells.ndim < 2 or cells.shape != (*expected, len(structure[name])):
            shape = (*expected, len(structure[name]))
            raise ValueError(f"soft rows of {name!r} have shape {tuple(cells.shape)}, expected {shape} (..., N, states)")
        if bool((cells.detach() < 0).any()):
            raise ValueError(f"soft rows of {name!r} hold a negative probability: {float(cells.detach().min()):g}")
    return expected[-1]
