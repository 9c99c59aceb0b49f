"""Ridge regression on features: one factorisation, any number of right-hand sides, an exact gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.problem import Episodes


class LinearModel(Protocol):
    """A model whose training is linear least squares."""

    def system(self, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Tensor]:
        """Return weighted rows: matrix ``(R, P)``, which depends on the data only, and right-hand sides ``(E, R)``."""

    def fitted(self, weights: Tensor, episodes: Episodes) -> Any:
        """Return the models with output weights ``(E, P)``."""


@dataclass(frozen=True)
class Ridge:
    """Fit ``min_θ ‖A θ - b‖² + penalty ‖θ‖²`` by QR of the augmented rows.

    The matrix A depends on the points only, so one factorisation serves every episode.

    Args:
        model: gives the rows.
        penalty: weight of ``‖θ‖²``; positive, so that the solution is unique and differentiable in the data.

    Raises:
        ValueError: the penalty is not positive.
    """

    model: LinearModel
    penalty: float = 1e-8

    def __post_init__(self) -> None:
        if self.penalty <= 0:
            raise ValueError(f"Ridge: penalty={self.penalty} must be positive")

    @property
    def differentiation(self) -> str:
        """Training has a closed form."""
        return "closed form"

    def fit(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Fit one model per episode."""
        matrix, targets = self.model.system(data, episodes)
        return self.model.fitted(ridge_solve(matrix, targets, self.penalty), episodes)


def ridge_solve(matrix: Tensor, targets: Tensor, penalty: float) -> Tensor:
    """Solve ``min_θ ‖A θ - b‖² + penalty ‖θ‖²`` for many right-hand sides, differentiably in A and b.

    With R rows and P columns: for R ≥ P by QR of ``[A; √penalty I]``, otherwise by QR of its minimum-norm form
    ``[Aᵀ; √penalty I]``, whichever is smaller. Both avoid the normal equations, whose gradients lose half the digits.

    Args:
        matrix: ``(R, P)``.
        targets: ``(E, R)``.
        penalty: positive.

    Returns:
        ``(E, P)``.

    Examples:
        >>> matrix = torch.tensor([[1.0], [1.0]], dtype=torch.float64)
        >>> targets = torch.tensor([[1.0, 3.0], [0.0, 2.0]], dtype=torch.float64)
        >>> ridge_solve(matrix, targets, penalty=1e-9).round(decimals=3)
        tensor([[2.],
                [1.]], dtype=torch.float64)
    """
    rows, columns = matrix.shape
    root = penalty**0.5
    if rows >= columns:
        identity = torch.eye(columns, dtype=matrix.dtype, device=matrix.device)
        q, r = torch.linalg.qr(torch.cat((matrix, root * identity)))
        solution: Tensor = torch.linalg.solve_triangular(r, q[:rows].T @ targets.T, upper=True).T
        return solution
    identity = torch.eye(rows, dtype=matrix.dtype, device=matrix.device)
    q, r = torch.linalg.qr(torch.cat((matrix.T, root * identity)))
    shortest: Tensor = q[:columns] @ torch.linalg.solve_triangular(r.T, targets.T, upper=False)
    return shortest.T
