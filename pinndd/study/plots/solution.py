"""One solution: every component over the domain, or over the plane at three moments."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from pinndd.pinn.solving.solution import Solution
from pinndd.study.plots.panels import draw_map, tallness, to_scale
from pinndd.study.plots.scales import colour_bar, coordinate_axis, quantity, unit_of, value_axis
from pinndd.study.plots.style import head, new_figure, title_height
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
    axes, grid = solution.on_grid(which=slice(which, which + 1))
    u = grid[0]
    sections = _sections(solution, u)
    rows, columns = len(pde.components), len(sections)
    about = _title(solution, which)
    panel = 3.6 if columns == 1 else 3.0
    height = panel * (min(tallness(pde), 1.6) if to_scale(pde) else 0.75)
    panel = height / tallness(pde) if to_scale(pde) else panel
    width = max(columns * panel + 1.7, 5.0)
    figure = new_figure(width, (height + 0.7) * rows + 0.1 + title_height(about, width))
    panels = figure.subplots(rows, columns, squeeze=False)
    for row, name in enumerate(pde.components):
        low, high = float(np.nanmin(u[..., row])), float(np.nanmax(u[..., row]))
        for column, (text, field) in enumerate(sections):
            panel = panels[row, column]
            if field.ndim == 2:
                panel.plot(axes[0], field[:, row], color="#D55E00")
                coordinate_axis(pde, panel.xaxis, 0)
                value_axis(panel.yaxis, name, unit_of(pde, name))
                continue
            mesh = draw_map(pde, panel, field[..., row], low, high)
            panel.set_title(text)
            if column == 0:
                coordinate_axis(pde, panel.yaxis, 1, 4)
            if column == columns - 1:
                colour_bar(panel, mesh, name, unit_of(pde, name))
    head(figure, about)
    return figure


def _title(solution: Solution, which: int) -> str:
    pde = solution.pde
    of = f", condition {which + 1} of {len(solution)}" if len(solution) > 1 else ""
    about = f"{pde.title or pde.name}{of}\nestimated error {percent(float(solution.error[which]))}"
    if solution.uncertainty is not None:
        about += f"\nthe measurements leave it open by {percent(float(solution.uncertainty[0]))}"
    return about


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
        found.append((f"{name} = {quantity(value, unit_of(pde, name))}", middle[:, :, k]))
    return found
