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


_HARDLY = 1.05
"""Times below which lowering is not worth a number."""


def draw_history(histories: Sequence[Sequence[Mapping[str, float]]], distance: str = RELATIVE_L2, judged: str = "") -> Figure:
    """Draw validation risk (line) and risk of the training batch (pale dots) of every seed.

    Args:
        histories: one per seed; rows with ``step, risk, validation``.
        distance: in which the risk measures errors.
        judged: the distance of what stands under ``validation``, where that is no risk but the error of a learner for which another
            one trains in the outer loop (empty: it is a risk); the two have a panel each.
    """
    batches = [_finite(history, "risk") for history in histories]
    apart = bool(judged) and any(batches)
    figure = new_figure(WIDTH, 3.6)
    panels = list(figure.subplots(1, 2 if apart else 1, squeeze=False, sharex=True)[0])
    left, right = panels[0], panels[-1]
    shades = colormaps["viridis"]
    starts, ends = [], []
    for seed, (history, risk) in enumerate(zip(histories, batches, strict=True)):
        colour = shades(0.85 * seed / max(1, len(histories) - 1) if len(histories) > 1 else 0.3)
        looks = _finite(history, "validation")
        if risk:
            left.plot(
                *zip(*risk, strict=True),
                ".",
                color=colour,
                # alone on their panel, dots need not be pale
                alpha=0.7 if apart else 0.3,
                markersize=4,
                label="training batch" if not seed else None,
            )
        if looks:
            dots = "." if len(looks) < FEW_LOOKS else ""
            right.plot(
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
    for ax in panels:
        measure, name = (judged, "error of the learner") if judged and ax is right else (distance, "risk")
        log_axis(ax.yaxis, tick_of(measure))
        ax.set_ylabel(f"{name} ({error_name(measure)})")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=4 if apart else 8))
        ax.set_xlabel("outer step")
        ax.grid(axis="y", which="major")
    if starts:
        gain = sum(starts) / sum(ends) if sum(ends) > 0 else math.inf
        what = "error in validation" if judged else "validation risk"
        lowered = f"The outer loop lowers the {what} {gain:.3g} times"
        if gain < _HARDLY:
            lowered = f"The outer loop hardly lowers the {what}" if gain > 1 else f"No step lowers the {what}: the start is kept"
        advice = "every seed should end low and flat" if gain > 1 else "a lower learning rate may help"
        if looks_at(histories) < FEW_LOOKS:
            advice = "too few looks at it tell whether it has settled"
        head(figure, f"{lowered}; {advice}")
    shown = [pair for ax in panels for pair in zip(*ax.get_legend_handles_labels(), strict=True)]
    legend_below(figure, *zip(*shown, strict=True))
    return figure


def looks_at(histories: Sequence[Sequence[Mapping[str, float]]]) -> int:
    """Return how often the outer loop looked at the validation risk, for the seed for which it did most often."""
    return max((len(_finite(history, "validation")) for history in histories), default=0)


def _finite(history: Sequence[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    """Steps and positive values of one name, where there is one."""
    return [(row["step"], row[name]) for row in history if math.isfinite(row.get(name, math.nan)) and row[name] > 0]
