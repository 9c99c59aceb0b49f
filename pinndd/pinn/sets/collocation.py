"""Collocation data of the retrain protocol: interior points, points on every condition, and weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pinndd.constraints import Constraint, Positive
from pinndd.data import SyntheticData
from pinndd.pinn.declare.loading import WEIGHTS_IN
from pinndd.pinn.declare.pde import PDE

INTERIOR = "interior"
BOUNDARY_WEIGHT = "boundary_weight"
INTERIOR_WEIGHT = "interior_weight"


def collocation_data(
    pde: PDE, interior: Tensor, boundary: Mapping[str, Tensor], boundary_weight: float = 1.0, *, interior_weight: float = 1.0
) -> SyntheticData:
    """Put points into a synthetic data set for the retrain protocol.

    The training loss is ``interior_weight · mean_i r(x_i)² + boundary_weight · mean_j (u(x_j) - g_j)²``, the second mean over
    the points of all conditions together, and everything in units of its typical size (`pinndd.pinn.declare.sizes.Sizes`), so that
    the loss is a pure number. The ratio of the weights balances equation and conditions; a learner with a penalty also feels their
    size.

    Args:
        pde: gives the domain and the conditions.
        interior: collocation points ``(N, d)`` in the domain.
        boundary: for every condition, local coordinates ``(n, k)`` in [0, 1] on its patch.
        boundary_weight, interior_weight: positive.

    Raises:
        ValueError: a condition has no entry in ``boundary``, or an unknown one has.
    """
    names = [c.name for c in pde.valued]
    if set(names) != set(boundary):
        raise ValueError(f"PDE {pde.name!r}: boundary points for {sorted(boundary)}, expected {sorted(names)}")
    fields: dict[str, Tensor] = {
        INTERIOR: interior,
        INTERIOR_WEIGHT: interior.new_tensor(interior_weight),
        BOUNDARY_WEIGHT: interior.new_tensor(boundary_weight),
    }
    constraints: dict[str, Constraint] = {
        INTERIOR: pde.box.constraint(),
        INTERIOR_WEIGHT: Positive(1e-3, 1e9),
        BOUNDARY_WEIGHT: Positive(1e-6, 1e12),
    }
    for name in names:
        fields[name], constraints[name] = boundary[name], pde.patches[name].constraint()
    return SyntheticData(fields, constraints)


def older_weights(data: SyntheticData) -> str:
    """Say that the weights of a set are not those of rows in units of `PDE.sizes`; empty if they are, or there are none."""
    if BOUNDARY_WEIGHT not in data or "protocol" not in data.header or WEIGHTS_IN.items() <= data.header.items():
        return ""
    return (
        "it was distilled by a version of pinndd whose weights were those of rows in the units of the user; now they are those of "
        "rows in units of their sizes, so that training on it balances equation and conditions in another way: distil it again"
    )


def point_counts(pde: PDE, data: SyntheticData) -> tuple[int, int]:
    """Return the number of interior and of boundary points."""
    return data[INTERIOR].shape[0], sum(data[c.name].shape[0] for c in pde.valued)


def row_scales(pde: PDE, data: SyntheticData) -> dict[str, Tensor]:
    """Return the square root of every row's weight in the training loss, in the units of the user.

    Returns:
        ``(N, equations)`` for the interior, ``(n,)`` for each condition.
    """
    sizes = pde.sizes.to(data[INTERIOR])
    return {
        name: scale[:, None] / sizes.equations if name == INTERIOR else scale / sizes.conditions[name]
        for name, scale in unit_scales(pde, data).items()
    }


def unit_scales(pde: PDE, data: SyntheticData) -> dict[str, Tensor]:
    """Return the same in units of the sizes of the PDE: for the interior and each condition, ``(n,)``."""
    count, boundary_count = point_counts(pde, data)
    inner = data[INTERIOR_WEIGHT] if INTERIOR_WEIGHT in data else torch.ones_like(data[BOUNDARY_WEIGHT])
    scales: dict[str, Tensor] = {}
    for name in (INTERIOR, *(c.name for c in pde.valued)):
        share = inner / count if name == INTERIOR else data[BOUNDARY_WEIGHT] / boundary_count
        scales[name] = share.sqrt().expand(data[name].shape[0])
    return scales
