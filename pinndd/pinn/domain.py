"""The box that a DeepXDE geometry describes, and the flat patches of its boundary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Domain:
    """An interval, rectangle or cuboid, times time where the PDE evolves.

    Attributes:
        low, high: lower and upper bound of every coordinate, time last.
        names: names of the coordinates, such as ``("x", "t")``.
        has_time: whether the last coordinate is time.
        geometry: the DeepXDE geometry it was read from.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    names: tuple[str, ...]
    has_time: bool
    geometry: Any

    @property
    def dimension(self) -> int:
        """Number of coordinates, time included."""
        return len(self.low)

    def scale(self, unit: Tensor) -> Tensor:
        """Map points of the unit cube ``(..., d)`` onto the domain."""
        low, high = unit.new_tensor(self.low), unit.new_tensor(self.high)
        return low + (high - low) * unit

    def unscale(self, points: Tensor) -> Tensor:
        """Map points of the domain ``(..., d)`` onto the unit cube."""
        low, high = points.new_tensor(self.low), points.new_tensor(self.high)
        return (points - low) / (high - low)


def domain_from(geometry: Any) -> Domain:
    """Read the box from a DeepXDE geometry (Interval, Rectangle, Cuboid or Hypercube, with or without time).

    Raises:
        ValueError: the geometry is not such a box.
    """
    has_time = hasattr(geometry, "timedomain")
    space = geometry.geometry if has_time else geometry
    if hasattr(space, "l") and hasattr(space, "r"):
        low, high = [float(space.l)], [float(space.r)]
    elif hasattr(space, "xmin") and hasattr(space, "xmax"):
        low, high = [float(v) for v in space.xmin], [float(v) for v in space.xmax]
    else:
        raise ValueError(
            f"domain {type(space).__name__} is not supported: expected a DeepXDE Interval, Rectangle, Cuboid or "
            "Hypercube, by itself or in GeometryXTime"
        )
    names = ["x", "y", "z"][: len(low)] if len(low) <= 3 else [f"x{i}" for i in range(len(low))]
    if has_time:
        low.append(float(geometry.timedomain.t0))
        high.append(float(geometry.timedomain.t1))
        names.append("t")
    return Domain(tuple(low), tuple(high), tuple(names), has_time, geometry)


@dataclass(frozen=True)
class Patch:
    """A flat piece of the boundary: some coordinates fixed, the others running over their range as ``s`` in [0, 1]^k."""

    domain: Domain
    fixed: Mapping[int, float]

    @property
    def free_axes(self) -> tuple[int, ...]:
        """Coordinates that run along the patch."""
        return tuple(a for a in range(self.domain.dimension) if a not in self.fixed)

    @property
    def dimension(self) -> int:
        """Number of local coordinates k."""
        return len(self.free_axes)

    def points(self, s: Tensor) -> Tensor:
        """Map local coordinates ``(..., k)`` to points ``(..., d)``."""
        low, high = self.domain.low, self.domain.high
        columns = [
            s.new_full(s.shape[:-1], self.fixed[a])
            if a in self.fixed
            else low[a] + (high[a] - low[a]) * s[..., self.free_axes.index(a)]
            for a in range(self.domain.dimension)
        ]
        return torch.stack(columns, -1)

    def local(self, points: Tensor) -> Tensor:
        """Map points ``(..., d)`` of the patch to local coordinates ``(..., k)``."""
        return self.domain.unscale(points)[..., list(self.free_axes)]

    def contains(self, points: Tensor, tolerance: float = 1e-9) -> Tensor:
        """Whether each point ``(..., d)`` lies on the patch."""
        inside = torch.ones(points.shape[:-1], dtype=torch.bool, device=points.device)
        for axis, value in self.fixed.items():
            inside &= (points[..., axis] - value).abs() <= tolerance
        return inside
