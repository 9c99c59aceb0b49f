"""What every plane region can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import Any, ClassVar

from torch import Tensor

from pinndd.regions.pieces import Piece, Point


class Region(ABC):
    """A closed region of the plane."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def bounds(self) -> tuple[Point, Point]:
        """Lower and upper corner of the bounding box."""

    @abstractmethod
    def from_unit(self, unit: Tensor) -> Tensor:
        """Map the unit square ``(..., 2)`` onto the region; uniform points stay uniform."""

    @abstractmethod
    def depth(self, points: Tensor) -> Tensor:
        """Distance of points ``(..., 2)`` from the boundary, negative outside."""

    @abstractmethod
    def project(self, points: Tensor) -> Tensor:
        """Return the nearest points of the region, ``(..., 2)``."""

    @abstractmethod
    def outline(self) -> tuple[Tensor, ...]:
        """Return closed lines along the boundary, ``(n, 2)`` each, the region at their left; one for each loop, for pictures."""

    @property
    def size(self) -> float:
        """Longer side of the bounding box."""
        (x0, y0), (x1, y1) = self.bounds
        return max(x1 - x0, y1 - y0)

    @abstractmethod
    def in_unit_square(self) -> Region:
        """Return the region scaled so that its bounding box is the unit square."""

    def to_json(self) -> dict[str, Any]:
        """Return a JSON description that `region_from_json` reads."""
        return {"kind": self.kind, **{f.name: getattr(self, f.name) for f in fields(self)}}  # type: ignore[arg-type]


class Shape(Region):
    """A region whose boundary consists of straight and circular pieces."""

    @abstractmethod
    def boundary(self) -> tuple[Piece, ...]:
        """Return the pieces of the boundary, each with the region at its left."""
