"""The points of a distilled set, in the domain."""

from __future__ import annotations

import torch
from torch import Tensor

from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.sets.collocation import INTERIOR


def boundary_points(pde: PDE, data: SyntheticData) -> dict[str, Tensor]:
    """Return the points of every condition in the domain, ``(n, d)``, or ``(n, d + C)`` with coefficients; float64, CPU."""
    points: dict[str, Tensor] = {}
    for condition in pde.valued:
        patch, local = pde.patches[condition.name], data[condition.name].detach().double().cpu()
        points[condition.name] = torch.cat((patch.points(local[:, : patch.dimension]), local[:, patch.dimension :]), -1)
    return points


def measured_conditions(pde: PDE, data: SyntheticData) -> tuple[str, ...]:
    """Return the conditions of a set of sensors that are measured; the others have known values and fixed points."""
    return tuple(c.name for c in pde.valued if c.values.size > 0 or not isinstance(data.constraints.get(c.name), Fixed))


def is_amortised(pde: PDE, data: SyntheticData) -> bool:
    """Whether the points of a set come with the coefficients of a condition.

    Raises:
        ValueError: the set has no interior points, they have another number of columns, or a condition has no points.
    """
    if INTERIOR not in data:
        raise ValueError(
            f"PDE {pde.name!r}: the set has no interior points; a set of the solved protocol is exported by "
            "pinndd.pinn.files.solutions.write_conditions"
        )
    d, size = pde.box.dimension, pde.ensemble().size
    empty = [name for name in (INTERIOR, *(c.name for c in pde.valued)) if not data[name].shape[0]]
    if empty:
        raise ValueError(
            f"PDE {pde.name!r}: the set has no points for {empty[0]!r}; DeepXDE's mean over them is not defined"
        )
    columns = data[INTERIOR].shape[1]
    if columns not in (d, d + size):
        raise ValueError(
            f"PDE {pde.name!r}: interior points have {columns} columns; expected {d}, or {d + size} with coefficients"
        )
    return columns > d
