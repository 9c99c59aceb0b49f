"""Nodes, quadrature and polynomial interpolation on [0, 1]."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor


def gauss_legendre(count: int) -> tuple[Tensor, Tensor]:
    """Return nodes and weights ``(count,)`` of Gauss-Legendre quadrature on [0, 1], float64."""
    nodes, weights = _leggauss(count)
    return torch.from_numpy((nodes + 1) / 2), torch.from_numpy(weights / 2)


@lru_cache(maxsize=64)
def _leggauss(count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    # a solution on many slabs of time asks for the same rule for each
    return np.polynomial.legendre.leggauss(count)


def composite_gauss_legendre(panels: int, count: int) -> tuple[Tensor, Tensor]:
    """Return nodes and weights ``(panels · count,)`` of Gauss-Legendre quadrature on equal panels of [0, 1].

    A function that jumps only where panels meet is integrated as accurately as a smooth one.
    """
    nodes, weights = gauss_legendre(count)
    starts = torch.arange(panels, dtype=torch.float64)[:, None]
    return ((starts + nodes) / panels).flatten(), (weights / panels).repeat(panels)


def gauss_lobatto(degree: int) -> tuple[Tensor, Tensor]:
    """Return the ``degree + 1`` nodes and weights of Gauss-Lobatto quadrature on [0, 1], both ends included, float64.

    The inner nodes are the zeros of P'_degree, as eigenvalues of the Jacobi matrix of its orthogonal polynomials (Golub and
    Welsch, 1969, doi:10.1090/S0025-5718-69-99647-1).

    Raises:
        ValueError: the degree is below 2.
    """
    if degree < 2:
        raise ValueError(f"degree={degree}: expected 2 or more")
    k = torch.arange(1, degree - 1, dtype=torch.float64)
    beside = (k * (k + 2) / ((2 * k + 1) * (2 * k + 3))).sqrt()
    inner = torch.linalg.eigvalsh(torch.diag(beside, 1) + torch.diag(beside, -1))
    end = torch.ones(1, dtype=torch.float64)
    nodes = torch.cat((-end, inner, end))
    value = legendre(nodes, degree)[..., -1]
    return (nodes + 1) / 2, 1 / (degree * (degree + 1) * value**2)


def legendre(x: Tensor, degree: int) -> Tensor:
    """Evaluate the Legendre polynomials P_0 … P_degree on [-1, 1]: ``(...)`` to ``(..., degree + 1)``."""
    values = [torch.ones_like(x), x]
    for k in range(1, degree):
        values.append(((2 * k + 1) * x * values[-1] - k * values[-2]) / (k + 1))
    return torch.stack(values[: degree + 1], -1)


def barycentric_weights(nodes: Tensor) -> Tensor:
    """Return the barycentric weights of ``nodes`` ``(n,)``, scaled to a largest one of 1."""
    gaps = nodes[:, None] - nodes
    gaps.fill_diagonal_(1.0)
    logarithms = -gaps.abs().log().sum(-1)
    return gaps.sign().prod(-1) * (logarithms - logarithms.max()).exp()


def interpolation_matrix(nodes: Tensor, points: Tensor) -> Tensor:
    """Return the matrix ``(Q, n)`` from values at ``nodes`` ``(n,)`` to values of the interpolant at ``points`` ``(Q,)``.

    Barycentric formula of the second kind (Berrut and Trefethen, 2004, doi:10.1137/S0036144502417715).
    """
    gaps = points[:, None] - nodes
    hit = gaps == 0
    terms = barycentric_weights(nodes) / torch.where(hit, 1.0, gaps)
    matrix = terms / terms.sum(-1, keepdim=True)
    return torch.where(hit.any(-1, keepdim=True), hit.to(matrix), matrix)


def differentiation_matrix(nodes: Tensor) -> Tensor:
    """Return the matrix ``(n, n)`` that differentiates the interpolant through values at ``nodes`` ``(n,)``.

    The diagonal makes every row sum to zero, which keeps the rounding error low (Baltensperger and Trummer, 2003,
    doi:10.1137/S1064827501388182).
    """
    weights = barycentric_weights(nodes)
    gaps = nodes[:, None] - nodes
    gaps.fill_diagonal_(1.0)
    matrix = weights / weights[:, None] / gaps
    matrix.fill_diagonal_(0.0)
    return matrix - torch.diag(matrix.sum(-1))


def legendre_transform(count: int) -> Tensor:
    """Return the matrix ``(count, count)`` from values at `gauss_legendre` nodes to Legendre coefficients on [0, 1]."""
    return _legendre_transform(count).clone()


@lru_cache(maxsize=64)
def _legendre_transform(count: int) -> Tensor:
    nodes, weights = gauss_legendre(count)
    degrees = torch.arange(count, dtype=torch.float64)
    return (2 * degrees[:, None] + 1) * (legendre(2 * nodes - 1, count - 1) * weights[:, None]).T


def wave_numbers(modes: int) -> Tensor:
    """Return ``kπ`` for k = 1 … modes, float64."""
    return math.pi * torch.arange(1, modes + 1, dtype=torch.float64)
