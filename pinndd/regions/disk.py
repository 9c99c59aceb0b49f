"""All points within a circle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pinndd.regions.base import Shape
from pinndd.regions.pieces import CircleArc, Point


@dataclass(frozen=True)
class DiskRegion(Shape):
    """All points within ``radius`` of ``center``."""

    kind: ClassVar[str] = "disk"
    center: Point
    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", tuple(float(v) for v in self.center))
        object.__setattr__(self, "radius", float(self.radius))
        if not self.radius > 0 or not all(math.isfinite(v) for v in (*self.center, self.radius)):
            raise ValueError(f"disk: center {self.center} must be finite, and radius {self.radius} positive")

    @property
    def bounds(self) -> tuple[Point, Point]:
        (x, y), r = self.center, self.radius
        return (x - r, y - r), (x + r, y + r)

    def from_unit(self, unit: Tensor) -> Tensor:
        """Map concentric squares onto concentric circles (Shirley and Chiu 1997, doi:10.1080/10867651.1997.10487479)."""
        a, b = (2 * unit - 1).unbind(-1)
        wide = a.abs() > b.abs()
        one = torch.ones_like(a)
        radius = torch.where(wide, a, b)
        ratio = torch.where(wide, b / torch.where(wide, a, one), a / torch.where(b == 0, one, b))
        angle = torch.where(wide, math.pi / 4 * ratio, math.pi / 2 - math.pi / 4 * ratio)
        return unit.new_tensor(self.center) + self.radius * torch.stack((radius * angle.cos(), radius * angle.sin()), -1)

    def depth(self, points: Tensor) -> Tensor:
        distance: Tensor = (points - points.new_tensor(self.center)).norm(dim=-1)
        return self.radius - distance

    def project(self, points: Tensor) -> Tensor:
        center = points.new_tensor(self.center)
        offset = points - center
        length = offset.norm(dim=-1, keepdim=True)
        return torch.where(length > self.radius, center + offset * (self.radius / length.clamp_min(1e-300)), points)

    def boundary(self) -> tuple[CircleArc, ...]:
        return (CircleArc(self.center, self.radius, 0.0, 2 * math.pi),)

    def outline(self) -> tuple[Tensor, ...]:
        return tuple(arc.line() for arc in self.boundary())

    def in_unit_square(self) -> DiskRegion:
        return DiskRegion((0.5, 0.5), 0.5)
