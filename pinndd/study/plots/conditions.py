"""The distilled boundary conditions of the solved protocol, beside those of the best baseline."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from pinndd.pinn.declare.pde import PDE, BoundaryValues
from pinndd.study.plots.style import CONDITION_COLOURS, WIDTH, label, new_figure
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
    figure = new_figure(max(WIDTH, 2.1 * len(shown)), 0.9 + 2.2 * len(sets))
    axes = figure.subplots(len(sets), len(shown), squeeze=False, sharex="col", sharey="col")
    for row, (name, coefficients) in zip(axes, sets, strict=True):
        for k, (ax, condition) in enumerate(zip(row, shown, strict=True)):
            _functions(pde, ax, condition, coefficients, CONDITION_COLOURS[k % len(CONDITION_COLOURS)])
            ax.set_title(f"{name}: {condition}")
        row[0].set_ylabel(label(pde, pde.components[0]) if pde.output_count == 1 else "value")
    for ax, condition in zip(axes[-1], shown, strict=True):
        first, *others = pde.patches[condition].axis_names or ("condition",)
        ax.set_xlabel(label(pde, first) + (f", at the middle of {' and '.join(others)}" if others else ""))
    figure.suptitle(standing.titled(f"The {len(distilled)} boundary conditions to solve", baseline is not None))
    return figure


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
