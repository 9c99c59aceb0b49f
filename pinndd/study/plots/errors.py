"""Error by method and shift: dots with 95 % intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from pinndd.study.plots.style import WIDTH, Mark, head, legend_below, log_axis, marks, new_figure
from pinndd.study.protocols.words import ProtocolWords
from pinndd.study.results.selection import one_set_each
from pinndd.study.results.summary import comparisons
from pinndd.study.results.table import DISTILLED, RELATIVE_L2
from pinndd.study.results.words import error_name, shift_name, tick_of


def draw_errors(summary: DataFrame, said: ProtocolWords, distance: str = RELATIVE_L2) -> Figure:
    """Draw the error of every method under every shift, one panel per learner.

    Args:
        summary: of one protocol and size. A learner that met several distilled sets shows the one of its own, or the first.
        said: words of the protocol.
        distance: in which errors are measured.
    """
    style = marks(summary["method"], summary.loc[summary["ceiling"], "method"])
    panels = {name: one_set_each(summary[summary["learner"] == name]) for name in summary["learner"].unique().tolist()}
    rows = _rows(panels)
    heights = [0.9 + 0.13 * max(_slots(panels[name]) for name in row) for row in rows]
    figure = new_figure(WIDTH, 0.9 + sum(heights))
    grid = figure.add_gridspec(len(rows), max(map(len, rows)), height_ratios=heights)
    axes = []
    for k, row in enumerate(rows):
        for j, learner in enumerate(row):
            ax = figure.add_subplot(grid[k, j] if k or len(row) > 1 else grid[0, :])
            mine = panels[learner]
            _panel(ax, mine, said.inside, {name: mark for name, mark in style.items() if (mine["method"] == name).any()})
            verdict = _verdict(mine).replace(", ", ", " if len(row) == 1 else ",\n")
            ax.set_title(f"trained by {learner}\n{verdict}")
            ax.set_xlabel(error_name(distance))
            if j and _shifts(mine) == _shifts(panels[row[0]]):
                ax.tick_params(axis="y", labelleft=False)
            axes.append(ax)
    _on_one_scale(axes, tick_of(distance))
    shown = {name: handle for ax in axes for handle, name in zip(*ax.get_legend_handles_labels(), strict=True)}
    legend_below(figure, [shown[name] for name in style], list(style))
    head(figure, "Further left is better: mean error on what no training saw, 95 % interval")
    return figure


def _rows(panels: Mapping[str, DataFrame]) -> list[list[str]]:
    """Return the learners of each row of panels: two, but the first alone where it has far more to show than the next."""
    names = list(panels)
    alone = int(len(names) > 1 and _slots(panels[names[0]]) > 2 * _slots(panels[names[1]]))
    return [names[:1]] * alone + [names[k : k + 2] for k in range(alone, len(names), 2)]


def _shifts(summary: DataFrame) -> list[str]:
    return list(summary["shift"].unique())


def _slots(summary: DataFrame) -> int:
    """Return how many lines of a panel its methods take."""
    return max(4, summary["method"].nunique()) * summary["shift"].nunique()


def _panel(ax: Axes, summary: DataFrame, inside: str, style: Mapping[str, Mark]) -> None:
    shifts = _shifts(summary)
    step = 0.8 / max(1, len(style))
    for k, (method, mark) in enumerate(style.items()):
        mine = summary[(summary["method"] == method) & np.isfinite(summary["mean"])]
        reach = [mine["mean"] - mine["low"], mine["high"] - mine["mean"]]
        ax.errorbar(
            mine["mean"].to_numpy(),
            mine["shift"].map(shifts.index).to_numpy(dtype=float) + (k - (len(style) - 1) / 2) * step,
            xerr=np.clip(np.array(reach), 0, None),
            linestyle="none",
            elinewidth=1.4,
            label=method,
            zorder=4 if method == DISTILLED else 3,
            **mark.keywords(8 if method == DISTILLED else 6),
        )
    ax.set_yticks(range(len(shifts)), [shift_name(shift, inside) for shift in shifts])
    ax.set_ylim(len(shifts) - 0.5, -0.5)
    for between in range(1, len(shifts)):
        ax.axhline(between - 0.5, color="#DDDDDD", linewidth=0.6)
    ax.grid(axis="x", which="major")
    ax.set_axisbelow(True)


def _verdict(summary: DataFrame) -> str:
    compared = comparisons(summary[summary["ratio"].notna()])
    if compared.empty:
        return "not compared"
    won, lost = ((compared["state"] == state).sum() for state in ("win", "loss"))
    if len(compared) == 1:
        return "distilled wins" if won else "distilled loses" if lost else "not told apart"
    return f"distilled wins in {won} of {len(compared)} rows" + (f", loses in {lost}" if lost else "")


def _on_one_scale(axes: Sequence[Axes], write: Callable[[float], str]) -> None:
    """Make the axes of panels that are compared logarithmic and of one reach, unless an error of zero keeps one of them linear."""
    for ax in axes:
        log_axis(ax.xaxis, write)
    if all(ax.get_xscale() == "log" for ax in axes):
        low, high = (reach(ax.get_xlim()[side] for ax in axes) for side, reach in enumerate((min, max)))
        for ax in axes:
            ax.set_xlim(low, high)
            log_axis(ax.xaxis, write)
