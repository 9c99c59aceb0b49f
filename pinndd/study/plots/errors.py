"""Error by method and shift: dots with 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pinndd.study.outcome import DISTILLED
from pinndd.study.plots.style import WIDTH, Mark, log_axis, marks, new_figure, wrap_axes
from pinndd.study.summary import SummaryRow
from pinndd.study.words import shift_name, tick_percent


def draw_errors(rows: Sequence[SummaryRow]) -> Figure:
    """Draw the error of every method under every shift, one panel a learner.

    Args:
        rows: of one protocol. A learner that met several distilled sets shows the one of its own, or the first.
    """
    learners = list(dict.fromkeys(r.learner for r in rows))
    shifts = list(dict.fromkeys(r.shift for r in rows))
    style = marks([r.method for r in rows], [r.method for r in rows if r.ceiling])
    panels = 2 if len(learners) > 1 else 1
    height = 0.9 + 0.13 * max(4, len(style)) * len(shifts)
    figure = new_figure(WIDTH, 0.9 + height * -(-len(learners) // panels))
    axes = wrap_axes(figure, len(learners), panels, sharey=True)
    for ax, learner in zip(axes, learners, strict=True):
        mine = one_set_each([r for r in rows if r.learner == learner])
        _panel(ax, mine, shifts, style)
        ax.set_title(f"trained by {learner}\n{_verdict(mine)}")
        ax.set_xlabel("relative L2 error")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 5))
    figure.suptitle("Further left is better: mean error on unseen conditions, 95 % interval")
    return figure


def one_set_each(rows: Sequence[SummaryRow]) -> list[SummaryRow]:
    """Keep one distilled set a learner, shift and size: that distilled with the learner itself, or else the first."""
    kept: dict[tuple[str, str, int, int], SummaryRow] = {}
    for r in rows:
        if r.method == DISTILLED:
            key = (r.learner, r.shift, r.points, r.boundary_points)
            if key not in kept or r.distilled_with == r.learner:
                kept[key] = r
    chosen = {id(r) for r in kept.values()}
    return [r for r in rows if r.method != DISTILLED or id(r) in chosen]


def _panel(ax: Axes, rows: Sequence[SummaryRow], shifts: Sequence[str], style: dict[str, Mark]) -> None:
    step = 0.8 / max(1, len(style))
    for k, (method, mark) in enumerate(style.items()):
        mine = [r for r in rows if r.method == method and math.isfinite(r.mean)]
        ax.errorbar(
            [r.mean for r in mine],
            [shifts.index(r.shift) + (k - (len(style) - 1) / 2) * step for r in mine],
            xerr=[[max(0.0, r.mean - r.low) for r in mine], [max(0.0, r.high - r.mean) for r in mine]],
            linestyle="none",
            elinewidth=1.4,
            label=method,
            zorder=4 if method == DISTILLED else 3,
            **mark.keywords(8 if method == DISTILLED else 6),
        )
    log_axis(ax.xaxis, tick_percent)
    ax.set_yticks(range(len(shifts)), [shift_name(s) for s in shifts])
    ax.set_ylim(len(shifts) - 0.5, -0.5)
    for between in range(1, len(shifts)):
        ax.axhline(between - 0.5, color="#DDDDDD", linewidth=0.6)
    ax.grid(axis="x", which="major")
    ax.set_axisbelow(True)


def _verdict(rows: Sequence[SummaryRow]) -> str:
    compared = [r for r in rows if r.ratio is not None]
    if not compared:
        return "not compared"
    won = sum(r.wins is True for r in compared)
    lost = sum(r.wins is False for r in compared)
    return f"distilled wins under {won} of {len(compared)} families" + (f", loses under {lost}" if lost else "")
