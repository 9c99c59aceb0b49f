"""What ``pinndd check`` says of a module: every finding, and whether it is fit for use."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

import typer
from rich.markup import escape
from rich.table import Table

from pinndd.finding import Finding
from pinndd.terminal.errors import BAD_INPUT
from pinndd.terminal.output import table_console

_SIGNS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "error": "[red]error[/]"}


def tell(what: str, module: str, findings: Iterable[Finding], remarks: Iterable[str] = ()) -> None:
    """Print findings and the verdict; exit with 2 if there is an error among them.

    Args:
        what: is checked, such as ``"PDE 'heat'"``.
        module: its name for the command line.
        findings: of the checks.
        remarks: sentences of the module itself.
    """
    table, counts = Table(box=None, pad_edge=False, show_header=False), dict.fromkeys(_SIGNS, 0)
    for finding in findings:
        table.add_row(_SIGNS[finding.level], escape(finding.subject), escape(finding.message))
        counts[finding.level] += 1
    console = table_console()
    console.print(table)
    for remark in remarks:
        console.print(remark, soft_wrap=True, markup=False)
    if counts["error"]:
        typer.secho(f"pinndd: {what} has {counts['error']} error(s): correct the module and check again", fg="red", err=True)
        raise typer.Exit(BAD_INPUT)
    but = f", with {counts['warning']} warning{'s' if counts['warning'] > 1 else ''}" if counts["warning"] else ""
    typer.echo(f"{what} is fit for use{but}: pinndd study {shlex.quote(module)}")
