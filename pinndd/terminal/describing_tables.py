"""``pinndd table describe``: a first TOML file of hospitals from their CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from pinndd.bayesnet.describing import describe_tables
from pinndd.storage.writing import write_atomically
from pinndd.terminal.errors import checking_input, working
from pinndd.terminal.output import require_writable, writing_to


def describe(paths: Sequence[Path], out: Path | None, overwrite: bool) -> None:
    """Print the file, or write it."""
    with checking_input():
        if out is not None:
            if out.suffix != ".toml":
                raise ValueError(f"--out {out}: the description is a TOML file; name it {out.with_suffix('.toml')}")
            require_writable("--out", out, overwrite=overwrite)
        text = describe_tables(paths, relative_to=Path.cwd() if out is None else out.parent)
    if out is None:
        typer.echo(text, nl=False)
        return
    with writing_to("--out", out), working("nothing was written"), write_atomically(out) as file:
        file.write(text.encode())
    typer.echo(f"wrote {out}; correct whatever is marked as guessed, then: pinndd check {out}")
