"""Error against seconds for everything that a run studied: which protocol and learner is beaten by which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas import DataFrame

from pinndd.study.plots.pareto import LEARNER_MARKERS
from pinndd.study.plots.style import CONDITION_COLOURS, WIDTH, log_axis, new_figure
from pinndd.study.results.selection import frontier, one_set_each
from pinndd.study.results.table import DISTILLED, NO_SHIFT, RELATIVE_L2, rows_of
from pinndd.study.results.words import error_name, listed, tick_of, tick_seconds

_PALE = 0.4
"""Opacity of what is beaten."""


def run_points(summaries: Sequence[DataFrame]) -> DataFrame:
    """Return what can be drawn of the protocols of a run: rows in distribution with a finite error and a time.

    Args:
        summaries: one per protocol.

    Returns:
        Rows of the summaries, numbered from 0, with ``best``: whether nothing else errs less in as little time, give or take a
        quarter, whatever its protocol and learner.
    """
    inside = [one_set_each(summary[summary["shift"] == NO_SHIFT]) for summary in summaries]
    together: DataFrame = pandas.concat(inside, ignore_index=True)
    drawn: DataFrame = together[np.isfinite(together["mean"]) & (together["seconds"] > 0)].reset_index(drop=True)
    return drawn.assign(best=drawn.index.isin(frontier(drawn).index))


def beaten_in_words(points: DataFrame) -> str:
    """Say which protocols, and which learners of the others, have no row that is best; an empty text where all have one.

    Args:
        points: of `run_points`.
    """
    beaten, said = [], []
    for name, mine in points.groupby("protocol", sort=False):
        if not mine["best"].any():
            beaten.append(str(name))
            continue
        learners = [str(learner) for learner, rows in mine.groupby("learner", sort=False) if not rows["best"].any()]
        said += [f"{name} with {learner}" for learner in learners]
    return f"Beaten throughout: {listed([*beaten, *said])}." if beaten or said else ""


def draw_run_pareto(points: DataFrame, distance: str = RELATIVE_L2) -> Figure:
    """Draw error against seconds per boundary condition of all protocols and learners together.

    Colour tells the protocol, the marker the learner; distilled sets are filled. What something else beats in both is pale; times
    that differ by less than a quarter count as equal, so it may lie a little to the left of the shaded region.

    Args:
        points: of `run_points`.
        distance: in which errors are measured.
    """
    protocols, learners = (points[name].unique().tolist() for name in ("protocol", "learner"))
    colours = {name: CONDITION_COLOURS[k % len(CONDITION_COLOURS)] for k, name in enumerate(protocols)}
    markers = {name: LEARNER_MARKERS[k % len(LEARNER_MARKERS)] for k, name in enumerate(learners)}
    figure = new_figure(WIDTH, 5.0)
    ax = figure.subplots()
    for row in rows_of(points.sort_values("best", kind="stable")):
        look = _look(colours[row.protocol], row.method == DISTILLED)
        ax.plot(
            [row.seconds],
            [row.mean],
            linestyle="none",
            marker=markers[row.learner],
            alpha=1.0 if row.best else _PALE,
            zorder=4 if row.best else 3,
            **look,
        )
    ax.margins(0.08)
    log_axis(ax.xaxis, tick_seconds)
    log_axis(ax.yaxis, tick_of(distance))
    _shade(ax, points[points["best"]].sort_values("seconds"))
    ax.set_xlabel("wall time of training, per new boundary condition")
    ax.set_ylabel(f"{error_name(distance)}, in distribution")
    ax.grid(which="major")
    ax.set_axisbelow(True)
    ax.set_title("Lower left is better; pale: something errs less in as little time, within a quarter")
    handles = [Line2D([], [], linestyle="none", marker="o", label=name, **_look(c, True)) for name, c in colours.items()]
    handles += [
        Line2D([], [], linestyle="none", marker=marker, color="#777777", markersize=8, label=name)
        for name, marker in markers.items()
    ]
    handles += [
        Line2D([], [], linestyle="none", marker="o", label=name, **_look("#777777", filled))
        for name, filled in (("distilled set", True), ("any other set", False))
    ]
    figure.legend(handles=handles, loc="outside right upper", title="protocol (colour)\nlearner (shape)")
    return figure


def _look(colour: str, filled: bool) -> Mapping[str, Any]:
    return {
        "color": colour,
        "markersize": 9.5 if filled else 7.0,
        "markerfacecolor": colour if filled else "none",
        "markeredgecolor": "white" if filled else colour,
        "markeredgewidth": 0.6 if filled else 1.3,
    }


def _shade(ax: Any, best: DataFrame) -> None:
    """Shade what the best rows beat, from each to the right and upwards, without changing the limits."""
    right, top = ax.get_xlim()[1], ax.get_ylim()[1]
    times, errors = [*best["seconds"], right], [*best["mean"], best["mean"].min()]
    ax.fill_between(times, errors, top, step="post", color="#F2F2F2", linewidth=0, zorder=0)
    ax.step([times[0], *times], [top, *errors], where="post", color="#555555", linewidth=1.2, linestyle="--", zorder=2)
    ax.set_xlim(right=right)
    ax.set_ylim(top=top)
