"""The transfer matrix: distilled with one learner, trained with another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from pinndd.study.outcome import DISTILLED, NO_SHIFT
from pinndd.study.plots.style import WIDTH, new_figure
from pinndd.study.summary import SummaryRow
from pinndd.study.words import percent, significant

Cells = Mapping[tuple[str, str], SummaryRow]


def draw_transfer(rows: Sequence[SummaryRow]) -> Figure:
    """Draw the ratio (best tuned baseline ÷ distilled) of every pair of learners, in distribution and under the worst shift.

    Args:
        rows: of one protocol.
    """
    panels: list[tuple[str, Cells]] = [("in distribution", transfer_cells(rows, worst_shift=False))]
    worst = transfer_cells(rows, worst_shift=True)
    if worst:
        panels.append(("the worst shift", worst))
    height = 1.5 + 0.85 * len({a for _, cells in panels for a, _ in cells})
    figure = new_figure(WIDTH, height)
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for ax, (title, cells) in zip(axes, panels, strict=True):
        image = _panel(ax, cells)
        ax.set_title(title)
    axes[0].set_ylabel("distilled with")
    bar = figure.colorbar(image, ax=list(axes), fraction=0.05, extend="both")
    bar.set_ticks([0.25, 0.5, 1, 2, 4], labels=["¼", "½", "1", "2", "4"], minor=False)
    bar.minorticks_off()
    bar.set_label("error of the best baseline\n÷ error of the distilled set")
    figure.suptitle("Blue: the distilled set helps that learner; red: a tuned baseline is better")
    return figure


def transfer_cells(rows: Sequence[SummaryRow], *, worst_shift: bool) -> dict[tuple[str, str], SummaryRow]:
    """Return the row of each cell (distilled with, trained with): in distribution, or of the shift with the lowest ratio."""
    cells: dict[tuple[str, str], SummaryRow] = {}
    for r in rows:
        if r.method != DISTILLED or r.ratio is None or (r.shift == NO_SHIFT) == worst_shift:
            continue
        key = (r.distilled_with or r.learner, r.learner)
        if key not in cells or r.ratio < (cells[key].ratio or 0):
            cells[key] = r
    return cells


def _panel(ax: Axes, cells: Cells) -> AxesImage:
    sources = list(dict.fromkeys(a for a, _ in cells))
    targets = list(dict.fromkeys(b for _, b in cells))
    ratios = np.full((len(sources), len(targets)), np.nan)
    for (a, b), row in cells.items():
        ratios[sources.index(a), targets.index(b)] = row.ratio
    image = ax.imshow(np.ma.masked_invalid(np.maximum(ratios, 1e-3)), cmap="RdBu", norm=LogNorm(0.2, 5), aspect="auto")
    for (a, b), row in cells.items():
        ratio = row.ratio or 0.0
        interval = f"({significant(row.ratio_low or 0)} to {significant(row.ratio_high or 0)})"
        text = f"{significant(ratio)}×\n{interval}\nerror {percent(row.mean)}"
        dark = not 0.4 < ratio < 2.5
        ax.text(
            targets.index(b),
            sources.index(a),
            text,
            ha="center",
            va="center",
            fontsize=8.5,
            color="white" if dark else "black",
        )
    ax.set_xticks(range(len(targets)), targets)
    ax.set_yticks(range(len(sources)), sources, rotation=90, va="center")
    ax.set_xlabel("trained with")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return image
