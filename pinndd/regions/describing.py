"""Regions from their JSON descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import msgspec

from pinndd.regions.base import Region
from pinndd.regions.combination import CombinedRegion
from pinndd.regions.disk import DiskRegion
from pinndd.regions.polygon import PolygonRegion
from pinndd.regions.scaled import ScaledRegion

REGIONS: dict[str, type[Region]] = {r.kind: r for r in (DiskRegion, PolygonRegion, CombinedRegion, ScaledRegion)}


def region_from_json(description: Any) -> Region:
    """Build the region that `Region.to_json` described, and those it consists of.

    Raises:
        ValueError: the kind is unknown to this version, a number is missing or of another type, or the region has no inside.
    """
    if not isinstance(description, Mapping):
        raise ValueError(f"region {description!r}: expected its description")
    kind = description.get("kind")
    if not isinstance(kind, str) or kind not in REGIONS:
        raise ValueError(f"region of kind {kind!r} is not known: expected one of {', '.join(sorted(REGIONS))}")
    arguments = {k: v for k, v in description.items() if k != "kind"}
    if unknown := sorted(set(arguments) - {f.name for f in fields(REGIONS[kind])}):  # type: ignore[arg-type]
        raise ValueError(f"region {kind!r} has no {unknown[0]!r}")
    return msgspec.convert(arguments, REGIONS[kind], dec_hook=lambda _, part: region_from_json(part))
