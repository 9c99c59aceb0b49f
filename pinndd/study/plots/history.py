"""The outer loop: risk against step, all seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib import colormaps
from matplotlib.figure import Figure

from pinndd.study.plots.style import WIDTH, log_axis, new_figure
from pinndd.study.results.table import RELATIVE_L2
from pinndd.study.results.words import error_name, tick_percent


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
        looks = [
            (r["step"], r["validation"])
            for r in history
            if math.isfinite(r.get("validation", math.nan)) and r["validation"] > 0
        ]
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
            ax.plot(*zip(*looks, strict=True), color=colour, linewidth=1.8, label=f"validation, seed {seed}")
            starts.append(looks[0][1])
            ends.append(min(v for _, v in looks))
    log_axis(ax.yaxis, tick_percent)
    ax.set_xlabel("outer step")
    ax.set_ylabel(f"risk ({error_name(distance)})")
    ax.grid(axis="y", which="major")
    if starts:
        gain = sum(starts) / sum(ends) if sum(ends) > 0 else math.inf
        ax.set_title(f"The outer loop lowers the validation risk {gain:.3g} times; every seed should end low and flat")
    ax.legend(loc="upper right")
    return figure
