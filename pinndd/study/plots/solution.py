"""One solution: every component over the domain, or over the plane at three moments."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from pinndd.pinn.solving.solution import Solution
from pinndd.study.plots.panels import draw_map, tallness
from pinndd.study.plots.style import label, new_figure
from pinndd.study.results.intervals import Array
from pinndd.study.results.words import percent

MOMENTS = (0.1, 0.5, 1.0)
"""Parts of the time at which a solution over a plane is shown."""


def draw_solution(solution: Solution, which: int = 0) -> Figure:
    """Draw the solution of one boundary condition, with its estimated error in the title.

    Args:
        solution: of one condition or more.
        which: number of the condition.
    """
    pde = solution.pde
    axes, grid = solution.on_grid()
    u = grid[which]
    sections = _sections(solution, u)
    rows, columns = len(pde.components), len(sections)
    height = 2.9 * min(tallness(pde), 1.6) if pde.box.dimension > 1 else 2.6
    figure = new_figure(min(4.4 * columns + 0.8, 12.0), height * rows + 1.3)
    panels = figure.subplots(rows, columns, squeeze=False)
    for row, name in enumerate(pde.components):
        low, high = float(np.nanmin(u[..., row])), float(np.nanmax(u[..., row]))
        for column, (text, field) in enumerate(sections):
            panel = panels[row, column]
            if field.ndim == 2:
                panel.plot(axes[0], field[:, row], color="#D55E00")
                panel.set_xlabel(label(pde, pde.box.names[0]))
                panel.set_ylabel(label(pde, name))
                continue
            mesh = draw_map(pde, panel, field[..., row], low, high)
            panel.set_title(text)
            if column == 0:
                panel.set_ylabel(label(pde, pde.box.names[1]))
            if column == columns - 1:
                figure.colorbar(mesh, ax=list(panels[row]), label=label(pde, name), shrink=0.9)
    of = f", condition {which + 1} of {len(solution)}" if len(solution) > 1 else ""
    about = f"{pde.title or pde.name}{of}\nestimated error {percent(float(solution.error[which]))}"
    if solution.uncertainty is not None:
        about += f"\nthe measurements leave it open by {percent(float(solution.uncertainty[0]))}"
    figure.suptitle(about)
    return figure


def _sections(solution: Solution, u: Array) -> list[tuple[str, Array]]:
    """What is shown, with a title each: all of it, or a plane at three places along the last coordinate."""
    pde = solution.pde
    if pde.box.dimension < 3:
        return [("", u)]
    name, count = pde.box.names[-1], u.shape[pde.box.dimension - 1]
    middle = u if pde.box.dimension == 3 else u[:, :, u.shape[2] // 2]
    found = []
    for part in MOMENTS:
        k = round(part * (count - 1))
        value = pde.box.low[-1] + k / (count - 1) * (pde.box.high[-1] - pde.box.low[-1])
        found.append((f"{name} = {value:.4g} {pde.units.get(name, '')}".rstrip(), middle[:, :, k]))
    return found
