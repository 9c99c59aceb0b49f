"""Collocation data of the retrain protocol: interior points, points on every condition, and weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pinndd.constraints import Box, Constraint, Positive
from pinndd.data import SyntheticData
from pinndd.pinn.pde import PDE

INTERIOR = "interior"
BOUNDARY_WEIGHT = "boundary_weight"


def collocation_data(
    pde: PDE, interior: Tensor, boundary: Mapping[str, Tensor], boundary_weight: float = 1.0, *, point_weights: bool = False
) -> SyntheticData:
    """Put points into a synthetic data set for the retrain protocol.

    The training loss is ``mean_i w_i r(x_i)² + boundary_weight · mean_j w_j (u(x_j) - g_j)²``, the second mean over the
    points of all conditions together.

    Args:
        pde: gives the domain and the conditions.
        interior: collocation points ``(N, d)`` in the domain.
        boundary: for every condition, local coordinates ``(n, k)`` in [0, 1] on its patch.
        boundary_weight: positive.
        point_weights: whether every point also has a weight of its own (fields ``weight.<name>``), 1 to begin with.

    Raises:
        ValueError: a condition has no entry in ``boundary``, or an unknown one has.
    """
    names = [c.name for c in pde.valued]
    if set(names) != set(boundary):
        raise ValueError(f"PDE {pde.name!r}: boundary points for {sorted(boundary)}, expected {sorted(names)}")
    box = pde.box
    fields: dict[str, Tensor] = {INTERIOR: interior, BOUNDARY_WEIGHT: interior.new_tensor(boundary_weight)}
    constraints: dict[str, Constraint] = {INTERIOR: Box(box.low, box.high), BOUNDARY_WEIGHT: Positive()}
    for name in names:
        k = pde.patches[name].dimension
        fields[name], constraints[name] = boundary[name], Box((0.0,) * k, (1.0,) * k)
    if point_weights:
        for name in (INTERIOR, *names):
            fields[weight_name(name)] = torch.ones_like(fields[name][:, 0])
            constraints[weight_name(name)] = Positive(1e-3, 1e3)
    return SyntheticData(fields, constraints)


def weight_name(name: str) -> str:
    """Name of the field that holds the weights of the points in field ``name``."""
    return f"weight.{name}"


def point_counts(pde: PDE, data: SyntheticData) -> tuple[int, int]:
    """Return the number of interior and of boundary points."""
    return data[INTERIOR].shape[0], sum(data[c.name].shape[0] for c in pde.valued)


def row_scales(pde: PDE, data: SyntheticData) -> dict[str, Tensor]:
    """Return the square root of every row's weight in the training loss, for the interior and each condition."""
    count, boundary_count = point_counts(pde, data)
    scales: dict[str, Tensor] = {}
    for name in (INTERIOR, *(c.name for c in pde.valued)):
        share = 1 / data[INTERIOR].new_tensor(count) if name == INTERIOR else data[BOUNDARY_WEIGHT] / boundary_count
        weights = data[weight_name(name)] if weight_name(name) in data else torch.ones_like(data[name][:, 0])
        scales[name] = (share * weights).sqrt()
    return scales
