"""A cross table of sets and of the problems they are evaluated under."""

from __future__ import annotations

import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from pinndd.study.plots.style import WIDTH, new_figure


def draw_cross_table(regret: pd.DataFrame) -> Figure:
    """Draw how many times worse each set (row) is than the one that was distilled for the column."""
    values = regret.to_numpy()
    figure = new_figure(WIDTH, 1.6 + 0.55 * len(values))
    ax = figure.subplots()
    top = max(2.0, float(values.max()))
    image = ax.imshow(values, norm=LogNorm(1 / top, top), cmap="RdBu_r", aspect="auto")
    for i, row in enumerate(values.tolist()):
        for j, value in enumerate(row):
            dark = not 1 / top**0.6 < value < top**0.6
            ax.text(j, i, f"{value:.2g}", ha="center", va="center", color="white" if dark else "black")
    ax.set_xticks(range(len(regret.columns)), regret.columns)
    ax.set_yticks(range(len(values)), regret.index)
    ax.set_xlabel("evaluated under")
    ax.set_ylabel("distilled for")
    bar = figure.colorbar(image, ax=ax, label="risk ÷ risk of the set\ndistilled for the column")
    powers = [2.0**k for k in range(-6, 7) if 1 / top <= 2.0**k <= top]
    bar.set_ticks(powers, labels=[f"{p:g}" if p >= 1 else f"1/{1 / p:g}" for p in powers])
    bar.minorticks_off()
    figure.suptitle("Red: a set that was distilled for something else is worse")
    return figure
