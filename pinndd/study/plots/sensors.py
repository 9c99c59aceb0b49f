"""Where sensors stand, beside the best baseline, and error against their number."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.study.outcome import DISTILLED
from pinndd.study.plots.style import CONDITION_COLOURS, WIDTH, label, log_axis, marks, new_figure, wrap_axes
from pinndd.study.summary import SummaryRow
from pinndd.study.words import shift_name, tick_percent

_MARKERS = ("s", "^", "D", "P", "X", "v")


def draw_placement(
    pde: PDE, measured: Sequence[str], distilled: SyntheticData, baseline: SyntheticData, baseline_name: str
) -> Figure:
    """Draw the sensors on the outline of the domain; in three dimensions, a panel a condition over its own coordinates.

    Args:
        pde: gives domain and conditions.
        measured: names of the conditions that are measured; the others are drawn dotted.
        distilled, baseline: the sets.
        baseline_name: name of the baseline's method.
    """
    sets = {DISTILLED: distilled, f"best baseline, {baseline_name}": baseline}
    if pde.box.dimension != 2:
        return _by_condition(pde, measured, sets)
    figure = new_figure(WIDTH, 4.7)
    axes = figure.subplots(1, len(sets), sharex=True, sharey=True)
    for ax, (title, data) in zip(axes, sets.items(), strict=True):
        _outline(pde, measured, ax)
        for k, name in enumerate(measured):
            points = pde.patches[name].points(data[name].detach().cpu())
            _scatter(ax, points, k, name)
        counts = " + ".join(str(data[name].shape[0]) for name in measured)
        ax.set_title(f"{title}: {counts}")
        ax.set_xlabel(label(pde, pde.box.names[0]))
        ax.spines[:].set_visible(False)
        ax.margins(0.06)
        if not pde.box.has_time:
            ax.set_aspect("equal")
    axes[0].set_ylabel(label(pde, pde.box.names[1]))
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 6))
    total = sum(distilled[name].shape[0] for name in measured)
    figure.suptitle(f"Where {total} sensors should stand")
    return figure


def _outline(pde: PDE, measured: Sequence[str], ax: Axes) -> None:
    low, high = pde.box.low, pde.box.high
    line = torch.linspace(0, 1, 201, dtype=torch.float64)[:, None]
    if pde.periodic_axes or pde.box.has_time:
        x, y = [low[0], high[0], high[0], low[0], low[0]], [low[1], low[1], high[1], high[1], low[1]]
        ax.plot(x, y, color="#BBBBBB", linewidth=0.8, zorder=1)
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


def _by_condition(pde: PDE, measured: Sequence[str], sets: dict[str, SyntheticData]) -> Figure:
    """One column a condition, one row a set."""
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
    figure.suptitle("Where the sensors should stand, in the coordinates of each condition scaled to [0, 1]")
    return figure


def draw_error_by_sensors(rows: Sequence[SummaryRow]) -> Figure:
    """Draw mean error against the number of sensors, a panel a shift, every method a line with its 95 % interval.

    Args:
        rows: of one PDE, of several numbers of sensors.
    """
    shifts = list(dict.fromkeys(r.shift for r in rows))
    style = marks([r.method for r in rows])
    sizes = sorted({r.boundary_points for r in rows})
    columns = min(3, len(shifts))
    figure = new_figure(WIDTH, 1.2 + 2.7 * -(-len(shifts) // columns))
    axes = wrap_axes(figure, len(shifts), columns, sharex=True, sharey=True)
    for ax, shift in zip(axes, shifts, strict=True):
        for method, mark in style.items():
            mine = sorted((r for r in rows if (r.shift, r.method) == (shift, method)), key=lambda r: r.boundary_points)
            mine = [r for r in mine if math.isfinite(r.mean)]
            x = [r.boundary_points for r in mine]
            ax.fill_between(x, [r.low for r in mine], [r.high for r in mine], color=mark.colour, alpha=0.15, linewidth=0)
            ax.plot(
                x,
                [r.mean for r in mine],
                linewidth=2 if method == DISTILLED else 1.1,
                zorder=4 if method == DISTILLED else 3,
                label=method,
                **mark.keywords(7 if method == DISTILLED else 5),
            )
        ax.set_xscale("log")
        log_axis(ax.yaxis, tick_percent)
        ax.set_xticks(sizes, [str(n) for n in sizes])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_title(shift_name(shift))
        ax.grid(which="major")
        ax.set_axisbelow(True)
    for ax in axes[::columns]:
        ax.set_ylabel("relative L2 error")
    for ax in axes[-columns:]:
        ax.set_xlabel("sensors M")
        ax.tick_params(labelbottom=True)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 4))
    figure.suptitle("How many sensors a placement needs for an error: read along a horizontal line")
    return figure
