"""Accuracy over all classes seen so far, after each step of a class-incremental stream."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from pinndd.study.classification.continual import Trace, steps_frame
from pinndd.study.plots.style import WIDTH, house_style, marks, new_figure
from pinndd.study.results.table import DISTILLED


def draw_continual(traces: Sequence[Trace], title: str) -> Figure:
    """Draw the accuracy of every memory after each step, in per cent, with bands of the 95 % intervals over the seeds.

    Args:
        traces: of several memories, on streams with steps of the same sizes.
        title: what was learnt.

    Raises:
        ValueError: there is no run.
    """
    if not traces:
        raise ValueError("draw_continual: there is no run to draw")
    steps = steps_frame(traces)
    with house_style():
        figure = new_figure(WIDTH, 4.4)
        ax = figure.subplots()
        for name, mark in marks(steps["memory"].unique()).items():
            own = steps[steps["memory"] == name]
            mean, half = 100 * own["accuracy"], 100 * own["accuracy_half"].fillna(0.0)
            ax.plot(own["seen"], mean, linewidth=2 if name == DISTILLED else 1.2, label=name, **mark.keywords())
            # an interval of few seeds can reach beyond what is possible
            low, high = (mean - half).clip(lower=0.0), (mean + half).clip(upper=100.0)
            ax.fill_between(own["seen"], low, high, color=mark.colour, alpha=0.15, linewidth=0)
        ax.set_xticks(steps["seen"].unique())
        ax.set_xlabel("classes seen")
        ax.set_ylabel("accuracy over the classes seen (%)")
        ax.grid()
        ax.set_axisbelow(True)
        ax.legend()
        ax.set_title(title)
    return figure
