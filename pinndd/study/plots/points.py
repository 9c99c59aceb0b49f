"""The distilled points over the domain, beside those of the best baseline."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.sets.collocation import INTERIOR
from pinndd.study.plots.panels import components, draw_map, telling, where
from pinndd.study.plots.style import CONDITION_COLOURS, WIDTH, label, new_figure
from pinndd.study.results.outcome import FieldExample
from pinndd.study.results.standing import Standing

_MARKERS = ("s", "^", "D", "P", "X", "v", "<")  # one more than colours: every condition looks different


def draw_points(
    pde: PDE,
    distilled: SyntheticData,
    baseline: SyntheticData | None,
    standing: Standing,
    example: FieldExample | None,
) -> Figure:
    """Draw where the points lie, seen along the coordinates from the third on.

    Args:
        pde: of the points.
        distilled, baseline: collocation data (None: there is no baseline of this form).
        standing: names the baseline and says how the sets compare.
        example: whose solution, or the component of it that varies most, stands behind the points.
    """
    sets = [("distilled", distilled)] + ([(standing.shown, baseline)] if baseline is not None else [])
    line = pde.box.dimension == 1
    figure = new_figure(WIDTH, 2.6 if line else 4.6)
    axes = figure.subplots(1, len(sets), squeeze=False, sharey=True)[0]
    background = telling(components(pde, example)) if example is not None and not line else None
    for ax, (name, data) in zip(axes, sets, strict=True):
        if background is not None:
            image = draw_map(pde, ax, background.truth, *background.truth_limits)
        _scatter(pde, ax, data)
        count = sum(data[c.name].shape[0] for c in pde.valued)
        ax.set_title(f"{name}: {data[INTERIOR].shape[0]} interior, {count} boundary")
        ax.set_xlabel(label(pde, pde.box.names[0]))
    for ax in axes[1:]:
        ax.tick_params(axis="y", length=0)
    if line:
        axes[0].set_yticks([])
    else:
        axes[0].set_ylabel(label(pde, pde.box.names[1]))
    if background is not None and example is not None:
        what = f"solution {label(pde, background.name)} of one condition {where(pde, example)}".rstrip()
        figure.colorbar(image, ax=list(axes), label=what, fraction=0.04)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 5))
    title = standing.titled("Where the points went", baseline is not None)
    seen = " and ".join(pde.box.names[:2])
    figure.suptitle(f"{title}: seen along {', '.join(pde.box.names[2:])}, onto {seen}" if pde.box.dimension > 2 else title)
    return figure


def _scatter(pde: PDE, ax: Axes, data: SyntheticData) -> None:
    sets = {"interior": data[INTERIOR].detach().cpu()[:, : pde.box.dimension]}
    for condition in pde.valued:
        patch = pde.patches[condition.name]
        sets[condition.name] = patch.points(data[condition.name].detach().cpu()[:, : patch.dimension])
    for k, (name, points) in enumerate(sets.items(), -1):
        inner = k < 0
        ax.scatter(
            points[:, 0].numpy(),
            (points[:, 1] if points.shape[1] > 1 else torch.zeros(len(points))).numpy(),
            s=26 if inner else 36,
            color="black" if inner else CONDITION_COLOURS[k % len(CONDITION_COLOURS)],
            marker="o" if inner else _MARKERS[k % len(_MARKERS)],
            edgecolor="white" if inner else "black",
            linewidth=0.8 if inner else 0.7,
            label=name,
            clip_on=inner,
            zorder=3 if inner else 4,
        )
    low, high = (*pde.box.low, -1.0), (*pde.box.high, 1.0)
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
