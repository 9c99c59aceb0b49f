"""Error against seconds of training: the Pareto picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pinndd.study.outcome import DISTILLED, NO_SHIFT
from pinndd.study.plots.errors import one_set_each
from pinndd.study.plots.style import WIDTH, log_axis, marks, new_figure
from pinndd.study.summary import SummaryRow
from pinndd.study.words import tick_percent, tick_seconds

_LEARNER_MARKERS = ("o", "s", "^", "D", "P", "X", "v")


def draw_pareto(rows: Sequence[SummaryRow], shift: str = NO_SHIFT) -> Figure:
    """Draw the mean error of every method and learner against the seconds that one training takes.

    Colour tells the method, the marker tells the learner; the line joins what nothing else beats in both.

    Args:
        rows: of one protocol, of one or several sizes.
        shift: under which the error is taken.
    """
    shown = [r for r in one_set_each([r for r in rows if r.shift == shift]) if math.isfinite(r.mean) and r.seconds > 0]
    style = marks([r.method for r in rows], [r.method for r in rows if r.ceiling])
    learners = list(dict.fromkeys(r.learner for r in rows))
    figure = new_figure(WIDTH, 4.6)
    ax = figure.subplots()
    for r in shown:
        mark, marker = style[r.method], _LEARNER_MARKERS[learners.index(r.learner) % len(_LEARNER_MARKERS)]
        keywords = mark.keywords(11 if r.method == DISTILLED else 8, marker)
        ax.plot([r.seconds], [r.mean], linestyle="none", zorder=4 if r.method == DISTILLED else 3, **keywords)
    best = frontier(shown)
    ax.plot([r.seconds for r in best], [r.mean for r in best], color="#555555", linewidth=1.2, linestyle="--", zorder=2)
    ax.margins(0.08)
    log_axis(ax.xaxis, tick_seconds)
    log_axis(ax.yaxis, tick_percent)
    ax.set_xlabel("wall time of one training")
    ax.set_ylabel("relative L2 error, in distribution" if shift == NO_SHIFT else f"relative L2 error, shift {shift}")
    ax.grid(which="major")
    ax.set_axisbelow(True)
    ax.set_title("Lower left is better; dashed: nothing else is both faster and more accurate")
    colours = [Line2D([], [], linestyle="none", label=m, **k.keywords(8, "o")) for m, k in style.items()]
    shapes = [
        Line2D(
            [],
            [],
            linestyle="none",
            color="#777777",
            marker=_LEARNER_MARKERS[k % len(_LEARNER_MARKERS)],
            markersize=8,
            label=name,
        )
        for k, name in enumerate(learners)
    ]
    figure.legend(handles=[*colours, *shapes], loc="outside right upper", title="method (colour)\nlearner (shape)")
    return figure


def frontier(rows: Sequence[SummaryRow]) -> list[SummaryRow]:
    """Return the rows that no other row beats in both error and seconds, fastest first.

    Wall times that differ by less than a quarter count as equal.
    """
    kept = [r for r in rows if not any(o.mean < r.mean and o.seconds <= 1.25 * r.seconds for o in rows)]
    return sorted(kept, key=lambda r: (r.seconds, r.mean))
