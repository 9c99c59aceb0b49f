"""Plane regions that points must not leave: a disk, a polygon, and what union, intersection and difference make of them."""

from pinndd.regions.base import Region, Shape
from pinndd.regions.combination import CombinedRegion
from pinndd.regions.describing import region_from_json
from pinndd.regions.disk import DiskRegion
from pinndd.regions.pieces import CircleArc, Piece, Point, Segment
from pinndd.regions.polygon import PolygonRegion
from pinndd.regions.scaled import ScaledRegion

__all__ = [
    "CircleArc",
    "CombinedRegion",
    "DiskRegion",
    "Piece",
    "Point",
    "PolygonRegion",
    "Region",
    "ScaledRegion",
    "Segment",
    "Shape",
    "region_from_json",
]
