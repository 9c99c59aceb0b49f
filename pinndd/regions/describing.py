"""Regions from their JSON descriptions."""

from __future__ import annotations

from typing import Any

from pinndd.regions.base import Region
from pinndd.regions.combination import CombinedRegion
from pinndd.regions.disk import DiskRegion
from pinndd.regions.polygon import PolygonRegion
from pinndd.regions.scaled import ScaledRegion

REGIONS: dict[str, type[Region]] = {r.kind: r for r in (DiskRegion, PolygonRegion, CombinedRegion, ScaledRegion)}


def region_from_json(description: dict[str, Any]) -> Region:
    """Build the region that `Region.to_json` described, and those it consists of.

    Raises:
        ValueError: the kind is unknown to this version, or the region has no inside.
    """
    kind = description.get("kind")
    if kind not in REGIONS:
        raise ValueError(f"region of kind {kind!r} is not known: expected one of {', '.join(sorted(REGIONS))}")
    arguments = {k: v for k, v in description.items() if k != "kind"}
    parts = {k: region_from_json(v) if isinstance(v, dict) else v for k, v in arguments.items()}
    return REGIONS[kind](**parts)
