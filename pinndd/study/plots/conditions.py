"""The distilled boundary conditions of the solved protocol, beside those of the best baseline."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from pinndd.pinn.pde import PDE, BoundaryValues
from pinndd.study.plots.style import CONDITION_COLOURS, WIDTH, label, new_figure

_NODES = 129


def draw_conditions(pde: PDE, distilled: Tensor, baseline: Tensor | None, baseline_name: str) -> Figure:
    """Draw the functions that are to be solved, a row a set, a column a condition.

    Args:
        pde: whose conditions live on lines.
        distilled, baseline: coefficients in the training family, ``(m, C)`` (None: there is no such baseline).
        baseline_name: its name.
    """
    sets = [("distilled", distilled)] + ([(baseline_name, baseline)] if baseline is not None else [])
    shown = [c.name for c in pde.valued if pde.patches[c.name].dimension == 1]
    figure = new_figure(WIDTH, 0.9 + 2.2 * len(sets))
    axes = figure.subplots(len(sets), len(shown), squeeze=False, sharex="col", sharey="col")
    for row, (name, coefficients) in zip(axes, sets, strict=True):
        for k, (ax, condition) in enumerate(zip(row, shown, strict=True)):
            _lines(pde, ax, condition, coefficients, CONDITION_COLOURS[k % len(CONDITION_COLOURS)])
            ax.set_title(f"{name}: {condition}")
        row[0].set_ylabel(label(pde, "u"))
    for ax, condition in zip(axes[-1], shown, strict=True):
        (axis,) = pde.patches[condition].free_axes
        ax.set_xlabel(label(pde, pde.box.names[axis]))
    beside = "" if baseline is None else ", beside those of the best baseline"
    figure.suptitle(f"The {len(distilled)} boundary conditions to solve{beside}")
    return figure


def _lines(pde: PDE, ax: Axes, condition: str, coefficients: Tensor, colour: str) -> None:
    s = torch.linspace(0, 1, _NODES, dtype=torch.float64)
    patch = pde.patches[condition]
    (axis,) = patch.free_axes
    values = BoundaryValues(pde.ensemble(), coefficients.detach().cpu().double())[condition](s)
    ax.plot(patch.points(s[:, None])[:, axis].numpy(), values.T.numpy(), color=colour, linewidth=1.1, alpha=0.8)
    ax.axhline(0, color="#999999", linewidth=0.6, zorder=0)
