"""Where sensors stand, beside the best baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.study.plots.markers import count_coincident, marker_sizes
from pinndd.study.plots.panels import draw_outline, paired_panels
from pinndd.study.plots.scales import coordinate_axis
from pinndd.study.plots.style import CONDITION_COLOURS, WIDTH, head, legend_below, new_figure, title_height
from pinndd.study.results.intervals import Array
from pinndd.study.results.standing import Standing
from pinndd.study.results.table import DISTILLED

_MARKERS = ("s", "^", "D", "P", "X", "v")
_SMALLEST = 48.0
"""Area of a marker that lies on no other, in square points."""


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
    figure, axes = paired_panels(pde, len(sets), title, bar=False)
    placed = [
        {c: pde.patches[c].points(data[c].detach().cpu()).double().numpy() for c in measured} for data in sets.values()
    ]
    sides = np.subtract(pde.box.high, pde.box.low)
    sizes = marker_sizes(placed, sides, _SMALLEST)
    for ax, (name, data), places in zip(axes, sets.items(), placed, strict=True):
        _outline(pde, measured, ax)
        for k, (condition, points) in enumerate(places.items()):
            _scatter(ax, points, k, condition, sizes[condition])
            count_coincident(ax, points, sides)
        counts = " + ".join(str(data[condition].shape[0]) for condition in measured)
        ax.set_title(f"{name}: {counts}")
        coordinate_axis(pde, ax.xaxis, 0)
    legend_below(figure, *axes[0].get_legend_handles_labels())
    head(figure, title)
    return figure


def _outline(pde: PDE, measured: Sequence[str], ax: Axes) -> None:
    line = torch.linspace(0, 1, 201, dtype=torch.float64)[:, None]
    draw_outline(pde, ax)
    known = [c.name for c in pde.valued if c.name not in measured]
    for condition in pde.valued:
        patch = pde.patches[condition.name]
        if patch.dimension == 1:
            ax.plot(
                *patch.points(line)[:, :2].T.numpy(),
                color="#777777",
                linewidth=1.6,
                linestyle=":" if condition.name in known else "-",
                label=f"known, not measured: {_listed(known)}" if known[:1] == [condition.name] else None,
                zorder=2,
            )


def _listed(names: Sequence[str]) -> str:
    """Names for a legend, at most four in a line."""
    lines = [", ".join(names[k : k + 4]) for k in range(0, len(names), 4)]
    return ",\n".join(lines)


def _scatter(ax: Axes, points: Array, k: int, name: str | None, size: float = 64.0) -> None:
    ax.scatter(
        points[:, 0],
        points[:, 1] if points.shape[1] > 1 else np.zeros(len(points)),
        s=size,
        color=CONDITION_COLOURS[k % len(CONDITION_COLOURS)],
        marker=_MARKERS[k % len(_MARKERS)],
        edgecolor="black",
        linewidth=0.8,
        label=name,
        clip_on=False,
        zorder=4 + 0.1 * k,
    )


def _by_condition(pde: PDE, measured: Sequence[str], sets: Mapping[str, SyntheticData], heading: str) -> Figure:
    """One column per condition, one row per set, in the coordinates of each condition scaled to [0, 1]."""
    title = f"{heading}\nin the coordinates of each condition scaled to [0, 1]"
    width = max(WIDTH, 2.1 * len(measured))
    figure = new_figure(width, 4.6 + title_height(title, width))
    axes = figure.subplots(len(sets), len(measured), squeeze=False)
    for row, (method, data) in zip(axes, sets.items(), strict=True):
        for k, (ax, name) in enumerate(zip(row, measured, strict=True)):
            patch = pde.patches[name]
            _scatter(ax, data[name].detach().cpu().reshape(-1, max(patch.dimension, 1)).numpy(), k, None)
            ax.set_xlim(-0.03, 1.03)
            ax.set_ylim((-0.03, 1.03) if patch.dimension > 1 else (-1, 1))
            if patch.dimension < 2:
                ax.set_yticks([])
            ax.set_title(f"{name}: {data[name].shape[0]}")
            ax.set_xlabel("s₁")
        row[0].set_ylabel(f"{method}\ns₂" if pde.patches[measured[0]].dimension > 1 else method)
    head(figure, title)
    return figure
