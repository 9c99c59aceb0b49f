"""Conjugate gradients for many symmetric systems at once, each known by its products with vectors alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Solved:
    """What conjugate gradients have found for E systems.

    Attributes:
        solution: ``(E, P)``.
        rest: norm of what the solution leaves of the right-hand side, relative to that of the right-hand side, ``(E,)``.
        definite: whether no direction was met along which a matrix is not positive, ``(E,)``; where one was, the solution is that
            before it.
        converged: whether the rest meets the tolerance, ``(E,)``.
    """

    solution: Tensor
    rest: Tensor
    definite: Tensor
    converged: Tensor


def conjugate_gradients(
    product: Callable[[Tensor], Tensor],
    right: Tensor,
    *,
    iterations: int,
    tolerance: float,
    precondition: Callable[[Tensor], Tensor] | None = None,
    sound: Tensor | None = None,
) -> Solved:
    """Solve ``H v = right`` from zero, for E matrices H at once (Hestenes & Stiefel 1952).

    A system that is done stays as it is while the others go on; one whose matrix shows itself not positive definite is given up.

    Args:
        product: multiplies each vector of ``(E, P)`` by its matrix.
        right: ``(E, P)``.
        iterations: most products.
        tolerance: on the norm of ``right - H v`` relative to that of ``right``.
        precondition: multiplies each vector by something near the inverse of its matrix, symmetric and positive (None: nothing).
        sound: which systems to solve, ``(E,)``, such as those whose preconditioner exists (None: all).
    """
    length = right.norm(dim=-1, keepdim=True)
    goal = tolerance * length
    solution, rest = torch.zeros_like(right), right
    search = improved = right if precondition is None else precondition(right)
    size = _dot(rest, improved)
    definite = torch.ones_like(length, dtype=torch.bool) if sound is None else sound[:, None]
    for _ in range(iterations):
        going = definite & ~(rest.norm(dim=-1, keepdim=True) <= goal)
        if not bool(going.any()):
            break
        image = product(search)
        along = _dot(search, image)
        definite = definite & ~(going & ~(along > 0))
        going = going & definite
        step = torch.where(going, size / along, 0)
        solution, rest = solution + step * search, rest - step * image
        improved = rest if precondition is None else precondition(rest)
        size, before = torch.where(going, _dot(rest, improved), size), size
        search = improved + torch.where(going, size / before, 0) * search
    left = rest.norm(dim=-1, keepdim=True)
    converged = definite & (left <= goal) & (length < torch.inf)
    return Solved(solution, torch.where(length > 0, left / length, left)[:, 0], definite[:, 0], converged[:, 0])


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum(-1, keepdim=True)
