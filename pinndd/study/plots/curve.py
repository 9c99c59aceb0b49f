"""Error against the number of points."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from pinndd.study.outcome import DISTILLED
from pinndd.study.plots.style import WIDTH, log_axis, marks, new_figure, wrap_axes
from pinndd.study.summary import SummaryRow
from pinndd.study.words import shift_name, tick_percent

SIZES = {
    "retrain": "interior points",
    "amortised": "tuples (position, condition)",
    "solved": "solved conditions m",
}


def draw_curve(rows: Sequence[SummaryRow], protocol: str) -> Figure:
    """Draw mean error against size; methods outside the comparison are horizontal lines.

    One panel a shift that was run at several sizes.

    Args:
        rows: of one protocol and one learner, of several sizes.
        protocol: names the horizontal axis.
    """
    equal_terms = [r for r in rows if not r.ceiling]
    shifts = shifts_with_sizes(rows)
    style = marks([r.method for r in equal_terms])
    columns = min(3, len(shifts))
    figure = new_figure(WIDTH, 0.9 + 2.7 * -(-len(shifts) // columns))
    sizes = sorted({r.points for r in equal_terms})
    axes = wrap_axes(figure, len(shifts), columns, sharex=True, sharey=True)
    for ax, shift in zip(axes, shifts, strict=True):
        for method, mark in style.items():
            mine = sorted((r for r in equal_terms if (r.shift, r.method) == (shift, method)), key=lambda r: r.points)
            mine = [r for r in mine if math.isfinite(r.mean)]
            x = [r.points for r in mine]
            ax.plot(x, [r.mean for r in mine], linewidth=2 if method == DISTILLED else 1.2, label=method, **mark.keywords())
            if method == DISTILLED:
                ax.fill_between(x, [r.low for r in mine], [r.high for r in mine], color=mark.colour, alpha=0.15, linewidth=0)
        for r in _ceilings(rows, shift):
            ax.axhline(r.mean, color="black", linestyle=":", linewidth=1.2, label=f"{r.method} ({r.points})")
        ax.set_xscale("log")
        log_axis(ax.yaxis, tick_percent)
        ax.set_xticks(sizes, [str(n) for n in sizes])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_title(shift_name(shift))
        ax.grid(which="major")
    for ax in axes[::columns]:
        ax.set_ylabel("relative L2 error")
    for ax in axes[-columns:]:
        ax.set_xlabel(SIZES[protocol])
        ax.tick_params(labelbottom=True)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 5))
    figure.suptitle("How many points a method needs for an error: read along a horizontal line")
    return figure


def shifts_with_sizes(rows: Sequence[SummaryRow]) -> list[str]:
    """Return the shifts under which methods were run at several sizes."""
    sizes: dict[str, set[int]] = {}
    for r in rows:
        if not r.ceiling:
            sizes.setdefault(r.shift, set()).add(r.points)
    return [shift for shift, found in sizes.items() if len(found) > 1]


def _ceilings(rows: Sequence[SummaryRow], shift: str) -> list[SummaryRow]:
    """One row a ceiling: the largest."""
    found: dict[str, SummaryRow] = {}
    for r in rows:
        if r.ceiling and r.shift == shift and (r.method not in found or r.points > found[r.method].points):
            found[r.method] = r
    return [r for r in found.values() if math.isfinite(r.mean)]
