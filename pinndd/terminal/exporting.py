"""``pinndd export``: a distilled set as plain CSV, or as a script that trains on it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from pinndd.pinn.files.scripts import FRAMEWORKS, require_script, write_script
from pinndd.study.protocols import protocol_named
from pinndd.terminal.datafile import is_of_task, open_data
from pinndd.terminal.errors import checking_input, working
from pinndd.terminal.output import kept_in_words, require_not_read, require_writable, writing_to

CSV = "csv"
"""What a set is exported to unless something else is said."""


def export(path: Path, module: str | None, to: str, out: Path | None, overwrite: bool) -> None:
    """Write a distilled set as CSV, or as a script with its points beside it."""
    if is_of_task(path):
        from pinndd.terminal.tasks import export_set

        export_set(path, module, to, out, overwrite)
        return
    with checking_input():
        if to != CSV and to not in FRAMEWORKS:
            raise ValueError(f"--to {to}: a set cannot be exported to that; expected {', '.join((CSV, *FRAMEWORKS))}")
        file = open_data(path, module)
        suffix = ".csv" if to == CSV else ".py"
        target = out or (path.with_suffix(suffix) if to == CSV else path.with_name(f"{path.stem}-{to}{suffix}"))
        if target.suffix != suffix:
            what = "a CSV file" if to == CSV else "a Python script"
            raise ValueError(f"--out {target}: the export is {what}; name it {target.with_suffix(suffix)}")
        readings = [target.with_name(f"{target.stem}-readings.csv")] if file.protocol == "sensors" else []
        files = (target, *readings) if to == CSV else (target, target.with_suffix(".csv"))
        for known in files:
            require_not_read("--out", known, path, None if file.pde.source is None else file.pde.source.module)
            require_writable("--out", known, overwrite=overwrite)
        if to != CSV:
            require_script(file.pde, file.data, to)
    with writing_to("--out", *files), working(kept_in_words(*files)):
        if to == CSV:
            written = protocol_named(file.protocol).export(file.pde, file.data, target)
        else:
            written = write_script(file.pde, file.data, target, to)
    for name in written:
        Console(highlight=False).print(f"wrote {name}", soft_wrap=True, markup=False)
