"""The residual of trained models of the retrain protocol, at any points."""

from __future__ import annotations

import torch
from torch import Tensor

from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.models.features import FittedFeatures
from pinndd.pinn.models.mlp import FittedMLP


def squared_residual(fitted: FittedFeatures | FittedMLP, pde: PDE, points: Tensor) -> Tensor:
    """Return the squared residual of E trained models, each equation in units of its size, summed, differentiable in the points.

    Args:
        fitted: the models.
        pde: the equation.
        points: shared by the models ``(M, d)``, or each its own ``(E, N, d)``.

    Returns:
        ``(E, M)`` or ``(E, N)``.
    """
    residual = pointwise_residual(pde)
    jets = fitted.jets(points, residual.axes)
    columns = torch.cat([jets[residual.axes.index(which)][..., c : c + 1] for c, which in residual.terms], -1)
    found: Tensor = residual(points.to(columns), columns) / pde.sizes.to(columns).equations
    return found.square().sum(-1)
