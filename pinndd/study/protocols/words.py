"""What reports and pictures call the things of a protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pinndd.study.results.table import SECONDS

STATED = "stated"
"""What stands in the column ``protocol`` of a study of a stated task, and in the header of its sets."""


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
        each: what a training serves, in the singular.
        asked: what episodes differ in, in the plural.
        unseen: what errors are measured on.
        seconds: what the column of that name holds.
        column: heading of what errors are told apart by.
        one: what a set consists of, in the singular, of whatever kind.
        dear: where every one of them costs something.
        saved: where they cost more than time.
        inside: where a test without a shift is made.
        tested: what a test consists of, in the plural.
        heading: of the column of `inside` and the shifts on the terminal.
        alike: why few of the errors may differ.
    """

    title: str
    size: str
    unit: str
    axis: str
    size_column: str = "points"
    counted: tuple[str, ...] = ("points", "boundary_points")
    each: str = "boundary condition"
    asked: str = "boundary conditions"
    unseen: str = "unseen boundary conditions"
    seconds: str = SECONDS
    column: str = "Boundary conditions"
    one: str = "point"
    dear: str = "a sensor, a solver run, rows of a fit"
    saved: str = "measured boundary values, solver runs, a set that many share"
    inside: str = "in distribution"
    tested: str = "test conditions"
    heading: str = "conditions"
    alike: str = ", as those of families with one active coefficient do"

    def size_of(self, row: Any) -> str:
        """Return the size of the distilled set of a row in words."""
        return self.size.format(points=row.points, boundary_points=row.boundary_points)

    def total(self, row: Any) -> int:
        """Return how much the set of a row costs, in its `unit`."""
        return sum(int(getattr(row, name)) for name in self.counted)


STATED_WORDS = ProtocolWords(
    "Distilled examples",
    "{points} examples",
    "examples",
    "examples",
    counted=("points",),
    each="model",
    asked="blocks of examples",
    unseen="the test part",
    seconds="wall time of training, per model",
    column="Tested",
    one="example",
    dear="memory, labels, the training of many models, data that may not be passed on",
    saved="memory, many models, a set that many share",
    inside="on the test part",
    tested="blocks of the test part",
    heading="tested",
    alike="",
)
"""Words of a stated task."""
