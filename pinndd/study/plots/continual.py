"""Accuracy over all classes seen so far, after each step of a class-incremental stream."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from matplotlib.figure import Figure

from pinndd.study.classification.continual import Trace, accuracy_after_steps
from pinndd.study.outcome import DISTILLED
from pinndd.study.plots.style import WIDTH, house_style, marks, new_figure


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
    seen = list(accumulate(len(step) for step in traces[0].steps))
    with house_style():
        figure = new_figure(WIDTH, 4.4)
        ax = figure.subplots()
        for name, mark in marks(trace.memory for trace in traces).items():
            means = accuracy_after_steps(traces, name)
            # an interval of few seeds can reach beyond what is possible
            low, high = [max(0.0, 100 * m.low) for m in means], [min(100.0, 100 * m.high) for m in means]
            ax.plot(
                seen,
                [100 * m.value for m in means],
                linewidth=2 if name == DISTILLED else 1.2,
                label=name,
                **mark.keywords(),
            )
            ax.fill_between(seen, low, high, color=mark.colour, alpha=0.15, linewidth=0)
        ax.set_xticks(seen)
        ax.set_xlabel("classes seen")
        ax.set_ylabel("accuracy over the classes seen (%)")
        ax.grid()
        ax.set_axisbelow(True)
        ax.legend()
        ax.set_title(title)
    return figure
