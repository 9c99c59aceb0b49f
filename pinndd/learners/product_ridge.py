"""Ridge regression on features that are products of two groups: many columns, solved through a small Gram matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.problem import Episodes


class ProductModel(Protocol):
    """A model ``u = Σ_pc θ_pc φ_p γ_c`` whose training is linear least squares."""

    def factors(self, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Tensor, Tensor]:
        """Return weighted rows: left factors ``(R, P)``, right factors ``(R, C)``, and right-hand sides ``(1, R)``."""

    def fitted(self, weights: Tensor, episodes: Episodes) -> Any:
        """Return the model with output weights ``(1, P · C)``."""


@dataclass(frozen=True)
class ProductRidge:
    """Fit ``min_θ Σ_r (left_rᵀ θ right_r - b_r)² + penalty ‖θ‖²`` in its dual form.

    The matrix of all rows, ``(R, P · C)``, is never built: its Gram matrix is the entrywise product of those of the two
    factors, so that a fit costs ``R² (P + C) + R³ / 3`` operations.

    Args:
        model: gives the factors.
        penalty: weight of ``‖θ‖²``; positive.

    Raises:
        ValueError: the penalty is not positive.
    """

    model: ProductModel
    penalty: float = 1e-6

    def __post_init__(self) -> None:
        if self.penalty <= 0:
            raise ValueError(f"ProductRidge: penalty={self.penalty} must be positive")

    @property
    def differentiation(self) -> str:
        """Training has a closed form."""
        return "closed form"

    def fit(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Fit the model of one training."""
        left, right, targets = self.model.factors(data, episodes)
        gram = (left @ left.T) * (right @ right.T)
        gram = gram + self.penalty * torch.eye(gram.shape[0], dtype=gram.dtype, device=gram.device)
        # LU, not Cholesky: its derivative is one more solve
        dual = torch.linalg.solve(gram, targets.T)
        return self.model.fitted(((dual * left).T @ right).reshape(1, -1), episodes)
