"""``pinndd list`` and ``pinndd check``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass

import typer
from rich.console import Console
from rich.table import Table

from pinndd.pinn.check import check_pde
from pinndd.pinn.conditions import Periodic
from pinndd.pinn.families import Family
from pinndd.pinn.loading import list_pdes, load_pde
from pinndd.pinn.pde import PDE
from pinndd.study.run import PROTOCOLS, choose_protocols
from pinndd.terminal.errors import BAD_INPUT, checking_input

_SIGNS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "error": "[red]error[/]"}


def list_all() -> None:
    """Print the packaged PDEs, a line each."""
    with checking_input():
        found = list_pdes()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("PDE")
    table.add_column("what it is")
    for name, title in found:
        table.add_row(name, title)
    console = Console()
    console.print(table)
    console.print("\n'pinndd list NAME' shows one; 'pinndd study NAME' runs it; a module of your own is named by its path.")


def list_one(name: str) -> None:
    """Print domain, conditions and shifts of one PDE."""
    with checking_input():
        pde = load_pde(name)
        protocols, skipped = choose_protocols(pde, PROTOCOLS)
    console = Console()
    console.print(f"[bold]{pde.name}[/]: {pde.title}" if pde.title else f"[bold]{pde.name}[/]", highlight=False)
    bounds = zip(pde.box.names, pde.box.low, pde.box.high, strict=True)
    console.print("domain: " + ", ".join(f"{low:g} < {n} < {high:g}" for n, low, high in bounds), highlight=False)
    for line in _conditions(pde):
        console.print(line, highlight=False, markup=False)
    for protocol in protocols:
        console.print(f"protocol {protocol}: makes sense here", highlight=False)
    for protocol, why in skipped.items():
        console.print(f"protocol {protocol}: left out, {why}", highlight=False)


def _conditions(pde: PDE) -> Iterator[str]:
    """One line a condition in training, then one a condition that a shift changes."""
    for condition in pde.conditions:
        if isinstance(condition, Periodic):
            yield f"condition {condition.name}: periodic along {condition.axis}"
        else:
            joins = f", joins {' and '.join(condition.joins)}" if condition.joins else ""
            yield f"condition {condition.name}: {_short(condition.values)}{joins}"
    for shift, changes in pde.shifts.items():
        yield f"shift {shift}: " + "; ".join(f"{name} {_short(family)}" for name, family in changes.items())


def _short(family: Family) -> str:
    """A family without the arguments that have their default."""
    arguments: tuple[Field[object], ...] = fields(family) if is_dataclass(family) else ()
    said = [f"{f.name}={getattr(family, f.name)!r}" for f in arguments if getattr(family, f.name) != f.default]
    return f"{type(family).__name__}({', '.join(said)})"


def check(name: str) -> None:
    """Print what is wrong with a PDE module; exit with 2 if it cannot be used."""
    with checking_input():
        pde = load_pde(name)
        findings = check_pde(pde)
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        table.add_row(_SIGNS[finding.level], finding.subject, finding.message)
    Console(highlight=False).print(table)
    errors = sum(f.level == "error" for f in findings)
    if errors:
        typer.secho(
            f"pinndd: PDE {pde.name!r} has {errors} error(s): correct the module and check again", fg="red", err=True
        )
        raise typer.Exit(BAD_INPUT)
    typer.echo(f"PDE {pde.name!r} is fit for use: pinndd study {name}")
