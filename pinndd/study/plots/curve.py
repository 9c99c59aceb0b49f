"""Error against the number of points."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from pandas import DataFrame

from pinndd.study.plots.style import WIDTH, head, legend_below, log_axis, marks, new_figure, wrap_axes
from pinndd.study.protocols.words import ProtocolWords
from pinndd.study.results.selection import shifts_with_sizes
from pinndd.study.results.table import DISTILLED, RELATIVE_L2, rows_of
from pinndd.study.results.words import error_name, shift_name, tick_of


def draw_curve(summary: DataFrame, said: ProtocolWords, distance: str = RELATIVE_L2) -> Figure:
    """Draw mean error against size with its 95 % interval; methods outside the comparison are horizontal lines.

    One panel per shift that was run at several sizes.

    Args:
        summary: of one protocol and one learner, of several sizes.
        said: words of the protocol; they name the column of the size, and its axis.
        distance: in which errors are measured.
    """
    size, shifts = said.size_column, shifts_with_sizes(summary, said.size_column)
    equal_terms = summary[~summary["ceiling"]]
    style = marks(equal_terms["method"])
    columns = min(3, len(shifts))
    figure = new_figure(WIDTH, 0.9 + 2.7 * -(-len(shifts) // columns))
    sizes = sorted(equal_terms[size].unique().tolist())
    axes = wrap_axes(figure, len(shifts), columns, sharex=True, sharey=True)
    for ax, shift in zip(axes, shifts, strict=True):
        here = equal_terms[(equal_terms["shift"] == shift) & np.isfinite(equal_terms["mean"])].sort_values(size)
        for method, mark in style.items():
            own = method == DISTILLED
            x, mean, low, high = (here.loc[here["method"] == method, c].to_numpy() for c in (size, "mean", "low", "high"))
            ax.plot(
                x, mean, linewidth=2 if own else 1.2, zorder=4 if own else 3, label=method, **mark.keywords(7 if own else 6)
            )
            ax.fill_between(x, low, high, color=mark.colour, alpha=0.15 if own else 0.07, linewidth=0)
        for row in rows_of(_ceilings(summary, shift, size)):
            ax.axhline(row.mean, color="black", linestyle=":", linewidth=1.2, label=f"{row.method} ({getattr(row, size)})")
        ax.set_xscale("log")
        log_axis(ax.yaxis, tick_of(distance))
        ax.set_xticks(sizes, [str(n) for n in sizes])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_title(shift_name(shift, said.inside))
        ax.grid(which="major")
        ax.set_axisbelow(True)
    for ax in axes[::columns]:
        ax.set_ylabel(error_name(distance))
    for ax in axes[-columns:]:
        ax.set_xlabel(said.axis)
        ax.tick_params(labelbottom=True)
    legend_below(figure, *axes[0].get_legend_handles_labels())
    head(figure, f"How many {said.unit} a method needs for an error: read along a horizontal line")
    return figure


def _ceilings(summary: DataFrame, shift: str, size: str) -> DataFrame:
    """One row per ceiling: the largest."""
    mine = summary[summary["ceiling"] & (summary["shift"] == shift)].sort_values(size, ascending=False, kind="stable")
    largest: DataFrame = mine.drop_duplicates("method")
    return largest[largest["mean"] < math.inf]
