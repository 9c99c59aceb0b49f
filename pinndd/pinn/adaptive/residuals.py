"""The residual of trained models of the retrain protocol, at any points."""

from __future__ import annotations

import torch
from torch import Tensor

from pinndd.pinn.jets.residual import PointwiseResidual
from pinndd.pinn.models.features import FittedFeatures
from pinndd.pinn.models.mlp import FittedMLP


def squared_residual(fitted: FittedFeatures | FittedMLP, residual: PointwiseResidual, points: Tensor) -> Tensor:
    """Return the squared residual of E trained models, summed over the equations, differentiable in the points.

    Args:
        fitted: the models.
        residual: of the equation.
        points: shared by the models ``(M, d)``, or each its own ``(E, N, d)``.

    Returns:
        ``(E, M)`` or ``(E, N)``.
    """
    axes = residual.axes
    if isinstance(fitted, FittedFeatures):
        blocks = fitted.weights.reshape(fitted.weights.shape[0], fitted.outputs, -1).mT
        jets = [jet @ blocks for jet in fitted.features.jets(points, axes)]
    else:
        points = points.to(fitted.parameters)
        jets = fitted.network.jets(fitted.parameters, points, axes)
    columns = torch.cat([jets[axes.index(which)][..., c : c + 1] for c, which in residual.terms], -1)
    return residual(points, columns).square().sum(-1)
