"""The distilled boundary conditions of the solved protocol, beside those of the best baseline."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from pinndd.pinn.declare.pde import PDE, BoundaryValues
from pinndd.study.plots.scales import scale_axis, unit_of, with_unit
from pinndd.study.plots.style import CONDITION_COLOURS, WIDTH, head, new_figure, title_height
from pinndd.study.results.standing import Standing

_NODES = 129


def draw_conditions(pde: PDE, distilled: Tensor, baseline: Tensor | None, standing: Standing) -> Figure:
    """Draw the functions that are to be solved, one row per set, one column per condition.

    A function of several local coordinates is drawn along the first, at the middle of the others; a number as a dot.

    Args:
        pde: whose conditions they are.
        distilled, baseline: coefficients in the training family, ``(m, C)`` (None: there is no such baseline).
        standing: names the baseline and says how the sets compare.
    """
    sets = [("distilled", distilled)] + ([(standing.shown, baseline)] if baseline is not None else [])
    shown = drawn_conditions(pde)
    title = standing.titled(f"The {len(distilled)} boundary conditions to solve", baseline is not None)
    width = max(WIDTH, 2.3 * len(shown))
    figure = new_figure(width, 0.6 + 2.2 * len(sets) + title_height(title, width))
    axes = figure.subplots(len(sets), len(shown), squeeze=False, sharex="col", sharey="col")
    for row, (name, coefficients) in zip(axes, sets, strict=True):
        for k, (ax, condition) in enumerate(zip(row, shown, strict=True)):
            _functions(pde, ax, condition, coefficients, CONDITION_COLOURS[k % len(CONDITION_COLOURS)])
            ax.set_title(f"{name}:\n{condition}" if len(shown) > 3 else f"{name}: {condition}")
    for column, condition in zip(axes.T, shown, strict=True):
        _label(pde, column, condition, column[0] is axes[0, 0])
    head(figure, title)
    return figure


def _label(pde: PDE, column: Sequence[Axes], condition: str, first: bool) -> None:
    """Label the axes of a condition; the name of its values stands at the first one alone, a power of ten at each."""
    alone = pde.output_count == 1 and all(c.gives_value for c in pde.valued)
    name, unit = (pde.components[0], unit_of(pde, pde.components[0])) if alone else ("value", "")
    for ax in column:
        power = scale_axis(ax.yaxis, *ax.get_ylim())
        ax.set_ylabel(with_unit(name if first else "", unit if first else "", power))
    run, *others = pde.patches[condition].axis_names or ("condition",)
    last = column[-1]
    if pde.patches[condition].dimension == 0:
        last.set_xlabel(run)
        return
    power = scale_axis(last.xaxis, *last.get_xlim(), 4)
    middle = f", at the middle of {' and '.join(others)}" if others else ""
    last.set_xlabel(with_unit(run, unit_of(pde, run), power) + middle)


def drawn_conditions(pde: PDE) -> list[str]:
    """Return the conditions whose values vary."""
    return [c.name for c in pde.valued if pde.ensemble().families[c.name].size or c.joins]


def _functions(pde: PDE, ax: Axes, condition: str, coefficients: Tensor, colour: str) -> None:
    patch = pde.patches[condition]
    values = BoundaryValues(pde.ensemble(), coefficients.detach().cpu().double())[condition]
    ax.axhline(0, color="#999999", linewidth=0.6, zorder=0)
    if patch.dimension == 0:
        numbers = values(torch.empty((1, 0), dtype=torch.float64))[:, 0]
        ax.plot(range(1, len(numbers) + 1), numbers.numpy(), "o", color=colour, markeredgecolor="black", markeredgewidth=0.5)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        return
    s = torch.full((_NODES, patch.dimension), 0.5, dtype=torch.float64)
    s[:, 0] = torch.linspace(0, 1, _NODES, dtype=torch.float64)
    ax.plot(patch.ticks(s[:, 0]).numpy(), values(s).T.numpy(), color=colour, linewidth=1.1, alpha=0.8)
