"""Polygons, convex or not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from typing import ClassVar

import torch
from torch import Tensor

from pinndd.regions.base import Shape
from pinndd.regions.curves import Curves
from pinndd.regions.pieces import Point, Segment
from pinndd.regions.quantiles import by_quantiles, height_at


@dataclass(frozen=True)
class PolygonRegion(Shape):
    """A polygon that does not cross itself, convex or not, by its corners in order."""

    kind: ClassVar[str] = "polygon"
    vertices: tuple[Point, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices", tuple((float(x), float(y)) for x, y in self.vertices))
        if len(self.vertices) < 3 or not all(math.isfinite(v) for vertex in self.vertices for v in vertex):
            raise ValueError(f"polygon: vertices {self.vertices} must be at least three points, finite")
        self._check()

    def _check(self) -> None:
        """Refuse a polygon without area, and one that crosses itself."""
        if not abs(self.signed_area) > 1e-9 * self.size**2:
            raise ValueError(f"polygon: the corners {_listed(self.vertices)} enclose no area; expected corners off one line")
        sides = self._edges()
        for one, two in combinations(sides, 2):
            if _cross(one, two):
                raise ValueError(
                    f"polygon: the side {_listed((one.start, one.end))} crosses the side {_listed((two.start, two.end))}; "
                    "expected the corners in order along the boundary"
                )

    @property
    def bounds(self) -> tuple[Point, Point]:
        xs, ys = zip(*self.vertices, strict=True)
        return (min(xs), min(ys)), (max(xs), max(ys))

    def from_unit(self, unit: Tensor) -> Tensor:
        """Map by the quantiles of x, then by those of y at that x (Rosenblatt 1952, doi:10.1214/aoms/1177729394)."""
        return by_quantiles(self._slabs, unit)

    def depth(self, points: Tensor) -> Tensor:
        distance = (points - self._curves.nearest(points)).norm(dim=-1)
        return torch.where(self._encloses(points), distance, -distance)

    def project(self, points: Tensor) -> Tensor:
        return torch.where(self._encloses(points)[..., None], points, self._curves.nearest(points))

    def boundary(self) -> tuple[Segment, ...]:
        edges = self._edges()
        return edges if self.signed_area > 0 else tuple(edge.reversed() for edge in reversed(edges))

    def outline(self) -> tuple[Tensor, ...]:
        edges = self.boundary()
        return (torch.tensor((*(edge.start for edge in edges), edges[0].start), dtype=torch.float64),)

    @property
    def signed_area(self) -> float:
        """Area, positive where the corners run counter-clockwise."""
        x0, y0 = self.vertices[0]
        moved = [(x - x0, y - y0) for x, y in self.vertices]
        return sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(moved, moved[1:] + moved[:1], strict=True)) / 2

    def _edges(self) -> tuple[Segment, ...]:
        return tuple(Segment(a, b) for a, b in zip(self.vertices, self.vertices[1:] + self.vertices[:1], strict=True) if a != b)

    def in_unit_square(self) -> PolygonRegion:
        (x0, y0), (x1, y1) = self.bounds
        return PolygonRegion(tuple(((x - x0) / (x1 - x0), (y - y0) / (y1 - y0)) for x, y in self.vertices))

    @cached_property
    def _curves(self) -> Curves:
        return Curves(self._edges())

    def _sides(self, like: Tensor) -> tuple[Tensor, Tensor]:
        corners = like.new_tensor(self.vertices)
        return corners, corners.roll(-1, 0)

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
        return torch.stack((self.left + width * tau, height_at(lower, upper, share)), -1)


def _cross(one: Segment, two: Segment) -> bool:
    """Whether the inner parts of two sides meet in one point."""

    def side(line: Segment, point: Point) -> float:
        (x0, y0), (x1, y1) = line.start, line.end
        return (x1 - x0) * (point[1] - y0) - (y1 - y0) * (point[0] - x0)

    def apart(line: Segment, other: Segment) -> bool:
        slack = 1e-9 * line.length * max(line.length, other.length)
        a, b = side(line, other.start), side(line, other.end)
        return min(a, b) < -slack and max(a, b) > slack

    return apart(one, two) and apart(two, one)


def _listed(points: tuple[Point, ...]) -> str:
    return ", ".join(f"({x:g}, {y:g})" for x, y in points)
