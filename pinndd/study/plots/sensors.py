"""Where sensors stand, beside the best baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.study.plots.style import CONDITION_COLOURS, WIDTH, label, new_figure
from pinndd.study.results.standing import Standing
from pinndd.study.results.table import DISTILLED

_MARKERS = ("s", "^", "D", "P", "X", "v")


def measured_conditions(pde: PDE, placement: SyntheticData) -> list[str]:
    """Return the conditions on which sensors stand: those whose points a placement may move."""
    return [c.name for c in pde.valued if c.name in placement.learnable]


def draw_placement(
    pde: PDE, measured: Sequence[str], distilled: SyntheticData, baseline: SyntheticData | None, standing: Standing
) -> Figure:
    """Draw the sensors on the outline of the domain; in three dimensions, one panel per condition over its own coordinates.

    Args:
        pde: gives domain and conditions.
        measured: names of the conditions that are measured; the others are drawn dotted.
        distilled, baseline: the sets (None: there is no baseline to draw).
        standing: names the baseline and says how the sets compare.
    """
    sets = {DISTILLED: distilled} | ({standing.shown: baseline} if baseline is not None else {})
    total = sum(distilled[name].shape[0] for name in measured)
    title = standing.titled(f"Where {total} sensors should stand", baseline is not None)
    if pde.box.dimension != 2:
        return _by_condition(pde, measured, sets, title)
    figure = new_figure(WIDTH, 4.7)
    axes = figure.subplots(1, len(sets), squeeze=False, sharex=True, sharey=True)[0]
    for ax, (name, data) in zip(axes, sets.items(), strict=True):
        _outline(pde, measured, ax)
        for k, condition in enumerate(measured):
            points = pde.patches[condition].points(data[condition].detach().cpu())
            _scatter(ax, points, k, condition)
        counts = " + ".join(str(data[condition].shape[0]) for condition in measured)
        ax.set_title(f"{name}: {counts}")
        ax.set_xlabel(label(pde, pde.box.names[0]))
        ax.spines[:].set_visible(False)
        ax.margins(0.06)
        if not pde.box.has_time:
            ax.set_aspect("equal")
    axes[0].set_ylabel(label(pde, pde.box.names[1]))
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 6))
    figure.suptitle(title)
    return figure


def _outline(pde: PDE, measured: Sequence[str], ax: Axes) -> None:
    low, high = pde.box.low, pde.box.high
    line = torch.linspace(0, 1, 201, dtype=torch.float64)[:, None]
    if pde.periodic_axes or pde.box.has_time:
        x, y = [low[0], high[0], high[0], low[0], low[0]], [low[1], low[1], high[1], high[1], low[1]]
        ax.plot(x, y, color="#BBBBBB", linewidth=0.8, zorder=1)
    for loop in pde.box.region.outline() if pde.box.region is not None else ():
        ax.plot(*loop.T.numpy(), color="#BBBBBB", linewidth=0.8, zorder=1)
    for condition in pde.valued:
        patch = pde.patches[condition.name]
        if patch.dimension == 1:
            points = patch.points(line)
            known = condition.name not in measured
            ax.plot(
                points[:, 0].numpy(),
                points[:, 1].numpy(),
                color="#777777",
                linewidth=1.6,
                linestyle=":" if known else "-",
                label=f"{condition.name} (zero, not measured)" if known else None,
                zorder=2,
            )


def _scatter(ax: Axes, points: torch.Tensor, k: int, name: str | None) -> None:
    ax.scatter(
        points[:, 0].numpy(),
        (points[:, 1] if points.shape[1] > 1 else torch.zeros(len(points))).numpy(),
        s=64,
        color=CONDITION_COLOURS[k % len(CONDITION_COLOURS)],
        marker=_MARKERS[k % len(_MARKERS)],
        edgecolor="black",
        linewidth=0.8,
        label=name,
        clip_on=False,
        zorder=4,
    )


def _by_condition(pde: PDE, measured: Sequence[str], sets: Mapping[str, SyntheticData], heading: str) -> Figure:
    """One column per condition, one row per set, in the coordinates of each condition scaled to [0, 1]."""
    figure = new_figure(max(WIDTH, 2.1 * len(measured)), 5.2)
    axes = figure.subplots(len(sets), len(measured), squeeze=False)
    for row, (title, data) in zip(axes, sets.items(), strict=True):
        for k, (ax, name) in enumerate(zip(row, measured, strict=True)):
            patch = pde.patches[name]
            _scatter(ax, data[name].detach().cpu().reshape(-1, max(patch.dimension, 1)), k, None)
            ax.set_xlim(-0.03, 1.03)
            ax.set_ylim((-0.03, 1.03) if patch.dimension > 1 else (-1, 1))
            if patch.dimension < 2:
                ax.set_yticks([])
            ax.set_title(f"{name}: {data[name].shape[0]}")
            ax.set_xlabel("s₁")
        row[0].set_ylabel(f"{title}\ns₂" if pde.patches[measured[0]].dimension > 1 else title)
    figure.suptitle(f"{heading}\nin the coordinates of each condition scaled to [0, 1]")
    return figure
