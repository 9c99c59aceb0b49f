"""From a DeepXDE geometry to bounds and regions, with the numbers that the user wrote."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pinndd.regions import CombinedRegion, DiskRegion, PolygonRegion, Shape

SUPPORTED = (
    "a DeepXDE Interval, Rectangle, Cuboid, Hypercube, Disk, Triangle or Polygon, or in the plane the union, difference or "
    "intersection of Disks, Rectangles, Triangles and Polygons, by itself or in GeometryXTime"
)
_BOXES = ("Rectangle", "Cuboid", "Hypercube")
_OPERATIONS = {"CSGUnion": "union", "CSGDifference": "difference", "CSGIntersection": "intersection"}

_LEAST_WIDTH = 1e-6
"""Range of a coordinate, relative to its values, below which it cannot be told apart in single precision."""


class Numbers:
    """Recovers the numbers that a user wrote: DeepXDE keeps them in single precision, unless told otherwise.

    Args:
        written: numbers that the user wrote elsewhere, such as in the places of conditions.
    """

    def __init__(self, written: Iterable[float] = ()) -> None:
        self._written = tuple(written)

    def __call__(self, value: Any) -> float:
        """Return the number written elsewhere that DeepXDE would round to ``value``; else the shortest decimal that it would."""
        if not isinstance(value, np.floating) or isinstance(value, np.float64):
            return float(value)
        kind = type(value)
        with np.errstate(over="ignore"):
            same = (v for v in self._written if kind(v) == value)
            return float(next(same, str(value)))


def bounds_of(space: Any, number: Numbers) -> tuple[list[float], list[float]]:
    """Return lower and upper bounds of an interval or a box.

    Raises:
        ValueError: the geometry is of another kind.
    """
    if type(space).__name__ in _BOXES:
        return [number(v) for v in space.xmin], [number(v) for v in space.xmax]
    if type(space).__name__ == "Interval":
        return [number(space.l)], [number(space.r)]
    raise ValueError(f"domain {_said(space)} is not supported: expected {SUPPORTED}")


def shape_of(space: Any, number: Numbers) -> Shape | None:
    """Return the region that a geometry of the plane describes; None for a rectangle and whatever is not in the plane.

    Raises:
        ValueError: the region has no inside, or a combination has parts that are not supported.
    """
    kind = type(space).__name__
    if kind not in _OPERATIONS:
        return _simple(space, number)
    parts = [_part(part, space, number) for part in (space.geom1, space.geom2)]
    try:
        return CombinedRegion(_OPERATIONS[kind], *parts)
    except ValueError as error:
        raise ValueError(f"domain {kind}: {error}") from error


def _part(part: Any, whole: Any, number: Numbers) -> Shape:
    if type(part).__name__ == "Rectangle":
        (x0, y0), (x1, y1) = ([number(v) for v in corner] for corner in (part.xmin, part.xmax))
        return PolygonRegion(((x0, y0), (x1, y0), (x1, y1), (x0, y1)))
    shape = shape_of(part, number)
    if shape is None:
        raise ValueError(f"domain {_said(whole)} is not supported: expected {SUPPORTED}")
    return shape


def _simple(space: Any, number: Numbers) -> Shape | None:
    kind = type(space).__name__
    if kind == "Disk":
        x, y = (number(v) for v in space.center)
        return DiskRegion((x, y), number(space.radius))
    if kind == "Triangle":
        return PolygonRegion(_corners((space.x1, space.x2, space.x3), number))
    if kind == "Polygon":
        return PolygonRegion(_corners(space.vertices, number))
    return None


def _corners(vertices: Iterable[Any], number: Numbers) -> tuple[tuple[float, float], ...]:
    return tuple((number(x), number(y)) for x, y in vertices)


def _said(space: Any) -> str:
    """Name of a geometry, with those of its parts."""
    kind = type(space).__name__
    return f"{kind} of {_said(space.geom1)} and {_said(space.geom2)}" if kind.startswith("CSG") else kind


def check_bounds(names: Sequence[str], low: Sequence[float], high: Sequence[float]) -> None:
    """Check that the range of every coordinate can hold points.

    Raises:
        ValueError: a bound is not finite, or a range is reversed, empty or too short for its values.
    """
    for name, a, b in zip(names, low, high, strict=True):
        if not (math.isfinite(a) and math.isfinite(b)):
            raise ValueError(f"domain: {name} from {a:g} to {b:g}; expected finite bounds")
        if not a < b:
            what = "is empty" if a == b else "is reversed"
            raise ValueError(f"domain: {name} from {a:g} to {b:g} {what}; expected the lower bound first, below the upper one")
        if b - a < _LEAST_WIDTH * max(abs(a), abs(b)):
            raise ValueError(
                f"domain: {name} from {a!r} to {b!r} spans less than a millionth of its values, which single precision "
                f"cannot tell apart; count {name} from the lower bound, 0 to {b - a:g}"
            )
