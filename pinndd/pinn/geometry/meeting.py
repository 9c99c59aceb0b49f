"""Where two pieces of the boundary meet."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from pinndd.pinn.geometry.patches import Patch

_PROBES = 65


def meeting_points(one: Patch, two: Patch, generator: torch.Generator) -> Tensor | None:
    """Return points ``(n, d)`` that belong to both patches: of the rim of one, those which lie on the other; None where none do."""
    for patch, other in ((one, two), (two, one)):
        inner = torch.rand((_PROBES, patch.dimension), generator=generator, dtype=torch.float64)
        rims = [patch.points(inner)] if patch.dimension == 0 else []
        for axis, end in itertools.product(range(patch.dimension), (0.0, 1.0)):
            rim = inner.clone()
            rim[:, axis] = end
            rims.append(patch.points(rim))
        for points in rims:
            shared = points[other.contains(points)]
            if len(shared):
                return shared
    return None
