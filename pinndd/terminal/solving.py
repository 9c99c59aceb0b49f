"""``pinndd solve``: the solution for boundary values of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import typer

from pinndd.devices import require_device
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.solving.solution import Solution
from pinndd.pinn.solving.writing import files_of, require_format
from pinndd.study.solving import Problem
from pinndd.terminal.errors import checking_input, working
from pinndd.terminal.output import kept_in_words, require_not_read, require_writable, writing_to
from pinndd.terminal.progress import ProgressBars


def solve(
    name: str,
    values: Sequence[str],
    data: Path | None,
    tolerance: float | None,
    device: str,
    plot: Path | None,
    out: Path | None,
    overwrite: bool,
) -> None:
    """Solve, print how good the solution is, and write picture and file."""
    with checking_input():
        require_device(device, called="--device")
        if plot is not None and plot.suffix != ".png":
            raise ValueError(f"--plot {plot}: pictures are written as .png; choose that ending")
        pde = load_pde(name)
        problem = Problem.of(pde, list(values), data=data, tolerance=tolerance, device=device)
        if out is not None:
            require_format(pde, len(problem.values), out)
        files = {"--plot": [] if plot is None else [plot], "--out": [] if out is None else files_of(pde, out)}
        for option, paths in files.items():
            for file in paths:
                require_not_read(option, file, name, *values, data)
                require_writable(option, file, overwrite=overwrite)
    if problem.why:
        typer.echo(problem.why)
    with writing_to("--plot", plot), writing_to("--out", out), working(
        kept_in_words(*files["--plot"], *files["--out"]), "give fewer conditions at a time, and no --tolerance"
    ):
        with ProgressBars() as bars:
            solution = problem.solve(bars)
        written = list(solution.save(out)) if out is not None else []
        if plot is not None:
            # matplotlib is slow to import, and only pictures need it
            from pinndd.study.plots.solution import draw_solution
            from pinndd.study.plots.style import house_style, save_figure

            with house_style():
                save_figure(draw_solution(solution), plot)
            written.append(plot)
    for line in summary(solution):
        typer.echo(line)
    for path in written:
        typer.echo(f"written: {path}")


def summary(solution: Solution) -> list[str]:
    """Say how good a solution is, in lines."""
    error, many = solution.error, len(solution) > 1
    interior, boundary = solution.points
    lines = [
        f"{solution.pde.name}: {len(solution)} boundary condition{'s' * many} solved in {solution.seconds:.2g} s with "
        f"{solution.features} features on {interior} interior and {boundary} boundary points"
    ]
    if many:
        lines.append(
            f"estimated relative error: median {np.median(error):.1e}, largest {error.max():.1e} (condition {error.argmax() + 1})"
        )
    else:
        lines.append(
            f"estimated relative error {error[0]:.1e}; residual at fresh points {solution.residual[0]:.1e} of its terms"
        )
    if solution.uncertainty is not None:
        lines.append(f"the measured values leave the solution open by {solution.uncertainty[0]:.1e}, relative")
    return [*lines, *solution.notes]
