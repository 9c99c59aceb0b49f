"""What was tried and how it ended: the table of the siege."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

COLUMNS = ("what was tried", "tried", "as they should be", "clear refusals", "tracebacks", "silent wrong results", "losses")


@dataclass(frozen=True)
class Ending:
    """How a command ended.

    Attributes:
        code: exit code; negative where a signal or an exception ended it.
        out, err: what it printed.
    """

    code: int
    out: str
    err: str

    @property
    def said(self) -> list[str]:
        """The lines by which pinndd refuses or stops."""
        return [line for line in self.err.splitlines() if line.startswith("pinndd: ") and "pinndd: warning:" not in line]

    @property
    def traceback(self) -> bool:
        """Whether a user sees a traceback, or the word about an error that nobody foresaw."""
        return "Traceback (most recent call last)" in self.out + self.err or "pinndd: unexpected " in self.err

    @property
    def refused(self) -> bool:
        """Whether one line says what is wrong."""
        return self.code in (1, 2) and bool(self.said) and not self.traceback


@dataclass
class Row:
    """One kind of attack.

    Attributes:
        what: its name.
        tried: attempts.
        well: attempts that ended as if nothing had been there, with the right result.
        refused: clear refusals.
        tracebacks, wrong, lost: descriptions of what must not be.
    """

    what: str
    tried: int = 0
    well: int = 0
    refused: int = 0
    tracebacks: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def count(self, ending: Ending, attempt: str, *, wrong: str = "", lost: str = "") -> None:
        """Count an attempt; ``wrong`` and ``lost`` say what is, where something is."""
        self.tried += 1
        if ending.traceback or ending.code < 0 or ending.code not in (0, 1, 2, 130):
            self.tracebacks.append(f"{attempt}: code {ending.code}: {ending.err[-1500:]}")
        elif wrong:
            self.wrong.append(f"{attempt}: {wrong}")
        elif lost:
            self.lost.append(f"{attempt}: {lost}")
        elif ending.refused:
            self.refused += 1
        elif ending.code in (1, 2):
            self.tracebacks.append(f"{attempt}: code {ending.code} without a word: {ending.err[-500:]}")
        else:
            self.well += 1

    @property
    def faults(self) -> list[str]:
        """All that must not be."""
        kinds = (("traceback", self.tracebacks), ("wrong", self.wrong), ("lost", self.lost))
        return [f"[{self.what}] {kind}: {each}" for kind, found in kinds for each in found]


def line(row: Row) -> str:
    """Return a row as a line of Markdown."""
    counts = (row.tried, row.well, row.refused, len(row.tracebacks), len(row.wrong), len(row.lost))
    return f"| {' | '.join(map(str, (row.what, *counts)))} |"


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table of Markdown, with their sums."""
    total = Row("all")
    for row in rows:
        total.tried, total.well, total.refused = total.tried + row.tried, total.well + row.well, total.refused + row.refused
        total.tracebacks, total.wrong, total.lost = total.tracebacks + row.tracebacks, total.wrong + row.wrong, total.lost + row.lost
    head = [f"| {' | '.join(COLUMNS)} |", f"|---|{'---:|' * (len(COLUMNS) - 1)}"]
    return "\n".join([*head, *map(line, (*rows, total))])


def save(row: Row, path: Path) -> None:
    """Write a row."""
    path.write_text(json.dumps(asdict(row)))


def load(path: Path) -> Row:
    """Read a row."""
    return Row(**json.loads(path.read_text()))
