"""``pinndd list``: a line per packaged PDE."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from pinndd.pinn.declare.modules import TASKS, list_pdes, module_files
from pinndd.terminal.catalogue import line_of
from pinndd.terminal.errors import checking_input

_SHORTEST_TITLE = 36


def list_all() -> None:
    """Print the packaged PDEs, a line each; one that does not load says so in its line."""
    with checking_input():
        found, files, tasks = list_pdes(), module_files(), list_pdes(TASKS)
    rows = [("PDE", "kind", "conditions", "what it is"), *((name, *line_of(files[name]), title) for name, title in found)]
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    console = Console(highlight=False, soft_wrap=True)
    # a title may be cut at the edge of a terminal, if enough of it is left
    width = console.width if console.is_terminal and console.width - sum(widths) > _SHORTEST_TITLE else None
    for row in rows:
        line = "  ".join((*(cell.ljust(size) for cell, size in zip(row, widths, strict=False)), row[-1]))
        cut = line if width is None or len(line) <= width else line[: width - 1] + "…"
        console.print(cut, style="bold" if row is rows[0] else None, markup=False)
    print_tasks(console, tasks)
    console.print("\n'pinndd list NAME' shows one; 'pinndd study NAME' runs it; a module of your own is named by its path.")


def print_tasks(console: Console, tasks: Sequence[tuple[str, str]]) -> None:
    """Print the packaged stated tasks, a line each."""
    if not tasks:
        return
    width = max(len(name) for name, _ in tasks)
    console.print(f"\n{'task'.ljust(width)}  what it is", style="bold", markup=False)
    for name, title in tasks:
        console.print(f"{name.ljust(width)}  {title}", markup=False)
