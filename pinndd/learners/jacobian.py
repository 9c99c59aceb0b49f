"""What least-squares learners ask of the derivative of a model's rows in its weights."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Jacobian(Protocol):
    """J of the rows of E models in their weights, ``(E, R, P)``, in whatever form a model has it."""

    @property
    def rows(self) -> int:
        """Number R of rows."""

    @property
    def columns(self) -> int:
        """Number P of weights."""

    def gram(self) -> Tensor:
        """Return ``J Jᵀ``, ``(E, R, R)``."""

    def dense(self) -> Tensor:
        """Return J, ``(E, R, P)``."""

    def times(self, vectors: Tensor) -> Tensor:
        """Return ``J p``, ``(E, R)``, for ``(E, P)``."""

    def transposed_times(self, rows: Tensor) -> Tensor:
        """Return ``Jᵀ y``, ``(E, P)``, for ``(E, R)``."""


def normal_matrix(jacobian: Jacobian) -> Tensor:
    """Return ``JᵀJ``, ``(E, P, P)``, which needs the entries of J."""
    matrix = jacobian.dense()
    return matrix.mT @ matrix
