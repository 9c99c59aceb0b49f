"""Straight and circular pieces of a boundary."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

Point = tuple[float, float]

CLOSE = 1e-6
"""Numbers that differ by less than this share of the size of a region are one number: DeepXDE keeps seven digits."""

_STEP = math.pi / 90
"""Angle between two points of a drawn arc, at most."""


@dataclass(frozen=True)
class Segment:
    """A straight piece, from ``start`` to ``end``."""

    start: Point
    end: Point

    @property
    def length(self) -> float:
        """Length of the piece."""
        return math.dist(self.start, self.end)

    def reversed(self) -> Segment:
        """Return the piece in the other direction."""
        return Segment(self.end, self.start)

    def left(self) -> Point:
        """Return the unit normal to the left."""
        (x0, y0), (x1, y1) = self.start, self.end
        return (y0 - y1) / self.length, (x1 - x0) / self.length

    def middle(self) -> tuple[Point, Point]:
        """Return the middle of the piece and the unit normal to the left there."""
        (x0, y0), (x1, y1) = self.start, self.end
        return ((x0 + x1) / 2, (y0 + y1) / 2), self.left()

    def distance(self, point: Point) -> float:
        """Return the distance of a point."""
        share = min(1.0, max(0.0, self.share(point)))
        return math.dist(point, self.at(share))

    def share(self, point: Point) -> float:
        """Return how far along the piece the foot of a point lies, 0 at the start and 1 at the end."""
        (x0, y0), (x1, y1) = self.start, self.end
        return ((point[0] - x0) * (x1 - x0) + (point[1] - y0) * (y1 - y0)) / self.length**2

    def at(self, share: float) -> Point:
        """Return the point at a share of the length."""
        (x0, y0), (x1, y1) = self.start, self.end
        return x0 + share * (x1 - x0), y0 + share * (y1 - y0)

    def line(self) -> Tensor:
        """Return points along the piece, ``(n, 2)``, float64, for pictures."""
        return torch.tensor((self.start, self.end), dtype=torch.float64)


@dataclass(frozen=True)
class CircleArc:
    """A piece of a circle, from the angle ``first`` to the angle ``last``; clockwise where that is the smaller one."""

    center: Point
    radius: float
    first: float
    last: float

    @property
    def start(self) -> Point:
        """Point at the first angle."""
        return self.at(self.first)

    @property
    def end(self) -> Point:
        """Point at the last angle."""
        return self.at(self.last)

    @property
    def length(self) -> float:
        """Length of the piece."""
        return self.radius * abs(self.last - self.first)

    @property
    def turn(self) -> int:
        """1 for a piece that runs counter-clockwise, with the inside of the circle at its left, else -1."""
        return 1 if self.last > self.first else -1

    @property
    def low(self) -> float:
        """The smaller angle."""
        return min(self.first, self.last)

    @property
    def high(self) -> float:
        """The larger angle."""
        return max(self.first, self.last)

    @property
    def whole(self) -> bool:
        """Whether it is all of the circle."""
        return self.high - self.low >= 2 * math.pi * (1 - CLOSE)

    def reversed(self) -> CircleArc:
        """Return the piece in the other direction."""
        return replace(self, first=self.last, last=self.first)

    def middle(self) -> tuple[Point, Point]:
        """Return the middle of the piece and the unit normal to the left there."""
        angle = (self.first + self.last) / 2
        c, s = unit(angle)
        return self.at(angle), (-self.turn * c, -self.turn * s)

    def at(self, angle: float) -> Point:
        """Return the point at an angle."""
        c, s = unit(angle)
        return self.center[0] + self.radius * c, self.center[1] + self.radius * s

    def after(self, angle: float) -> float:
        """Return by how much an angle lies after the smaller one, between 0 and 2 pi."""
        turn = math.remainder(angle - self.low, 2 * math.pi)
        return turn if turn >= 0 else turn + 2 * math.pi

    def distance(self, point: Point) -> float:
        """Return the distance of a point."""
        angle = math.atan2(point[1] - self.center[1], point[0] - self.center[0])
        if self.after(angle) <= self.high - self.low:
            return abs(math.dist(point, self.center) - self.radius)
        return min(math.dist(point, self.start), math.dist(point, self.end))

    def line(self) -> Tensor:
        """Return points along the piece, ``(n, 2)``, float64, for pictures."""
        count = 1 + max(1, math.ceil(abs(self.last - self.first) / _STEP))
        angle = torch.linspace(self.first, self.last, count, dtype=torch.float64)
        return torch.tensor(self.center, dtype=torch.float64) + self.radius * torch.stack((angle.cos(), angle.sin()), -1)


Piece = Segment | CircleArc
P = TypeVar("P", Segment, CircleArc)


def unit(angle: float) -> Point:
    """Return cosine and sine of an angle, without rounding error at multiples of a right angle."""
    quarter = round(angle / (math.pi / 2))
    if angle == quarter * (math.pi / 2):
        return ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[quarter % 4]
    return math.cos(angle), math.sin(angle)


def _put_together(pieces: Iterable[P], join: Callable[[P, P, float], P | None], tolerance: float) -> list[P]:
    """Replace pieces that continue each other by the whole, which ``join`` returns; None where the second does not follow."""
    found: list[P] = []
    for piece in pieces:
        whole = piece
        for other in list(found):
            joined = join(whole, other, tolerance) or join(other, whole, tolerance)
            if joined is not None:
                found.remove(other)
                whole = joined
        found.append(whole)
    return found


def straight_edges(pieces: tuple[Piece, ...], tolerance: float) -> tuple[Segment, ...]:
    """Return the straight pieces, those that continue each other put together."""
    return tuple(_put_together([p for p in pieces if isinstance(p, Segment)], _joined, tolerance))


def _joined(one: Segment, two: Segment, tolerance: float) -> Segment | None:
    whole = Segment(one.start, two.end)
    if math.dist(one.end, two.start) > tolerance or whole.length <= max(one.length, two.length):
        return None
    return whole if whole.distance(one.end) <= CLOSE * min(one.length, two.length) else None


def round_edges(pieces: tuple[Piece, ...], tolerance: float) -> tuple[CircleArc, ...]:
    """Return the circular pieces, those that continue each other put together; a whole circle starts at the angle 0."""
    arcs = _put_together([p for p in pieces if isinstance(p, CircleArc)], _continued, tolerance)
    full = (0.0, 2 * math.pi)
    return tuple(
        replace(a, first=full[0] if a.turn > 0 else full[1], last=full[1] if a.turn > 0 else full[0]) if a.whole else a
        for a in arcs
    )


def _continued(one: CircleArc, two: CircleArc, tolerance: float) -> CircleArc | None:
    same = math.dist(one.center, two.center) <= tolerance and abs(one.radius - two.radius) <= tolerance
    if not same or one.turn != two.turn or math.dist(one.end, two.start) > tolerance:
        return None
    last = one.last + (two.last - two.first)
    if abs(last - one.first) > 2 * math.pi * (1 + CLOSE):
        return None
    return replace(one, last=last)
