"""A linear PINN whose interior points never change: they are eliminated once, and a fit costs no more than its boundary rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.models.features import FeatureModel, FittedFeatures
from pinndd.pinn.sets.collocation import INTERIOR, collocation_data
from pinndd.pinn.tasks.episodes import Draws


@dataclass(frozen=True)
class FixedInterior:
    """The rows of a linear PDE after its interior rows have been eliminated, as a `pinndd.learners.ridge.LinearModel`.

    With interior rows ``A_I θ = b_I``, ``RᵀR = A_IᵀA_I + penalty · 1`` and ``θ = θ_0 + R⁻¹ φ``, where ``θ_0`` solves the interior
    alone, the ridge fit of all rows is

        min_φ ‖B R⁻¹ φ - (g - B θ_0)‖² + ‖φ‖²

    over the boundary rows ``B θ = g`` only: `pinndd.learners.ridge.Ridge` with penalty 1 returns the fit of the full model with
    the penalty that was eliminated.

    Attributes:
        model: the PINN.
        factor: R, upper triangular, ``(P, P)``.
        offset: θ_0, ``(P,)``.
    """

    model: FeatureModel
    factor: Tensor
    offset: Tensor

    def system(self, data: SyntheticData, episodes: Draws) -> tuple[Tensor, Tensor]:
        """Return the boundary rows ``(M, P)`` in φ, and their right-hand sides ``(E, M)``; the interior of ``data`` is not read."""
        # one interior point: its row is not used
        rows = self.model.prepare(data.with_fields({INTERIOR: data[INTERIOR][:1]}), episodes)
        return self.whiten(rows.boundary), rows.targets - rows.boundary @ self.offset

    def fitted(self, weights: Tensor, episodes: Draws) -> FittedFeatures:
        """Return the models with parameters φ, ``(E, P)``."""
        moved = torch.linalg.solve_triangular(self.factor, weights.T, upper=True).T
        return self.model.fitted(self.offset + moved, episodes)

    def whiten(self, rows: Tensor) -> Tensor:
        """Turn rows ``(M, P)`` that act on θ into rows that act on φ."""
        whitened: Tensor = torch.linalg.solve_triangular(self.factor.T, rows.T, upper=False).T
        return whitened


def eliminate_interior(
    model: FeatureModel, interior: Tensor, interior_weight: float, penalty: float, episodes: Draws
) -> FixedInterior:
    """Eliminate the interior rows of a linear PDE by QR of ``[A_I; √penalty 1]``.

    Args:
        model: the PINN.
        interior: ``(N, d)``.
        interior_weight: as in `pinndd.pinn.sets.collocation.collocation_data`.
        penalty: of the ridge fit, positive.
        episodes: one condition at least; they tell the draw of the features, and the rows of the interior are the same for all.
    """
    with torch.no_grad():
        matrix, targets = model.system(_one_point_each(model.pde, interior, interior_weight), episodes)
        count = len(model.pde.valued)
        matrix, targets = matrix[:-count], targets[0, :-count]
        identity = torch.eye(matrix.shape[1], dtype=matrix.dtype, device=matrix.device)
        q, r = torch.linalg.qr(torch.cat((matrix, penalty**0.5 * identity)))
        offset = torch.linalg.solve_triangular(r, (q[: matrix.shape[0]].T @ targets)[:, None], upper=True)
    return FixedInterior(model, r, offset[:, 0])


def _one_point_each(pde: PDE, interior: Tensor, interior_weight: float) -> SyntheticData:
    boundary = {c.name: interior.new_full((1, pde.patches[c.name].dimension), 0.5) for c in pde.valued}
    return collocation_data(pde, interior, boundary, interior_weight=interior_weight)
