"""From what a user says of a place to the piece of the boundary that it names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pinndd.pinn.geometry.domain import Domain
from pinndd.pinn.geometry.patches import Arc, Edge, Face, Patch
from pinndd.regions import CircleArc, DiskRegion, Piece, Point, Segment, Shape
from pinndd.regions.pieces import CLOSE, round_edges, straight_edges


def initial_patch(name: str, domain: Domain) -> Face:
    """Return the domain at its initial time, for condition ``name``.

    Raises:
        ValueError: the domain has no time.
    """
    if not domain.has_time:
        raise ValueError(f"condition {name!r}: an initial condition needs GeometryXTime; the domain has no time")
    return Face(domain, {domain.dimension - 1: domain.low[-1]})


def boundary_patch(name: str, at: Mapping[str, Any], domain: Domain) -> Patch:
    """Return the piece of the boundary of ``domain`` that ``at`` names, for condition ``name``.

    Args:
        name: of the condition, for messages.
        at: ``{"x": 0}`` a face of a box or the only edge there, ``{"x": 0, "y": (0, 0.5)}`` a part of it,
            ``{"x": 0, "y": 0}`` a point, ``{"from": (x, y), "to": (x, y)}`` a piece of a straight edge,
            ``{"angle": (a, b)}`` an arc of a disk, ``{"circle": ((x, y), r)}``, with ``"angle"`` or without, an arc of a
            circle among several.
        domain: the domain.

    Raises:
        ValueError: the domain has no such piece.
    """
    if domain.region is None:
        return _face(name, at, domain)
    edges = _Edges(name, at, domain, domain.region)
    if set(at) == {"from", "to"}:
        return edges.straight()
    if "circle" in at or "angle" in at:
        return edges.round()
    return edges.along_coordinate()


def whole_boundary(domain: Domain) -> list[Patch]:
    """Return all pieces of the boundary in space: the faces of a box, or edges and arcs, times time where there is some."""
    if domain.region is None:
        return [Face(domain, {a: end}) for a in range(domain.space_dimension) for end in (domain.low[a], domain.high[a])]
    edges = _Edges("boundary", {}, domain, domain.region)
    straight = [edges._edge(segment, segment.start, segment.end) for segment in edges.segments]
    return [*straight, *(edges._arc(arc, arc.low, arc.high) for arc in edges.arcs)]


def written_numbers(at: Any) -> Iterator[float]:
    """Return all numbers in a place, ``{"x": 1.5, "y": (0, 2)}``."""
    if isinstance(at, Mapping):
        at = tuple(at.values())
    if isinstance(at, tuple | list):
        for part in at:
            yield from written_numbers(part)
    elif isinstance(at, int | float) and not isinstance(at, bool):
        yield float(at)


def _face(name: str, at: Mapping[str, Any], domain: Domain) -> Face:
    fixed: dict[int, float] = {}
    ranges: dict[int, tuple[float, float]] = {}
    for coordinate, value in at.items():
        axis = _axis(name, coordinate, domain)
        ends = domain.low[axis], domain.high[axis]
        if isinstance(value, tuple | list):
            given = [_snapped(v, ends) if _is_number(v) else math.nan for v in value]
            if len(given) != 2 or not ends[0] <= given[0] < given[1] <= ends[1]:
                raise ValueError(
                    f"condition {name!r}: {coordinate} from {value} is no part of the boundary; expected a rising pair "
                    f"between {ends[0]} and {ends[1]}"
                )
            ranges[axis] = given[0], given[1]
        elif not _is_number(value) or _snapped(value, ends) not in ends:
            raise ValueError(f"condition {name!r}: {coordinate} = {value!r} names no boundary; expected {ends[0]} or {ends[1]}")
        else:
            fixed[axis] = _snapped(value, ends)
    if not fixed:
        raise ValueError(f"condition {name!r}: at={dict(at)} fixes no coordinate; expected such as {{{domain.names[0]!r}: 0}}")
    return Face(domain, fixed, ranges)


def _axis(name: str, coordinate: str, domain: Domain) -> int:
    if coordinate not in domain.names:
        raise ValueError(f"condition {name!r}: coordinate {coordinate!r} is not one of {', '.join(domain.names)}")
    return domain.names.index(coordinate)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_point(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and all(_is_number(v) for v in value)


def _snapped(value: float, ends: tuple[float, float]) -> float:
    """Return the bound that a number means, or the number."""
    slack = CLOSE * (ends[1] - ends[0])
    return next((end for end in ends if abs(value - end) <= slack), float(value))


@dataclass(frozen=True)
class _Edges:
    """What a condition may name of the boundary of a region of the plane."""

    name: str
    at: Mapping[str, Any]
    domain: Domain
    region: Shape

    @property
    def tolerance(self) -> float:
        return CLOSE * self.region.size

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        return straight_edges(self.region.boundary(), self.tolerance)

    @cached_property
    def arcs(self) -> tuple[CircleArc, ...]:
        return round_edges(self.region.boundary(), self.tolerance)

    def error(self, problem: str) -> ValueError:
        return ValueError(f"condition {self.name!r}: {problem}")

    def straight(self) -> Edge:
        """The piece of an edge between two points."""
        ends = [self.at["from"], self.at["to"]]
        if not all(_is_point(p) for p in ends) or ends[0] == ends[1]:
            raise self.error(f"at={dict(self.at)}; expected two points, such as {{'from': (0, 0), 'to': (1, 0)}}")
        start, end = ((float(p[0]), float(p[1])) for p in ends)
        for segment in self.segments:
            if max(segment.distance(start), segment.distance(end)) <= self.tolerance:
                return self._edge(segment, start, end)
        line = f"the line from {_point(start)} to {_point(end)} is no part of the boundary"
        if not self.segments:
            raise self.error(f"{line}, which has no straight edge; {self._choices()}")
        nearest = min(self.segments, key=lambda s: s.distance(start) + s.distance(end))
        raise self.error(f"{line}; the nearest edge runs from {_point(nearest.start)} to {_point(nearest.end)}")

    def _edge(self, segment: Segment, start: Point, end: Point) -> Edge:
        x, y = segment.left()
        ends = [self._on(segment, p) for p in (start, end)]
        return Edge(self.domain, ends[0], ends[1], (-x, -y))

    def _on(self, segment: Segment, point: Point) -> Point:
        """Return the end of an edge that a point means, or its foot on the edge."""
        near = (p for p in (segment.start, segment.end) if math.dist(p, point) <= self.tolerance)
        on = next(near, None)
        if on is None:
            on = point if segment.distance(point) == 0 else segment.at(segment.share(point))
        return on

    def round(self) -> Arc:
        """The piece of a circle between two angles, or all of it that bounds the domain."""
        circle, angles = self.at.get("circle"), self.at.get("angle")
        if set(self.at) - {"circle", "angle"} or not (angles is None or _is_point(angles)):
            raise self.error(f"at={dict(self.at)} names no part of the boundary; {self._choices()}")
        arcs = self._on_circle(circle)
        if angles is None:
            if len(arcs) > 1:
                raise self.error(f"at={dict(self.at)} means {len(arcs)} pieces; say which by 'angle': {_spans(arcs)}")
            return self._arc(arcs[0], arcs[0].low, arcs[0].high)
        first, last = (float(a) for a in angles)
        if abs(last - first - 2 * math.pi) <= 2 * math.pi * CLOSE:
            last = first + 2 * math.pi
        if not 0 < last - first <= 2 * math.pi:
            raise self.error(f"angle from {first:g} to {last:g}; expected a rising pair at most 2 pi apart")
        for arc in arcs:
            found = _part_of(arc, first, last)
            if found is not None:
                return self._arc(arc, *found)
        raise self.error(f"the angle from {first:g} to {last:g} is no part of the boundary; expected one within {_spans(arcs)}")

    def _on_circle(self, circle: Any) -> list[CircleArc]:
        """The pieces of the circle that is named; without a name, of the only one."""
        centers = {(a.center, a.radius) for a in self.arcs}
        if circle is None:
            if len(centers) == 1:
                return list(self.arcs)
            raise self.error(f"at={dict(self.at)} names no circle of the boundary; {self._choices()}")
        well = isinstance(circle, tuple | list) and len(circle) == 2 and _is_point(circle[0]) and _is_number(circle[1])
        if not well:
            raise self.error(f"circle={circle!r}; expected its centre and radius, such as ((0, 0), 1)")
        center, radius = circle
        arcs = [a for a in self.arcs if max(math.dist(a.center, center), abs(a.radius - radius)) <= self.tolerance]
        if not arcs:
            raise self.error(f"the circle around {_point(center)} of radius {radius:g} is no part of the boundary; {self._choices()}")
        return arcs

    def _arc(self, arc: CircleArc, first: float, last: float) -> Arc:
        return Arc(self.domain, DiskRegion(arc.center, arc.radius), (first, last), hole=arc.turn < 0)

    def along_coordinate(self) -> Edge | Face:
        """The only edge along which a coordinate is constant; a point, where both are."""
        fixed = {c: v for c, v in self.at.items() if _is_number(v)}
        if set(fixed) == set(self.domain.names[:2]):
            return self._place((float(fixed[self.domain.names[0]]), float(fixed[self.domain.names[1]])))
        if len(fixed) != 1 or not set(self.at) <= set(self.domain.names[:2]):
            raise self.error(f"at={dict(self.at)} names no part of the boundary; {self._choices()}")
        ((coordinate, value),) = fixed.items()
        axis = _axis(self.name, coordinate, self.domain)
        other = self.domain.names[1 - axis]
        level = [s for s in self.segments if max(abs(s.start[axis] - value), abs(s.end[axis] - value)) <= self.tolerance]
        if not level:
            raise self.error(f"{coordinate} = {value:g} names no straight edge of the boundary; {self._choices()}")
        if other in self.at:
            return self._within(axis, float(value), other, level)
        if len(level) > 1:
            parts = ", ".join(str(tuple(sorted((s.start[1 - axis], s.end[1 - axis])))) for s in level)
            raise self.error(f"{coordinate} = {value:g} names {len(level)} edges; say which by {other!r}: {parts}")
        ends = sorted((level[0].start, level[0].end), key=lambda p: p[1 - axis])
        return self._edge(level[0], ends[0], ends[1])

    def _place(self, point: Point) -> Face:
        pieces: list[Piece] = [*self.segments, *self.arcs]
        nearest = min(pieces, key=lambda piece: piece.distance(point))
        if nearest.distance(point) > self.tolerance:
            raise self.error(f"the point {_point(point)} is no part of the boundary; {self._choices()}")
        corner = next((p for p in (nearest.start, nearest.end) if math.dist(p, point) <= self.tolerance), point)
        return Face(self.domain, {0: corner[0], 1: corner[1]})

    def _within(self, axis: int, value: float, other: str, level: Sequence[Segment]) -> Edge:
        span = self.at[other]
        if not _is_point(span) or not span[0] < span[1]:
            raise self.error(f"{other} from {span} is no part of the boundary; expected a rising pair of numbers")
        start, end = (((value, float(v)) if axis == 0 else (float(v), value)) for v in span)
        for segment in level:
            if max(segment.distance(start), segment.distance(end)) <= self.tolerance:
                return self._edge(segment, start, end)
        parts = " or ".join(f"{min(v):g} to {max(v):g}" for v in ((s.start[1 - axis], s.end[1 - axis]) for s in level))
        raise self.error(f"{other} from {span} is no part of the boundary, which has {other} from {parts} there")

    def _choices(self) -> str:
        """What the boundary consists of, for messages."""
        known = [f"{{'from': {_point(s.start)}, 'to': {_point(s.end)}}}" for s in self.segments]
        circles = {(a.center, a.radius): a for a in self.arcs}
        known += [f"{{'circle': ({_point(c)}, {r:g})}}" for c, r in circles]
        shown = known[:_SHOWN] + (["…"] if len(known) > _SHOWN else [])
        angle = " (or {'angle': (a, b)} for a part)" if isinstance(self.region, DiskRegion) else ""
        return f"expected a piece of {', '.join(shown)}{angle}"


_SHOWN = 8
"""Edges that a message lists."""


def _part_of(arc: CircleArc, first: float, last: float) -> tuple[float, float] | None:
    """Return the angles if they lie on an arc, moved to its ends where they mean them; else None."""
    if arc.whole:
        return first, last
    slack = 2 * math.pi * CLOSE
    begin = first - arc.low
    begin -= 2 * math.pi * math.floor((begin + slack) / (2 * math.pi))
    end = begin + last - first
    if end > arc.high - arc.low + slack:
        return None
    turn = first - begin - arc.low
    low, high = arc.low + turn, arc.high + turn
    return (low if begin <= slack else first), (high if end >= arc.high - arc.low - slack else last)


def _spans(arcs: Sequence[CircleArc]) -> str:
    return ", ".join(f"({arc.low:.6g}, {arc.high:.6g})" for arc in arcs)


def _point(point: Sequence[float]) -> str:
    return f"({point[0]:g}, {point[1]:g})"
