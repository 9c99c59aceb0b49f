"""Error against seconds of training: the Pareto picture."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas import DataFrame

from pinndd.study.plots.style import WIDTH, log_axis, marks, new_figure
from pinndd.study.protocols.words import ProtocolWords
from pinndd.study.results.selection import frontier, one_set_each
from pinndd.study.results.table import DISTILLED, NO_SHIFT, RELATIVE_L2, rows_of
from pinndd.study.results.words import error_name, tick_of, tick_seconds

LEARNER_MARKERS = ("o", "s", "^", "D", "P", "X", "v")
"""Markers of learners, in the order in which they appear."""


def draw_pareto(
    summary: DataFrame, said: ProtocolWords, shift: str = NO_SHIFT, distance: str = RELATIVE_L2
) -> Figure:
    """Draw the mean error of every method and learner against the seconds of training.

    Colour tells the method, the marker tells the learner; the line joins what nothing else beats in both, where that is several.

    Args:
        summary: of one protocol, of one or several sizes.
        said: words of the protocol.
        shift: under which the error is taken.
        distance: in which errors are measured.
    """
    here = one_set_each(summary[summary["shift"] == shift])
    drawn = here[np.isfinite(here["mean"]) & (here["seconds"] > 0)]
    style = marks(summary["method"], summary.loc[summary["ceiling"], "method"])
    markers = {
        name: LEARNER_MARKERS[k % len(LEARNER_MARKERS)] for k, name in enumerate(summary["learner"].unique().tolist())
    }
    figure = new_figure(WIDTH, 4.6)
    ax = figure.subplots()
    for row in rows_of(drawn):
        own = row.method == DISTILLED
        keywords = style[row.method].keywords(11 if own else 8, markers[row.learner])
        # the larger marker lies beneath, so that it hides none
        ax.plot([row.seconds], [row.mean], linestyle="none", zorder=3 if own else 4, **keywords)
    best = frontier(drawn)
    seen = "one point beats all others; times are equal within a quarter"
    if len(best) > 1:
        seen = "dashed: nothing errs less in as little time, within a quarter"
        ax.plot(best["seconds"].to_numpy(), best["mean"].to_numpy(), color="#555555", linewidth=1.2, linestyle="--", zorder=2)
    ax.margins(0.08)
    log_axis(ax.xaxis, tick_seconds)
    log_axis(ax.yaxis, tick_of(distance))
    ax.set_xlabel(f"wall time of training, per {said.each}")
    ax.set_ylabel(f"{error_name(distance)}, {said.inside if shift == NO_SHIFT else f'shift {shift}'}")
    ax.grid(which="major")
    ax.set_axisbelow(True)
    ax.set_title(f"Lower left is better; {seen}")
    colours = [Line2D([], [], linestyle="none", label=m, **k.keywords(8, "o")) for m, k in style.items()]
    shapes = [
        Line2D([], [], linestyle="none", color="#777777", marker=marker, markersize=8, label=name)
        for name, marker in markers.items()
    ]
    figure.legend(handles=[*colours, *shapes], loc="outside right upper", title="method (colour)\nlearner (shape)")
    return figure
