"""The outer loop: risk against step, all seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pinndd.study.plots.style import WIDTH, head, legend_below, log_axis, new_figure
from pinndd.study.results.table import RELATIVE_L2
from pinndd.study.results.words import error_name, tick_of

FEW_LOOKS = 8
"""Looks at the validation risk below which its shape says nothing about convergence."""


def draw_history(histories: Sequence[Sequence[Mapping[str, float]]], distance: str = RELATIVE_L2) -> Figure:
    """Draw validation risk (line) and risk of the training batch (pale dots) of every seed.

    Args:
        histories: one per seed; rows with ``step, risk, validation``.
        distance: in which the risk measures errors.
    """
    figure = new_figure(WIDTH, 3.6)
    ax = figure.subplots()
    shades = colormaps["viridis"]
    starts, ends = [], []
    for seed, history in enumerate(histories):
        colour = shades(0.85 * seed / max(1, len(histories) - 1) if len(histories) > 1 else 0.3)
        risk = [(r["step"], r["risk"]) for r in history if math.isfinite(r.get("risk", math.nan)) and r["risk"] > 0]
        looks = _looks(history)
        if risk:
            ax.plot(
                *zip(*risk, strict=True),
                ".",
                color=colour,
                alpha=0.3,
                markersize=4,
                label="training batch" if not seed else None,
            )
        if looks:
            dots = "." if len(looks) < FEW_LOOKS else ""
            ax.plot(
                *zip(*looks, strict=True),
                marker=dots,
                markersize=9,
                color=colour,
                linewidth=1.8,
                label=f"validation, seed {seed}",
                clip_on=False,
            )
            starts.append(looks[0][1])
            ends.append(min(v for _, v in looks))
    log_axis(ax.yaxis, tick_of(distance))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    ax.set_xlabel("outer step")
    ax.set_ylabel(f"risk ({error_name(distance)})")
    ax.grid(axis="y", which="major")
    if starts:
        gain = sum(starts) / sum(ends) if sum(ends) > 0 else math.inf
        lowered = f"The outer loop lowers the validation risk {gain:.3g} times"
        few = looks_at(histories) < FEW_LOOKS
        advice = "too few looks at it tell whether it has settled" if few else "every seed should end low and flat"
        head(figure, f"{lowered}; {advice}")
    legend_below(figure, *ax.get_legend_handles_labels())
    return figure


def looks_at(histories: Sequence[Sequence[Mapping[str, float]]]) -> int:
    """Return how often the outer loop looked at the validation risk, for the seed for which it did most often."""
    return max((len(_looks(history)) for history in histories), default=0)


def _looks(history: Sequence[Mapping[str, float]]) -> list[tuple[float, float]]:
    """Steps and validation risks, where there is one."""
    return [
        (row["step"], row["validation"])
        for row in history
        if math.isfinite(row.get("validation", math.nan)) and row["validation"] > 0
    ]
