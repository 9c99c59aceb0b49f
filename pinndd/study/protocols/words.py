"""What reports and pictures call the things of a protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ProtocolWords:
    """Words of one protocol.

    Attributes:
        title: of its section in the report.
        size: of a distilled set, with the fields ``points`` and ``boundary_points`` of a row.
        unit: what a set consists of, in the plural.
        axis: name of the axis of sizes.
        size_column: column of the summary along that axis.
        counted: columns whose sum says how much a set costs.
    """

    title: str
    size: str
    unit: str
    axis: str
    size_column: str = "points"
    counted: tuple[str, ...] = ("points", "boundary_points")

    def size_of(self, row: Any) -> str:
        """Return the size of the distilled set of a row in words."""
        return self.size.format(points=row.points, boundary_points=row.boundary_points)

    def total(self, row: Any) -> int:
        """Return how much the set of a row costs, in its `unit`."""
        return sum(int(getattr(row, name)) for name in self.counted)

