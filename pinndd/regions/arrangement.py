"""Boundaries of unions, intersections and differences: all curves cut where they meet, and the pieces that have one side inside.

A piece of a curve belongs to the boundary when the region lies on one side of it only. Both sides are tested a little off its
middle, so edges that coincide, or nearly do, cause no slivers (compare Requicha and Voelcker, 1985,
doi:10.1109/PROC.1985.13108).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from pinndd.regions.pieces import CLOSE, CircleArc, Piece, Point, Segment

_OFF = 3.0
"""Distance from a curve at which its sides are tested, in units of the distance up to which points are one."""


def boundary_pieces(curves: Iterable[Piece], contains: Callable[[Tensor], Tensor], size: float) -> tuple[Piece, ...]:
    """Return the pieces of ``curves`` that have the region on one side, each with the region at its left.

    Args:
        curves: boundaries of the parts; circles are cut at multiples of a right angle.
        contains: whether points ``(n, 2)`` lie in the region, ``(n,)``; not asked on a curve.
        size: of the parts; points closer than `CLOSE` times it are one point.
    """
    tolerance = CLOSE * size
    quarters = [piece for curve in curves for piece in _quarters(curve)]
    pool = _Pool([p for q in quarters for p in (q.start, q.end)], tolerance)
    found: list[Piece] = []
    for k, curve in enumerate(quarters):
        others = [other for j, other in enumerate(quarters) if j != k]
        found += _cut(curve, [p for other in others for p in _meetings(curve, other, tolerance)], tolerance)
    distinct = _distinct(found, tolerance)
    if not distinct:
        return ()
    middles, normals = (torch.tensor(v, dtype=torch.float64) for v in zip(*(p.middle() for p in distinct), strict=True))
    left, right = (contains(middles + sign * _OFF * tolerance * normals).tolist() for sign in (1, -1))
    kept = (p if a else p.reversed() for p, a, b in zip(distinct, left, right, strict=True) if a != b)
    return tuple(pool.snapped(p) for p in kept)


class _Pool:
    """Points that stand for all points near them."""

    def __init__(self, points: Iterable[Point], tolerance: float) -> None:
        self._points: list[Point] = []
        self._tolerance = tolerance
        for point in points:
            self.nearest(point)

    def nearest(self, point: Point) -> Point:
        """Return the point of the pool near ``point``, which is added where there is none."""
        for known in self._points:
            if math.dist(known, point) <= self._tolerance:
                return known
        self._points.append(point)
        return point

    def snapped(self, piece: Piece) -> Piece:
        """Return a straight piece between points of the pool."""
        return Segment(self.nearest(piece.start), self.nearest(piece.end)) if isinstance(piece, Segment) else piece


def _quarters(curve: Piece) -> list[Piece]:
    """Cut a circle where it is level or upright, so that every piece is a function of x and of y."""
    if isinstance(curve, Segment):
        return [curve]
    right = math.pi / 2
    low, high = curve.low, curve.high
    inner = [k * right for k in range(math.floor(low / right) + 1, math.ceil(high / right))]
    ends = [low, *(a for a in inner if low < a < high), high]
    return [CircleArc(curve.center, curve.radius, a, b) for a, b in pairwise(ends)]


def _cut(curve: Piece, points: Sequence[Point], tolerance: float) -> list[Piece]:
    """Cut a curve at points of it."""
    if isinstance(curve, Segment):
        least = tolerance / curve.length
        shares = _spread((curve.share(p) for p in points), 0.0, 1.0, least)
        corners = [curve.start, *(curve.at(s) for s in shares), curve.end]
        return [Segment(a, b) for a, b in pairwise(corners)]
    least = tolerance / curve.radius
    x, y = curve.center
    turns = (curve.after(math.atan2(p[1] - y, p[0] - x)) + curve.low for p in points)
    return [CircleArc(curve.center, curve.radius, a, b) for a, b in pairwise([
        curve.low, *_spread(turns, curve.low, curve.high, least), curve.high
    ])]  # fmt: skip


def _spread(values: Iterable[float], low: float, high: float, least: float) -> list[float]:
    """Return the values between two bounds, in order, without those that are closer than ``least`` to another one."""
    kept: list[float] = []
    for value in sorted(values):
        if low + least < value < high - least and (not kept or value - kept[-1] > least):
            kept.append(value)
    return kept


def _distinct(pieces: Sequence[Piece], tolerance: float) -> list[Piece]:
    """Leave out pieces that repeat another one, and those of no length."""
    kept: list[Piece] = []
    for piece in pieces:
        if piece.length > tolerance and not any(_same(piece, other, tolerance) for other in kept):
            kept.append(piece)
    return kept


def _same(one: Piece, two: Piece, tolerance: float) -> bool:
    if math.dist(one.middle()[0], two.middle()[0]) > 2 * tolerance:
        return False
    straight = math.dist(one.start, two.start) + math.dist(one.end, two.end)
    crossed = math.dist(one.start, two.end) + math.dist(one.end, two.start)
    return min(straight, crossed) <= 4 * tolerance


def _meetings(one: Piece, two: Piece, tolerance: float) -> list[Point]:
    """Return the points of ``one`` where ``two`` crosses it, touches it or ends on it."""
    if isinstance(one, Segment) and isinstance(two, Segment):
        points = _line_line(one, two)
    elif isinstance(one, CircleArc) and isinstance(two, CircleArc):
        points = _circle_circle(one, two)
    elif isinstance(one, Segment) and isinstance(two, CircleArc):
        points = _line_circle(one, two)
    else:
        assert isinstance(one, CircleArc)
        assert isinstance(two, Segment)
        points = _line_circle(two, one)
    points += [two.start, two.end]
    return [p for p in points if one.distance(p) <= tolerance and two.distance(p) <= tolerance]


def _line_line(one: Segment, two: Segment) -> list[Point]:
    (x0, y0), (x1, y1), (u0, v0), (u1, v1) = one.start, one.end, two.start, two.end
    area = (x1 - x0) * (v1 - v0) - (y1 - y0) * (u1 - u0)
    if abs(area) <= 1e-12 * one.length * two.length:
        return []
    return [one.at(((u0 - x0) * (v1 - v0) - (v0 - y0) * (u1 - u0)) / area)]


def _line_circle(line: Segment, circle: CircleArc) -> list[Point]:
    foot = line.share(circle.center)
    half = circle.radius**2 - math.dist(line.at(foot), circle.center) ** 2
    step = math.sqrt(max(half, 0.0)) / line.length
    return [line.at(foot - step), line.at(foot + step)]


def _circle_circle(one: CircleArc, two: CircleArc) -> list[Point]:
    (x, y), apart = one.center, math.dist(one.center, two.center)
    if apart <= CLOSE * max(one.radius, two.radius):
        return []
    along = (apart**2 + one.radius**2 - two.radius**2) / (2 * apart)
    across = math.sqrt(max(one.radius**2 - along**2, 0.0))
    c, s = (two.center[0] - x) / apart, (two.center[1] - y) / apart
    return [(x + along * c - sign * across * s, y + along * s + sign * across * c) for sign in (1, -1)]
