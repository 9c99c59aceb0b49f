"""The transfer matrix: distilled with one learner, trained with another."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from pandas import DataFrame

from pinndd.study.plots.style import WIDTH, new_figure
from pinndd.study.protocols.words import ProtocolWords
from pinndd.study.results.selection import transfer_cells
from pinndd.study.results.table import rows_of
from pinndd.study.results.words import mean, significant


def draw_transfer(summary: DataFrame, said: ProtocolWords) -> Figure:
    """Draw the ratio (best baseline ÷ distilled) of every pair of learners, in distribution and under the worst shift.

    Args:
        summary: of one protocol.
        said: its words.
    """
    panels = {
        said.inside: transfer_cells(summary, worst_shift=False),
        "the worst shift": transfer_cells(summary, worst_shift=True),
    }
    panels = {title: cells for title, cells in panels.items() if len(cells)}
    sources, targets = (max(cells[name].nunique() for cells in panels.values()) for name in ("distilled_with", "learner"))
    # the text of more than three cells does not fit into half of the width
    below = len(panels) if targets > 3 else 1
    figure = new_figure(WIDTH, below * (0.6 + 0.85 * sources) + 1.1)
    axes = figure.subplots(below, len(panels) // below, squeeze=False, sharex=True, sharey=True).flatten()
    for ax, (title, cells) in zip(axes, panels.items(), strict=True):
        image = _panel(ax, cells)
        ax.set_title(title)
        ax.label_outer()
    bar = figure.colorbar(image, ax=list(axes), fraction=0.05, extend="both")
    bar.set_ticks([0.25, 0.5, 1, 2, 4], labels=["¼", "½", "1", "2", "4"], minor=False)
    bar.minorticks_off()
    bar.set_label("error of the best baseline\n÷ error of the distilled set")
    figure.suptitle("Blue: the distilled set helps that learner; red: the best baseline is better")
    return figure


def _panel(ax: Axes, cells: DataFrame) -> AxesImage:
    sources, targets = (cells[name].unique().tolist() for name in ("distilled_with", "learner"))
    ratios = cells.pivot(index="distilled_with", columns="learner", values="ratio").loc[sources, targets].to_numpy()
    image = ax.imshow(np.ma.masked_invalid(np.maximum(ratios, 1e-3)), cmap="RdBu", norm=LogNorm(0.2, 5), aspect="auto")
    for row in rows_of(cells):
        interval = f"({significant(row.ratio_low)} to {significant(row.ratio_high)})"
        ax.text(
            targets.index(row.learner),
            sources.index(row.distilled_with),
            f"{significant(row.ratio)}×\n{interval}\nerror {mean(row)}",
            ha="center",
            va="center",
            fontsize=8.5,
            color="black" if 0.4 < row.ratio < 2.5 else "white",
        )
    ax.set_xticks(range(len(targets)), [name.replace(", ", ",\n") for name in targets])  # "ridge, scale 0.7" fills its cell
    ax.set_yticks(range(len(sources)), sources, rotation=90, va="center")
    ax.set_xlabel("trained with")
    ax.set_ylabel("distilled with")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return image
