"""A region stretched so that its bounding box is the unit square."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from pinndd.regions.base import Region
from pinndd.regions.pieces import Point


@dataclass(frozen=True)
class ScaledRegion(Region):
    """``region`` in coordinates in which its bounding box is the unit square.

    Distances are those of the region itself, over the longer side of its bounding box, so that the nearest point is the nearest
    one before the stretching: a circle stays a circle.
    """

    kind: ClassVar[str] = "scaled"
    region: Region

    @property
    def bounds(self) -> tuple[Point, Point]:
        return (0.0, 0.0), (1.0, 1.0)

    def from_unit(self, unit: Tensor) -> Tensor:
        return self._in(self.region.from_unit(unit)).clamp(0, 1)

    def depth(self, points: Tensor) -> Tensor:
        return self.region.depth(self._out(points)) / self.region.size

    def project(self, points: Tensor) -> Tensor:
        outside = self.depth(points) < 0
        return torch.where(outside[..., None], self._in(self.region.project(self._out(points))), points)

    def outline(self) -> tuple[Tensor, ...]:
        return tuple(self._in(loop) for loop in self.region.outline())

    def in_unit_square(self) -> ScaledRegion:
        return self

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "region": self.region.to_json()}

    def _in(self, points: Tensor) -> Tensor:
        low, high = (points.new_tensor(corner) for corner in self.region.bounds)
        return (points - low) / (high - low)

    def _out(self, points: Tensor) -> Tensor:
        low, high = (points.new_tensor(corner) for corner in self.region.bounds)
        return low + (high - low) * points
