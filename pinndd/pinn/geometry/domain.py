"""The domain that a DeepXDE geometry describes: a box or a region of the plane, times time where the PDE evolves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinndd.constraints import Box, Constraint, Within
from pinndd.pinn.geometry.reading import Numbers, bounds_of, check_bounds, shape_of
from pinndd.regions import Shape

RESERVED = ("from", "to", "angle", "circle", "condition", "kind", "name", "value", "weight")
"""Words that mean something else in ``at`` or as a column of a CSV."""


@dataclass(frozen=True)
class Domain:
    """An interval, rectangle, cuboid, disk, polygon or a combination in the plane, times time where the PDE evolves.

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
    region: Shape | None = None

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
        """Whether points ``(..., d)`` lie in the domain, at least ``margin`` away from its boundary.

        The margin is relative: to the range of each coordinate, and in a region of the plane to its size.
        """
        low, high = points.new_tensor(self.low), points.new_tensor(self.high)
        depth = (torch.minimum(points - low, high - points) / (high - low)).amin(-1)
        if self.region is not None:
            depth = torch.minimum(depth, self.region.depth(points[..., :2]) / self.region.size)
        return depth >= margin

    def constraint(self, low: Sequence[float] = (), high: Sequence[float] = ()) -> Constraint:
        """Return the constraint "in the domain", for points followed by further entries between ``low`` and ``high``."""
        below, above = (*self.low, *low), (*self.high, *high)
        return Box(below, above) if self.region is None else Within(self.region, below, above)


def domain_from(geometry: Any, *, names: Sequence[str] | None = None, written: Iterable[float] = ()) -> Domain:
    """Read the domain from a DeepXDE geometry.

    Args:
        geometry: Interval, Rectangle, Cuboid, Hypercube, Disk, Triangle or Polygon, or union, difference or intersection of those in
            the plane, with or without time.
        names: of the coordinates, time last (None: x, y, z, and t).
        written: numbers that the user wrote for places of the boundary; where DeepXDE rounded one of them to single precision, the
            domain has the number itself.

    Raises:
        ValueError: the geometry is none of these, a range is empty, reversed or not finite, or the names do not fit.
    """
    has_time = hasattr(geometry, "timedomain")
    space = geometry.geometry if has_time else geometry
    number = Numbers(written)
    region = shape_of(space, number)
    low, high = bounds_of(space, number) if region is None else (list(corner) for corner in region.bounds)
    if has_time:
        low.append(number(geometry.timedomain.t0))
        high.append(number(geometry.timedomain.t1))
    usual = usual_names(len(low), has_time)
    chosen = usual if names is None else coordinate_names(names, usual)
    check_bounds(chosen, low, high)
    return Domain(tuple(low), tuple(high), chosen, has_time, geometry, region)


def usual_names(dimension: int, has_time: bool) -> tuple[str, ...]:
    """Return what coordinates are called where nobody names them."""
    space = dimension - has_time
    names = ("x", "y", "z")[:space] if space <= 3 else tuple(f"x{i}" for i in range(space))
    return (*names, "t") if has_time else names


def coordinate_names(names: Sequence[str], usual: Sequence[str]) -> tuple[str, ...]:
    """Check the names that a user gave the coordinates.

    Raises:
        ValueError: there are too many or too few, one is no plain name, is reserved, or occurs twice.
    """
    said = f"coordinates={names!r}"
    if isinstance(names, str) or len(names) != len(usual):
        raise ValueError(f"{said}: expected {len(usual)} name(s) in place of {', '.join(usual)}")
    for name in names:
        if not isinstance(name, str) or not name.isidentifier() or name in RESERVED:
            raise ValueError(
                f"{said}: {name!r} cannot name a coordinate; expected letters, digits and underscores, and none of "
                f"{', '.join(RESERVED)}"
            )
    if len(set(names)) < len(names):
        raise ValueError(f"{said}: the names must differ")
    return tuple(names)

