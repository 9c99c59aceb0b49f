"""Union, intersection and difference of plane regions: steps, obstacles, holes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor

from pinndd.regions.arrangement import boundary_pieces
from pinndd.regions.base import Shape
from pinndd.regions.curves import Curves
from pinndd.regions.pieces import CLOSE, CircleArc, Piece, Point
from pinndd.regions.quantiles import by_quantiles, height_at
from pinndd.regions.scaled import ScaledRegion

OPERATIONS = ("union", "intersection", "difference")
_ROUNDS = 60


@dataclass(frozen=True)
class CombinedRegion(Shape):
    """``first`` and ``second`` (union), what they share (intersection), or ``first`` without ``second`` (difference).

    The boundary is made of straight and circular pieces, from which distances, nearest points and areas follow in closed form.

    Args:
        operation: ``"union"``, ``"intersection"`` or ``"difference"``.
        first, second: disks, polygons, or combinations themselves.

    Raises:
        ValueError: the operation is another one, or nothing is left.
    """

    kind: ClassVar[str] = "combination"
    operation: str
    first: Shape
    second: Shape

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS:
            raise ValueError(f"region: operation {self.operation!r} is not one of {', '.join(OPERATIONS)}")
        for part in (self.first, self.second):
            if not isinstance(part, Shape):
                raise ValueError(f"region: {part!r} cannot be combined; expected disks, polygons, or combinations of them")
        if not self._pieces:
            raise ValueError(
                f"region: the {self.operation} of {_named(self.first)} and {_named(self.second)} has no inside; "
                "expected parts that leave an area"
            )

    @cached_property
    def bounds(self) -> tuple[Point, Point]:
        # ends of straight pieces are the user's numbers, those of arcs may be rounded
        pieces = sorted(self._pieces, key=lambda piece: isinstance(piece, CircleArc))
        xs, ys = zip(*(p for piece in pieces for p in (piece.start, piece.end)), strict=True)
        slack = CLOSE * _extent(self.first, self.second)
        (x0, y0), (x1, y1) = ([next(v for v in values if abs(v - of(values)) <= slack) for values in (xs, ys)] for of in (min, max))
        return (x0, y0), (x1, y1)

    @cached_property
    def area(self) -> float:
        """Area of the region."""
        return sum(slab.area for slab in self._slabs)

    def from_unit(self, unit: Tensor) -> Tensor:
        """Map by the quantiles of x, then by those of y at that x (Rosenblatt 1952, doi:10.1214/aoms/1177729394)."""
        return by_quantiles(self._slabs, unit)

    def depth(self, points: Tensor) -> Tensor:
        distance = (points - self._curves.nearest(points)).norm(dim=-1)
        return torch.where(self._curves.enclose(points), distance, -distance)

    def project(self, points: Tensor) -> Tensor:
        return torch.where(self._curves.enclose(points)[..., None], points, self._curves.nearest(points))

    def boundary(self) -> tuple[Piece, ...]:
        return self._pieces

    def outline(self) -> tuple[Tensor, ...]:
        left, loops, tolerance = list(self._pieces), [], 3 * CLOSE * _extent(self.first, self.second)
        while left:
            chain = [left.pop(0)]
            while (onward := next((p for p in left if math.dist(p.start, chain[-1].end) <= tolerance), None)) is not None:
                left.remove(onward)
                chain.append(onward)
            lines = [piece.line() for piece in chain]
            loops.append(torch.cat([line[:-1] for line in lines] + [lines[0][:1]]))
        return tuple(loops)

    def in_unit_square(self) -> ScaledRegion:
        return ScaledRegion(self)

    def to_json(self) -> dict[str, Any]:
        parts = {"first": self.first.to_json(), "second": self.second.to_json()}
        return {"kind": self.kind, "operation": self.operation, **parts}

    @cached_property
    def _pieces(self) -> tuple[Piece, ...]:
        curves = (*self.first.boundary(), *self.second.boundary())
        return boundary_pieces(curves, self._holds, _extent(self.first, self.second))

    @cached_property
    def _curves(self) -> Curves:
        return Curves(self._pieces)

    def _holds(self, points: Tensor) -> Tensor:
        """Whether points off all boundaries lie in the region, by what it is made of."""
        one, two = self.first.depth(points) > 0, self.second.depth(points) > 0
        if self.operation == "union":
            return one | two
        return one & two if self.operation == "intersection" else one & ~two

    @cached_property
    def _slabs(self) -> tuple[_Slab, ...]:
        (low, _), (high, _) = self.bounds
        cuts = [low]
        for x in sorted(p[0] for piece in self._pieces for p in (piece.start, piece.end)):
            if x > cuts[-1] + CLOSE * (high - low):
                cuts.append(x)
        cuts[-1] = high
        return tuple(slab for a, b in pairwise(cuts) if (slab := _Slab(a, b, self._curves)).area > 0)


def _extent(one: Shape, two: Shape) -> float:
    """Longer side of the box around two regions."""
    lows, highs = zip(one.bounds, two.bounds, strict=True)
    return max(max(high[k] for high in highs) - min(low[k] for low in lows) for k in (0, 1))


def _named(region: Shape) -> str:
    (x0, y0), (x1, y1) = region.bounds
    return f"a {region.kind} over [{x0:g}, {x1:g}] x [{y0:g}, {y1:g}]"


class _Slab:
    """The part of a region between two neighbouring corners in x, where the curves that bound it do not meet."""

    def __init__(self, left: float, right: float, curves: Curves) -> None:
        self.left, self.right, self._curves = left, right, curves
        middle = torch.tensor([(left + right) / 2], dtype=torch.float64)
        across = curves.across(float(middle))
        heights = torch.stack([curves.height(k, middle) for k in across]).flatten() if across else torch.empty(0)
        ordered = [across[int(k)] for k in heights.argsort()]
        self._lower, self._upper = ordered[::2], ordered[1::2]
        self.area = float(self._left_of(torch.tensor([right], dtype=torch.float64))) if ordered else 0.0

    def _left_of(self, x: Tensor) -> Tensor:
        """Return the area of the slab to the left of x, ``(n,)``."""
        start = x.new_tensor([self.left])
        total = torch.zeros_like(x)
        for sign, curves in ((1, self._upper), (-1, self._lower)):
            for k in curves:
                total = total + sign * (self._curves.integral(k, x) - self._curves.integral(k, start))
        return total

    def _section(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return lower and upper ends of the parts of the section at x, ``(n, k)`` each."""
        lower, upper = (torch.stack([self._curves.height(k, x) for k in side], -1) for side in (self._lower, self._upper))
        return lower, torch.maximum(lower, upper)

    def place(self, area: Tensor, share: Tensor) -> Tensor:
        """Return the points with ``area`` of the slab to their left and ``share`` of their section below them."""
        low, high = torch.full_like(area, self.left), torch.full_like(area, self.right)
        x = low + (high - low) * (area / self.area).clamp(0, 1)
        for _ in range(_ROUNDS):  # Newton's method, and bisection where it leaves the bracket
            excess = self._left_of(x) - area
            low, high = torch.where(excess <= 0, x, low), torch.where(excess >= 0, x, high)
            lower, upper = self._section(x)
            length = (upper - lower).sum(-1)
            newton = x - excess / length.clamp_min(1e-300)
            onward = torch.where((newton >= low) & (newton <= high), newton, (low + high) / 2)
            moved, x = (onward - x).abs(), onward
            if not len(x) or float(moved.max()) <= 1e-14 * (self.right - self.left):
                break
        return torch.stack((x, height_at(*self._section(x), share)), -1)
