"""The domain that a DeepXDE geometry describes: a box, a disk or a polygon, times time where the PDE evolves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinndd.constraints import Box, Constraint, Within
from pinndd.regions import DiskRegion, PolygonRegion, Region


@dataclass(frozen=True)
class Domain:
    """An interval, rectangle, cuboid, disk or polygon, times time where the PDE evolves.

    Attributes:
        low, high: lower and upper bound of every coordinate (the bounding box), time last.
        names: names of the coordinates, such as ``("x", "t")``.
        has_time: whether the last coordinate is time.
        geometry: the DeepXDE geometry it was read from.
        region: where the first two coordinates lie, if they do not fill their box.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    names: tuple[str, ...]
    has_time: bool
    geometry: Any
    region: Region | None = None

    @property
    def dimension(self) -> int:
        """Number of coordinates, time included."""
        return len(self.low)

    @property
    def space_dimension(self) -> int:
        """Number of coordinates without time."""
        return self.dimension - self.has_time

    def scale(self, unit: Tensor) -> Tensor:
        """Map points of the unit cube ``(..., d)`` onto the domain, uniform ones to uniform ones."""
        low, high = unit.new_tensor(self.low), unit.new_tensor(self.high)
        points = low + (high - low) * unit
        if self.region is None:
            return points
        return torch.cat((self.region.from_unit(unit[..., :2]), points[..., 2:]), -1)

    def unscale(self, points: Tensor) -> Tensor:
        """Map points of the bounding box ``(..., d)`` onto the unit cube."""
        low, high = points.new_tensor(self.low), points.new_tensor(self.high)
        return (points - low) / (high - low)

    def project(self, points: Tensor) -> Tensor:
        """Return the nearest points of the domain, ``(..., d)``."""
        inside = torch.minimum(torch.maximum(points, points.new_tensor(self.low)), points.new_tensor(self.high))
        if self.region is None:
            return inside
        return torch.cat((self.region.project(inside[..., :2]), inside[..., 2:]), -1)

    def inside(self, points: Tensor, margin: float = 0.0) -> Tensor:
        """Whether points ``(..., d)`` lie in the domain, at least ``margin`` away from its boundary."""
        low, high = points.new_tensor(self.low), points.new_tensor(self.high)
        depth = torch.minimum(points - low, high - points).amin(-1)
        if self.region is not None:
            depth = torch.minimum(depth, self.region.depth(points[..., :2]))
        return depth >= margin

    def constraint(self, low: Sequence[float] = (), high: Sequence[float] = ()) -> Constraint:
        """Return the constraint "in the domain", for points followed by further entries between ``low`` and ``high``."""
        below, above = (*self.low, *low), (*self.high, *high)
        return Box(below, above) if self.region is None else Within(self.region, below, above)


def domain_from(geometry: Any) -> Domain:
    """Read the domain from a DeepXDE geometry.

    Args:
        geometry: Interval, Rectangle, Cuboid, Hypercube, Disk, Triangle or Polygon, with or without time.

    Raises:
        ValueError: the geometry is none of these.
    """
    has_time = hasattr(geometry, "timedomain")
    space = geometry.geometry if has_time else geometry
    region = _region(space)
    if region is not None:
        low, high = (list(corner) for corner in region.bounds)
    elif hasattr(space, "l") and hasattr(space, "r"):
        low, high = [float(space.l)], [float(space.r)]
    elif hasattr(space, "xmin") and hasattr(space, "xmax") and type(space).__name__ in _BOXES:
        low, high = [float(v) for v in space.xmin], [float(v) for v in space.xmax]
    else:
        raise ValueError(
            f"domain {type(space).__name__} is not supported: expected a DeepXDE Interval, Rectangle, Cuboid, Hypercube, "
            "Disk, Triangle or Polygon, by itself or in GeometryXTime"
        )
    names = ["x", "y", "z"][: len(low)] if len(low) <= 3 else [f"x{i}" for i in range(len(low))]
    if has_time:
        low.append(float(geometry.timedomain.t0))
        high.append(float(geometry.timedomain.t1))
        names.append("t")
    return Domain(tuple(low), tuple(high), tuple(names), has_time, geometry, region)


_BOXES = ("Rectangle", "Cuboid", "Hypercube")


def _region(space: Any) -> Region | None:
    kind = type(space).__name__
    if kind == "Disk":
        x, y = (float(v) for v in space.center)
        return DiskRegion((x, y), float(space.radius))
    if kind == "Triangle":
        return PolygonRegion(tuple((float(p[0]), float(p[1])) for p in (space.x1, space.x2, space.x3)))
    if kind == "Polygon":
        return PolygonRegion(tuple((float(x), float(y)) for x, y in space.vertices))
    return None
