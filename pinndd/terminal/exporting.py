"""``pinndd export``: a distilled set as plain CSV."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from pinndd.study.protocols import protocol_named
from pinndd.terminal.datafile import open_data
from pinndd.terminal.errors import checking_input, working


def export(path: Path, module: str | None, out: Path | None, overwrite: bool) -> None:
    """Write a distilled set as CSV."""
    with checking_input():
        file = open_data(path, module)
        target = out or path.with_suffix(".csv")
        if target.suffix != ".csv":
            raise ValueError(f"--out {target}: the export is a CSV file; name it {target.with_suffix('.csv')}")
        readings = [target.with_name(f"{target.stem}-readings.csv")] if file.protocol == "sensors" else []
        for wanted in (target, *readings):
            if wanted.exists() and not overwrite:
                raise ValueError(f"{wanted} exists: replace it with --overwrite, or choose another file with --out")
    with working(f"begin again with: pinndd export {path}"):
        written = protocol_named(file.protocol).export(file.pde, file.data, target)
    for name in written:
        Console(highlight=False).print(f"wrote {name}", soft_wrap=True, markup=False)

