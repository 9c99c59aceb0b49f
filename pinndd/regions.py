"""Plane regions that points must not leave: a disk, a polygon."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor

Point = tuple[float, float]


class Region(ABC):
    """A closed region of the plane."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def bounds(self) -> tuple[Point, Point]:
        """Lower and upper corner of the bounding box."""

    @abstractmethod
    def from_unit(self, unit: Tensor) -> Tensor:
        """Map the unit square ``(..., 2)`` onto the region; uniform points stay uniform."""

    @abstractmethod
    def depth(self, points: Tensor) -> Tensor:
        """Distance of points ``(..., 2)`` from the boundary, negative outside."""

    @abstractmethod
    def project(self, points: Tensor) -> Tensor:
        """Return the nearest points of the region, ``(..., 2)``."""

    @abstractmethod
    def outline(self) -> Tensor:
        """Return a closed line along the boundary, ``(n, 2)``, for pictures."""

    @abstractmethod
    def in_unit_square(self) -> Region:
        """Return the region scaled so that its bounding box is the unit square."""

    def to_json(self) -> dict[str, Any]:
        """Return a JSON description that `region_from_json` reads."""
        return {"kind": self.kind, **{f.name: getattr(self, f.name) for f in fields(self)}}  # type: ignore[arg-type]


@dataclass(frozen=True)
class DiskRegion(Region):
    """All points within ``radius`` of ``center``."""

    kind: ClassVar[str] = "disk"
    center: Point
    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", tuple(float(v) for v in self.center))
        if self.radius <= 0:
            raise ValueError(f"disk: radius {self.radius} must be positive")

    @property
    def bounds(self) -> tuple[Point, Point]:
        (x, y), r = self.center, self.radius
        return (x - r, y - r), (x + r, y + r)

    def from_unit(self, unit: Tensor) -> Tensor:
        """Map concentric squares onto concentric circles (Shirley and Chiu 1997, doi:10.1080/10867651.1997.10487479)."""
        a, b = (2 * unit - 1).unbind(-1)
        wide = a.abs() > b.abs()
        one = torch.ones_like(a)
        radius = torch.where(wide, a, b)
        ratio = torch.where(wide, b / torch.where(wide, a, one), a / torch.where(b == 0, one, b))
        angle = torch.where(wide, math.pi / 4 * ratio, math.pi / 2 - math.pi / 4 * ratio)
        return unit.new_tensor(self.center) + self.radius * torch.stack((radius * angle.cos(), radius * angle.sin()), -1)

    def depth(self, points: Tensor) -> Tensor:
        distance: Tensor = (points - points.new_tensor(self.center)).norm(dim=-1)
        return self.radius - distance

    def project(self, points: Tensor) -> Tensor:
        center = points.new_tensor(self.center)
        offset = points - center
        length = offset.norm(dim=-1, keepdim=True)
        return torch.where(length > self.radius, center + offset * (self.radius / length.clamp_min(1e-300)), points)

    def outline(self) -> Tensor:
        angle = torch.linspace(0, 2 * math.pi, 181, dtype=torch.float64)
        return torch.tensor(self.center, dtype=torch.float64) + self.radius * torch.stack((angle.cos(), angle.sin()), -1)

    def in_unit_square(self) -> DiskRegion:
        return DiskRegion((0.5, 0.5), 0.5)


@dataclass(frozen=True)
class PolygonRegion(Region):
    """A polygon that does not cross itself, convex or not, by its corners in order."""

    kind: ClassVar[str] = "polygon"
    vertices: tuple[Point, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices", tuple((float(x), float(y)) for x, y in self.vertices))
        if len(self.vertices) < 3:
            raise ValueError(f"polygon: vertices {self.vertices} must be at least three points")

    @property
    def bounds(self) -> tuple[Point, Point]:
        xs, ys = zip(*self.vertices, strict=True)
        return (min(xs), min(ys)), (max(xs), max(ys))

    def from_unit(self, unit: Tensor) -> Tensor:
        """Map by the quantiles of x, then by those of y at that x (Rosenblatt 1952, doi:10.1214/aoms/1177729394)."""
        flat = unit.reshape(-1, 2)
        shares = torch.tensor([s.area for s in self._slabs], dtype=torch.float64).cumsum(0).to(flat)
        wanted = flat[:, 0].clamp(0, 1) * shares[-1]
        owner = torch.bucketize(wanted.contiguous(), shares).clamp_max(len(self._slabs) - 1)
        points = torch.empty_like(flat)
        for k, slab in enumerate(self._slabs):
            mine = owner == k
            start = shares[k] - slab.area
            points[mine] = slab.place(wanted[mine] - start, flat[mine, 1])
        return points.reshape(unit.shape)

    def depth(self, points: Tensor) -> Tensor:
        distance = (points - self._nearest(points)).norm(dim=-1)
        return torch.where(self._encloses(points), distance, -distance)

    def project(self, points: Tensor) -> Tensor:
        return torch.where(self._encloses(points)[..., None], points, self._nearest(points))

    def outline(self) -> Tensor:
        return torch.tensor((*self.vertices, self.vertices[0]), dtype=torch.float64)

    def in_unit_square(self) -> PolygonRegion:
        (x0, y0), (x1, y1) = self.bounds
        return PolygonRegion(tuple(((x - x0) / (x1 - x0), (y - y0) / (y1 - y0)) for x, y in self.vertices))

    def _sides(self, like: Tensor) -> tuple[Tensor, Tensor]:
        corners = like.new_tensor(self.vertices)
        return corners, corners.roll(-1, 0)

    def _nearest(self, points: Tensor) -> Tensor:
        """Return the nearest points of the boundary."""
        start, end = self._sides(points)
        along = end - start
        share = ((points[..., None, :] - start) * along).sum(-1) / along.square().sum(-1)
        feet = start + share.clamp(0, 1)[..., None] * along
        best = (points[..., None, :] - feet).norm(dim=-1).argmin(-1)
        return feet.gather(-2, best[..., None, None].expand(*best.shape, 1, 2))[..., 0, :]

    def _encloses(self, points: Tensor) -> Tensor:
        """Whether a ray to the right crosses the boundary an odd number of times."""
        start, end = self._sides(points)
        x, y = points[..., None, 0], points[..., None, 1]
        spans = (start[:, 1] > y) != (end[:, 1] > y)
        rise = torch.where(spans, end[:, 1] - start[:, 1], torch.ones_like(y))
        crossing = start[:, 0] + (y - start[:, 1]) / rise * (end[:, 0] - start[:, 0])
        return (spans & (x < crossing)).sum(-1) % 2 == 1

    @cached_property
    def _slabs(self) -> tuple[_Slab, ...]:
        corners = self.vertices
        sides = list(zip(corners, corners[1:] + corners[:1], strict=True))
        cuts = sorted({x for x, _ in corners})
        slabs = []
        for left, right in pairwise(cuts):
            crossed = [
                sorted(side) for side in sides if min(side)[0] <= left and max(side)[0] >= right and side[0][0] != side[1][0]
            ]
            lines = sorted(((_height(s, left), _height(s, right)) for s in crossed), key=sum)
            slabs.append(_Slab(left, right, tuple(lines[::2]), tuple(lines[1::2])))
        return tuple(slabs)


def _height(side: list[Point], x: float) -> float:
    (x0, y0), (x1, y1) = side
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


@dataclass(frozen=True)
class _Slab:
    """The part of a polygon between two neighbouring corners in x: trapezia, by the heights of their lower and upper sides."""

    left: float
    right: float
    lower: tuple[Point, ...]
    upper: tuple[Point, ...]

    @property
    def area(self) -> float:
        return (self.right - self.left) * sum(self._lengths) / 2

    @property
    def _lengths(self) -> tuple[float, float]:
        """Total length of the sections at the two ends."""
        pairs = list(zip(self.lower, self.upper, strict=True))
        return sum(u[0] - b[0] for b, u in pairs), sum(u[1] - b[1] for b, u in pairs)

    def place(self, area: Tensor, share: Tensor) -> Tensor:
        """Return the points with ``area`` of the slab to their left and ``share`` of their section below them."""
        width, (first, last) = self.right - self.left, self._lengths
        wanted = area.clamp_min(0) / width
        # first τ + (last - first) τ² / 2 = wanted, in the form that is stable for equal sections
        root = (first**2 + 2 * (last - first) * wanted).clamp_min(0).sqrt()
        tau = (2 * wanted / (first + root).clamp_min(1e-300)).clamp(0, 1)
        lower, upper = (torch.stack([(1 - tau) * a + tau * b for a, b in lines], -1) for lines in (self.lower, self.upper))
        ends = (upper - lower).cumsum(-1)
        offset = share.clamp(0, 1) * ends[:, -1]
        owner = (offset[:, None] > ends[:, :-1]).sum(-1, keepdim=True)
        before = torch.cat((torch.zeros_like(ends[:, :1]), ends[:, :-1]), -1)
        y = lower.gather(-1, owner)[:, 0] + offset - before.gather(-1, owner)[:, 0]
        return torch.stack((self.left + width * tau, y), -1)


REGIONS: dict[str, type[Region]] = {region.kind: region for region in (DiskRegion, PolygonRegion)}


def region_from_json(description: dict[str, Any]) -> Region:
    """Build the region that `Region.to_json` described.

    Raises:
        ValueError: the kind is unknown to this version.
    """
    kind = description.get("kind")
    if kind not in REGIONS:
        raise ValueError(f"region of kind {kind!r} is not known: expected one of {', '.join(sorted(REGIONS))}")
    return REGIONS[kind](**{k: v for k, v in description.items() if k != "kind"})
