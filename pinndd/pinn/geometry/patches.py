"""Pieces of the boundary of a domain: where a condition holds, and which way is out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pinndd.constraints import Box, Constraint, Fixed, Within
from pinndd.pinn.geometry.domain import Domain
from pinndd.regions import DiskRegion

TOLERANCE = 1e-9
"""Distance from the boundary, relative to the size of the domain, at which a point still lies on it."""


class Patch(ABC):
    """A piece of the boundary, described by local coordinates ``s`` in [0, 1]^k: along it first, then time."""

    domain: Domain

    @property
    @abstractmethod
    def axis_names(self) -> tuple[str, ...]:
        """What each local coordinate runs along, such as ``("y", "t")`` or ``("angle",)``."""

    @property
    def dimension(self) -> int:
        """Number of local coordinates k."""
        return len(self.axis_names)

    @property
    def initial(self) -> bool:
        """Whether the patch is the domain at the initial time."""
        return False

    @abstractmethod
    def points(self, s: Tensor) -> Tensor:
        """Map local coordinates ``(..., k)`` to points ``(..., d)``."""

    @abstractmethod
    def local(self, points: Tensor) -> Tensor:
        """Map points ``(..., d)`` of the patch to local coordinates ``(..., k)``."""

    @abstractmethod
    def normal(self, points: Tensor) -> Tensor:
        """Return the outward unit normal ``(..., d)`` in space at points of the patch; its entry for time is zero.

        Raises:
            ValueError: the patch has no normal: it is a corner, or the initial time.
        """

    @abstractmethod
    def contains(self, points: Tensor, tolerance: float = TOLERANCE) -> Tensor:
        """Whether each point ``(..., d)`` lies on the patch; the tolerance is relative to the size of the domain."""

    def from_unit(self, unit: Tensor) -> Tensor:
        """Map points of the unit cube ``(..., k)`` to local coordinates, uniform ones to uniform ones."""
        return unit

    def drawn(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw local coordinates of uniform places on the patch, ``(count, k)``, float64."""
        return self.from_unit(torch.rand((count, self.dimension), generator=generator, dtype=torch.float64))

    def constraint(self, low: Sequence[float] = (), high: Sequence[float] = ()) -> Constraint:
        """Return the constraint "on the patch", for local coordinates followed by further entries between ``low`` and ``high``."""
        below, above = (0.0,) * self.dimension + tuple(low), (1.0,) * self.dimension + tuple(high)
        return Box(below, above) if below else Fixed()

    def ticks(self, s: Tensor) -> Tensor:
        """Map the first local coordinate ``(n,)`` to what it is called in pictures: a coordinate, an angle, a length."""
        return s

    def closed(self, periodic_axes: Sequence[int]) -> bool:
        """Whether the first local coordinate ends where it starts."""
        return False

    def _time(self, s: Tensor) -> list[Tensor]:
        """The last column of the points of a piece of the plane: time, where there is one."""
        low, high = self.domain.low[-1], self.domain.high[-1]
        return [low + (high - low) * s[..., 1]] if self.domain.has_time else []

    def _time_names(self) -> tuple[str, ...]:
        return (self.domain.names[-1],) if self.domain.has_time else ()


@dataclass(frozen=True)
class Face(Patch):
    """A flat piece of a box: some coordinates fixed, the others running over their range, or over a part of it.

    Attributes:
        domain: the box; or any domain, at its initial time or at one place.
        fixed: axis to value.
        ranges: axis to the part of its range that belongs to the patch, where that is not all of it.
    """

    domain: Domain
    fixed: Mapping[int, float]
    ranges: Mapping[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def free_axes(self) -> tuple[int, ...]:
        """Coordinates that run along the patch."""
        return tuple(a for a in range(self.domain.dimension) if a not in self.fixed)

    @property
    def opposite(self) -> Face:
        """The patch at the other bound of every coordinate that is fixed."""
        low, high = self.domain.low, self.domain.high
        return replace(self, fixed={a: low[a] if value == high[a] else high[a] for a, value in self.fixed.items()})

    @property
    def axis_names(self) -> tuple[str, ...]:
        return tuple(self.domain.names[a] for a in self.free_axes)

    @property
    def initial(self) -> bool:
        last = self.domain.dimension - 1
        return self.domain.has_time and self.fixed.get(last) == self.domain.low[last] and len(self.fixed) == 1

    def points(self, s: Tensor) -> Tensor:
        columns = []
        for axis in range(self.domain.dimension):
            if axis in self.fixed:
                columns.append(s.new_full(s.shape[:-1], self.fixed[axis]))
            else:
                low, high = self._range(axis)
                columns.append(low + (high - low) * s[..., self.free_axes.index(axis)])
        return torch.stack(columns, -1)

    def local(self, points: Tensor) -> Tensor:
        if not self.free_axes:
            return points[..., :0]
        low, high = (points.new_tensor(bound) for bound in zip(*(self._range(a) for a in self.free_axes), strict=True))
        return (points[..., list(self.free_axes)] - low) / (high - low)

    def normal(self, points: Tensor) -> Tensor:
        axes = [a for a in self.fixed if a < self.domain.space_dimension]
        if len(axes) != 1:
            place = ", ".join(f"{self.domain.names[a]} = {v:g}" for a, v in self.fixed.items())
            raise ValueError(f"the patch at {place} has no normal: fix one coordinate of space, not {len(axes)}")
        out = torch.zeros_like(points)
        out[..., axes[0]] = 1.0 if self.fixed[axes[0]] == self.domain.high[axes[0]] else -1.0
        return out

    def contains(self, points: Tensor, tolerance: float = TOLERANCE) -> Tensor:
        inside = torch.ones(points.shape[:-1], dtype=torch.bool, device=points.device)
        for axis, value in self.fixed.items():
            inside &= (points[..., axis] - value).abs() <= tolerance * self._width(axis)
        for axis, (low, high) in self.ranges.items():
            slack = tolerance * self._width(axis)
            inside &= (points[..., axis] >= low - slack) & (points[..., axis] <= high + slack)
        return inside

    def _width(self, axis: int) -> float:
        return self.domain.high[axis] - self.domain.low[axis]

    def from_unit(self, unit: Tensor) -> Tensor:
        region = self.domain.region if self.initial else None
        return unit if region is None else torch.cat((region.in_unit_square().from_unit(unit[..., :2]), unit[..., 2:]), -1)

    def constraint(self, low: Sequence[float] = (), high: Sequence[float] = ()) -> Constraint:
        box = super().constraint(low, high)
        if self.domain.region is None or not self.initial or not isinstance(box, Box):
            return box
        return Within(self.domain.region.in_unit_square(), box.low, box.high)

    def ticks(self, s: Tensor) -> Tensor:
        low, high = self._range(self.free_axes[0])
        return low + (high - low) * s

    def closed(self, periodic_axes: Sequence[int]) -> bool:
        return bool(self.free_axes) and self.free_axes[0] in periodic_axes

    def _range(self, axis: int) -> tuple[float, float]:
        return self.ranges.get(axis, (self.domain.low[axis], self.domain.high[axis]))


@dataclass(frozen=True)
class Arc(Patch):
    """A piece of a circle that bounds the domain, times time; ``s`` runs from the first angle to the second.

    Attributes:
        domain: a disk, or a combination in the plane.
        circle: the circle.
        angles: first and last angle, rising.
        hole: whether the domain lies outside the circle, so that the outward normal points to its centre.
    """

    domain: Domain
    circle: DiskRegion
    angles: tuple[float, float]
    hole: bool = False

    @property
    def axis_names(self) -> tuple[str, ...]:
        return ("angle", *self._time_names())

    def points(self, s: Tensor) -> Tensor:
        angle = self.ticks(s[..., 0])
        (x, y), r = self.circle.center, self.circle.radius
        return torch.stack((x + r * angle.cos(), y + r * angle.sin(), *self._time(s)), -1)

    def local(self, points: Tensor) -> Tensor:
        x, y = (points[..., :2] - points.new_tensor(self.circle.center)).unbind(-1)
        start, stop = self.angles
        turn = torch.remainder(torch.atan2(y, x) - start + TOLERANCE, 2 * math.pi) - TOLERANCE
        return torch.cat(((turn / (stop - start))[..., None], self.domain.unscale(points)[..., 2:]), -1)

    def normal(self, points: Tensor) -> Tensor:
        offset = points[..., :2] - points.new_tensor(self.circle.center)
        out = -offset if self.hole else offset
        return torch.cat((out / out.norm(dim=-1, keepdim=True), torch.zeros_like(points[..., 2:])), -1)

    def contains(self, points: Tensor, tolerance: float = TOLERANCE) -> Tensor:
        slack = tolerance * _size(self.domain)
        on_circle = self.circle.depth(points[..., :2]).abs() <= slack
        return on_circle & (self.local(points)[..., 0] <= 1 + slack / self.circle.radius)

    def ticks(self, s: Tensor) -> Tensor:
        return self.angles[0] + (self.angles[1] - self.angles[0]) * s

    def closed(self, periodic_axes: Sequence[int]) -> bool:
        return abs(self.angles[1] - self.angles[0] - 2 * math.pi) < TOLERANCE


@dataclass(frozen=True)
class Edge(Patch):
    """A straight piece of the boundary of a region of the plane, times time; ``s`` runs from ``start`` to ``end``.

    Attributes:
        domain: a polygon, or a combination in the plane.
        start, end: of the piece.
        outward: unit normal, out of the domain.
    """

    domain: Domain
    start: tuple[float, float]
    end: tuple[float, float]
    outward: tuple[float, float]

    @property
    def axis_names(self) -> tuple[str, ...]:
        return ("length", *self._time_names())

    @property
    def length(self) -> float:
        """Length of the edge."""
        return math.dist(self.start, self.end)

    def points(self, s: Tensor) -> Tensor:
        start, end = s.new_tensor(self.start), s.new_tensor(self.end)
        return torch.cat((start + s[..., :1] * (end - start), *(t[..., None] for t in self._time(s))), -1)

    def local(self, points: Tensor) -> Tensor:
        start, end = points.new_tensor(self.start), points.new_tensor(self.end)
        share = ((points[..., :2] - start) * (end - start)).sum(-1, keepdim=True) / (end - start).square().sum()
        return torch.cat((share, self.domain.unscale(points)[..., 2:]), -1)

    def normal(self, points: Tensor) -> Tensor:
        out = torch.zeros_like(points)
        out[..., :2] = points.new_tensor(self.outward)
        return out

    def contains(self, points: Tensor, tolerance: float = TOLERANCE) -> Tensor:
        distance = tolerance * _size(self.domain)
        share = self.local(points)[..., :1]
        gap = (self.points(torch.cat((share, self.domain.unscale(points)[..., 2:]), -1)) - points)[..., :2].norm(dim=-1)
        slack = distance / self.length
        inside: Tensor = (gap <= distance) & (share[..., 0] >= -slack) & (share[..., 0] <= 1 + slack)
        return inside

    def ticks(self, s: Tensor) -> Tensor:
        return self.length * s


def _size(domain: Domain) -> float:
    """Longer side of the plane part of a domain."""
    return max(domain.high[k] - domain.low[k] for k in (0, 1))
