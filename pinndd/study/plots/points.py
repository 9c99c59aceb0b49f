"""The distilled points over the domain, beside those of the best baseline."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.sets.collocation import INTERIOR
from pinndd.study.plots.markers import count_coincident, marker_sizes
from pinndd.study.plots.panels import components, draw_map, draw_outline, paired_panels, telling, where
from pinndd.study.plots.scales import colour_bar, coordinate_axis, unit_of
from pinndd.study.plots.style import CONDITION_COLOURS, WIDTH, head, legend_below, new_figure, title_height
from pinndd.study.results.intervals import Array
from pinndd.study.results.outcome import FieldExample
from pinndd.study.results.standing import Standing

_MARKERS = ("s", "^", "D", "P", "X", "v", "<")  # one more than colours: every condition looks different
_SMALLEST = 22.0
"""Area of a marker that lies on no other, in square points."""


def draw_points(
    pde: PDE,
    distilled: SyntheticData,
    baseline: SyntheticData | None,
    standing: Standing,
    example: FieldExample | None,
) -> Figure:
    """Draw where the points lie, seen along the coordinates from the third on.

    A marker that lies on another one is smaller, so that both are seen; where several points of one condition are at one place,
    their number stands beside it.

    Args:
        pde: of the points.
        distilled, baseline: collocation data (None: there is no baseline of this form).
        standing: names the baseline and says how the sets compare.
        example: whose solution, or the component of it that varies most, stands behind the points.
    """
    sets = [("distilled", distilled)] + ([(standing.shown, baseline)] if baseline is not None else [])
    title = standing.titled("Where the points went", baseline is not None)
    if pde.box.dimension > 2:
        title += f": seen along {', '.join(pde.box.names[2:])}, onto {' and '.join(pde.box.names[:2])}"
    line = pde.box.dimension == 1
    background = telling(components(pde, example)) if example is not None and not line else None
    if line:
        figure = new_figure(WIDTH, 1.9 + title_height(title, WIDTH))
        axes = list(figure.subplots(1, len(sets), squeeze=False, sharey=True)[0])
    else:
        figure, axes = paired_panels(pde, len(sets), title, bar=background is not None)
    places = [_places(pde, data) for _, data in sets]
    sides = np.array([b - a for a, b in zip(pde.box.low[:2], pde.box.high[:2], strict=True)] + [1.0] * line)
    sizes = marker_sizes(places, sides, _SMALLEST)
    for ax, (name, data), points in zip(axes, sets, places, strict=True):
        if background is not None:
            image = draw_map(pde, ax, background.truth, *background.truth_limits)
        _scatter(pde, ax, points, sizes)
        if pde.box.dimension < 3:
            for each in points.values():
                count_coincident(ax, each, sides)
        count = sum(data[c.name].shape[0] for c in pde.valued)
        ax.set_title(f"{name}: {data[INTERIOR].shape[0]} interior, {count} boundary")
        coordinate_axis(pde, ax.xaxis, 0)
    if line:
        axes[0].set_yticks([])
    handles, names = axes[0].get_legend_handles_labels()
    if background is not None and example is not None:
        rightmost = axes[axes[0].get_subplotspec().get_gridspec().ncols - 1 :]
        for ax in rightmost:
            colour_bar(ax, image, background.name, unit_of(pde, background.name))
        handles.append(Patch(color=image.get_cmap()(0.6)))
        names.append(f"solution {background.name} of one condition {where(pde, example)}".rstrip())
    legend_below(figure, handles, names)
    head(figure, title)
    return figure


def _places(pde: PDE, data: SyntheticData) -> dict[str, Array]:
    """The points of every condition, and those of the interior on top of them."""
    places = {}
    for condition in pde.valued:
        patch = pde.patches[condition.name]
        places[condition.name] = _flat(patch.points(data[condition.name].detach().cpu()[:, : patch.dimension]))
    return places | {INTERIOR: _flat(data[INTERIOR].detach().cpu()[:, : pde.box.dimension])}


def _scatter(pde: PDE, ax: Axes, places: Mapping[str, Array], sizes: Mapping[str, float]) -> None:
    for k, (name, points) in enumerate(places.items()):
        inner = name == INTERIOR
        ax.scatter(
            points[:, 0],
            points[:, 1],
            s=sizes[name],
            color="black" if inner else CONDITION_COLOURS[k % len(CONDITION_COLOURS)],
            marker="o" if inner else _MARKERS[k % len(_MARKERS)],
            edgecolor="white" if inner else "black",
            linewidth=0.8 if inner else 0.7,
            label=name,
            clip_on=False,
            zorder=3 + 2 * k / len(places),
        )
    if pde.box.dimension == 1:
        room = 0.02 * (pde.box.high[0] - pde.box.low[0])
        ax.set_xlim(pde.box.low[0] - room, pde.box.high[0] + room)
        ax.set_ylim(-1.0, 1.0)
    else:
        draw_outline(pde, ax)


def _flat(points: Tensor) -> Array:
    """The first two coordinates of points, ``(n, 2)``; zero for the second where there is but one."""
    columns = points if points.shape[1] > 1 else torch.cat((points, torch.zeros_like(points)), -1)
    flat: Array = columns[:, :2].double().numpy()
    return flat
