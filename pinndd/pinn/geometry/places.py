"""From what a user says of a place to the piece of the boundary that it names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from pinndd.pinn.geometry.domain import Domain
from pinndd.pinn.geometry.patches import TOLERANCE, Arc, Edge, Face, Patch
from pinndd.regions import DiskRegion, PolygonRegion


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
        at: ``{"x": 0}`` a face of a box, ``{"x": 0, "y": (0, 0.5)}`` a part of it, ``{"angle": (a, b)}`` an arc of a disk,
            ``{"from": (x, y), "to": (x, y)}`` a piece of an edge of a polygon.
        domain: the domain.

    Raises:
        ValueError: the domain has no such piece.
    """
    if isinstance(domain.region, DiskRegion):
        return _arc(name, at, domain, domain.region)
    if isinstance(domain.region, PolygonRegion):
        return _edge(name, at, domain, domain.region)
    return _face(name, at, domain)


def _face(name: str, at: Mapping[str, Any], domain: Domain) -> Face:
    fixed: dict[int, float] = {}
    ranges: dict[int, tuple[float, float]] = {}
    for coordinate, value in at.items():
        if coordinate not in domain.names:
            raise ValueError(f"condition {name!r}: coordinate {coordinate!r} is not one of {', '.join(domain.names)}")
        axis = domain.names.index(coordinate)
        low, high = domain.low[axis], domain.high[axis]
        if isinstance(value, tuple | list):
            if len(value) != 2 or not low <= value[0] < value[1] <= high:
                raise ValueError(
                    f"condition {name!r}: {coordinate} from {value} is no part of the boundary; expected a rising pair "
                    f"between {low} and {high}"
                )
            ranges[axis] = (float(value[0]), float(value[1]))
        elif value not in (low, high):
            raise ValueError(f"condition {name!r}: {coordinate} = {value} names no boundary; expected {low} or {high}")
        else:
            fixed[axis] = float(value)
    if not fixed:
        raise ValueError(f"condition {name!r}: at={dict(at)} fixes no coordinate; expected such as {{'x': 0}}")
    return Face(domain, fixed, ranges)


def _arc(name: str, at: Mapping[str, Any], domain: Domain, circle: DiskRegion) -> Arc:
    angles = at.get("angle")
    if set(at) != {"angle"} or not isinstance(angles, tuple | list) or len(angles) != 2:
        raise ValueError(
            f"condition {name!r}: at={dict(at)} names no part of a disk's boundary; expected such as {{'angle': (0, 2 * math.pi)}}"
        )
    start, stop = (float(a) for a in angles)
    if not 0 < stop - start <= 2 * math.pi + TOLERANCE:
        raise ValueError(f"condition {name!r}: angle from {start:g} to {stop:g}; expected a rising pair at most 2 pi apart")
    return Arc(domain, circle, (start, stop))


def _edge(name: str, at: Mapping[str, Any], domain: Domain, polygon: PolygonRegion) -> Edge:
    if set(at) != {"from", "to"}:
        raise ValueError(
            f"condition {name!r}: at={dict(at)} names no edge of a polygon; expected such as {{'from': (0, 0), 'to': (1, 0)}}"
        )
    (x0, y0), (x1, y1) = at["from"], at["to"]
    probes = torch.tensor([(x0 + k * (x1 - x0) / 4, y0 + k * (y1 - y0) / 4) for k in range(5)], dtype=torch.float64)
    if (x0, y0) == (x1, y1) or float(polygon.depth(probes).abs().max()) > TOLERANCE:
        corners = ", ".join(f"({x:g}, {y:g})" for x, y in polygon.vertices)
        raise ValueError(
            f"condition {name!r}: the line from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}) is no part of the boundary of the polygon "
            f"with the corners {corners}"
        )
    return Edge(domain, polygon, (float(x0), float(y0)), (float(x1), float(y1)))
