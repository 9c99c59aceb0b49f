"""Pictures of hospitals: which cells are missing, what tables of rows are worth, whether predicted probabilities come true."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import cycle

import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from torch import Tensor

from pinndd.bayesnet.hospitals import Hospitals
from pinndd.bayesnet.rows import MISSING
from pinndd.study.medical.hospitals.methods import EM, ORACLE
from pinndd.study.plots.style import ERROR_MAP, WIDTH, Mark, house_style, log_axis, new_figure

BINS = 10
_LEVEL = 1.959964
"""Normal quantile of a two-sided 95 % interval."""

# Okabe and Ito's colours, which people with any colour vision tell apart; markers differ as well
_MARKS = tuple(
    Mark(colour, marker)
    for colour, marker in zip(
        ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D00", "#5E3C99"), "osD^vPX*", strict=True
    )
)

_MOST_NUMBERS = 20
"""Variables for which the shares are written into the cells; with more of them, they would not be legible."""

_SHAPES = (*_MARKS, *(Mark(mark.colour, shape, filled=False) for mark, shape in zip(_MARKS, "hd<>8pHs", strict=True)))


def missingness(hospitals: Hospitals) -> Figure:
    """Draw the share of missing cells of every variable (columns) in every hospital (rows)."""
    absent = hospitals.rows == MISSING
    share = torch.stack([absent[hospitals.membership == k].double().mean(0) for k in range(len(hospitals.names))])
    sizes = torch.bincount(hospitals.membership, minlength=len(hospitals.names)).tolist()
    names = [variable.name for variable in hospitals.variables]
    with house_style():
        figure = new_figure(WIDTH, 1.9 + 0.42 * len(sizes) + 0.06 * max(map(len, names)))
        ax = figure.subplots()
        image = ax.imshow(share.numpy(), cmap=ERROR_MAP, vmin=0, vmax=1, aspect="auto")
        ax.set_xticks(range(len(names)), names, rotation=90, fontsize=9 if len(names) <= _MOST_NUMBERS else 7)
        ax.set_yticks(range(len(sizes)), [f"{name} ({n} rows)" for name, n in zip(hospitals.names, sizes, strict=True)])
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        if len(names) <= _MOST_NUMBERS:
            for row, column in torch.cartesian_prod(torch.arange(len(sizes)), torch.arange(len(names))).tolist():
                value = float(share[row, column])
                ax.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=8, color=_ink(value))
        bar = figure.colorbar(image, ax=ax, ticks=[0, 0.5, 1], pad=0.02)
        bar.ax.set_yticklabels(["0 %", "50 %", "100 %"])
        bar.set_label("missing")
        ax.set_title(
            f"Cells that a hospital did not record, in per cent: {100 * hospitals.missing:.0f} % of the table is missing"
        )
    return figure


def _ink(share: float) -> str:
    """Return a colour that is legible on the map."""
    return "white" if share < 0.6 else "black"


def reliability(methods: Mapping[str, tuple[Tensor, Tensor]]) -> Figure:
    """Draw how often what was predicted happened, against the predicted probability; histograms of the predictions below.

    Cases are put into ten bins of equal count by their prediction; a bar is the 95 % interval of a binomial share (Wilson 1927,
    doi 10.2307/2276774).

    Args:
        methods: for each method the predicted probabilities, ``(N,)``, and what happened, ``(N,)`` of 0 and 1.

    Raises:
        ValueError: there is no method, or numbers of one do not fit; the message names it.
    """
    if not methods:
        raise ValueError("reliability: there is no method to draw")
    for name, (probabilities, outcomes) in methods.items():
        _check(name, probabilities, outcomes)
    style = dict(zip(methods, cycle(_MARKS), strict=False))
    with house_style():
        figure = new_figure(6.2, 6.6 + 0.25 * -(-len(methods) // 2))
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        above.plot([0, 1], [0, 1], color="#555555", linewidth=1, linestyle="--", label="what is predicted happens")
        lines = cycle(("-", "--", "-.", ":"))
        for name, (probabilities, outcomes) in methods.items():
            _draw(above, name, style[name], reliability_bins(probabilities, outcomes))
            counts = torch.histc(probabilities.detach().double(), BINS, 0, 1).tolist()
            below.stairs(
                counts, [k / BINS for k in range(BINS + 1)], color=style[name].colour, linewidth=1.5, ls=next(lines)
            )
        above.set_xlim(-0.02, 1.02)
        above.set_ylim(-0.02, 1.02)
        above.set_ylabel("share in which it happened")
        above.grid()
        above.set_axisbelow(True)
        above.set_title("On the dashed line, predicted probabilities come true")
        below.set_xlabel("predicted probability")
        below.set_ylabel("cases")
        handles, names = above.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=2)
    return figure


def reliability_bins(probabilities: Tensor, outcomes: Tensor) -> Tensor:
    """Return one row per bin: mean prediction, share of outcomes, low and high end of its 95 % interval, number of cases.

    Args:
        probabilities: ``(N,)``.
        outcomes: ``(N,)``, 0 or 1.
    """
    order = probabilities.detach().argsort(stable=True)
    rows = []
    for members in torch.tensor_split(order, min(BINS, len(order))):
        n, share = len(members), float(outcomes[members].double().mean())
        middle = (share + _LEVEL**2 / (2 * n)) / (1 + _LEVEL**2 / n)
        half = _LEVEL / (1 + _LEVEL**2 / n) * (share * (1 - share) / n + _LEVEL**2 / (4 * n**2)) ** 0.5
        rows.append([float(probabilities.detach()[members].double().mean()), share, middle - half, middle + half, n])
    return torch.tensor(rows, dtype=torch.float64)


def _draw(ax: Axes, name: str, mark: Mark, bins: Tensor) -> None:
    predicted, share, low, high, _ = bins.unbind(-1)
    # rounding can put an end of the interval a hair inside a share of exactly 0 or 1
    errors = torch.stack((share - low, high - share)).clamp_min(0).tolist()
    ax.errorbar(
        predicted.tolist(), share.tolist(), errors, label=name, linewidth=1.3, elinewidth=0.8, capsize=2, **mark.keywords()
    )


def _check(name: str, probabilities: Tensor, outcomes: Tensor) -> None:
    if probabilities.ndim != 1 or probabilities.shape != outcomes.shape or not len(probabilities):
        raise ValueError(
            f"reliability of {name!r}: probabilities have shape {tuple(probabilities.shape)} and outcomes "
            f"{tuple(outcomes.shape)}, expected (N,) twice with N at least 1"
        )
    inside = (probabilities >= 0) & (probabilities <= 1)
    if not bool(inside.all()):
        worst = float(probabilities[~inside][0])
        raise ValueError(f"reliability of {name!r}: prediction {worst:g}, expected a probability from 0 to 1")
    odd = (outcomes != 0) & (outcomes != 1)
    if bool(odd.any()):
        raise ValueError(f"reliability of {name!r}: outcome {float(outcomes[odd][0]):g}, expected 0 or 1")


def variation_by_rows(summary: pd.DataFrame, patients: int) -> Figure:
    """Draw the total variation from the truth against the number of rows, on chosen (left) and fresh queries (right).

    The oracle and expectation maximisation are lines across; methods that keep all patients stand at their number. Bands and
    bars are one standard error over seeds.

    Args:
        summary: of one setting, from `pinndd.study.medical.hospitals.scores.summarise`.
        patients: rows of all hospitals.

    Raises:
        ValueError: the summary is empty.
    """
    if summary.empty:
        raise ValueError("variation_by_rows: there is nothing to draw")
    names = [name for name in summary["method"].unique() if name not in (EM, ORACLE)]
    style = dict(zip(names, _SHAPES, strict=False))
    summary = summary.assign(rows=summary["rows"].fillna(patients).astype(int)).sort_values("rows", kind="stable")
    titles = {"chosen": "chosen queries: tables are made for them", "fresh": "fresh queries: nothing is made for them"}
    with house_style():
        figure = new_figure(WIDTH, 4.6 + 0.22 * -(-(len(style) + 2) // 3))
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        for ax, (asked, title) in zip(axes, titles.items(), strict=True):
            for name in (ORACLE, EM):
                _level(ax, summary[summary["method"] == name], ":" if name == ORACLE else "-", asked)
            for name, mark in style.items():
                _curve(ax, name, mark, summary[summary["method"] == name], asked)
            ax.set_title(title)
            ax.set_xlabel("rows that the network is trained on")
            ax.grid(which="major")
            ax.set_axisbelow(True)
        sizes = sorted(summary["rows"].unique())
        axes[0].set_xscale("log")
        axes[0].set_xticks(sizes, [str(size) for size in sizes])
        axes[0].xaxis.set_minor_locator(NullLocator())
        axes[0].set_ylabel("total variation from the true network")
        log_axis(axes[0].yaxis, lambda value: f"{value:g}")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        figure.suptitle("What a table of so many rows is worth: lower is better")
    return figure


def _level(ax: Axes, own: pd.DataFrame, dashes: str, asked: str) -> None:
    for method, mean, error in zip(own["method"], own[asked], own[f"{asked}_error"], strict=True):
        ax.axhline(mean, color="black", linestyle=dashes, linewidth=1.3, label=method)
        if math.isfinite(error):
            ax.axhspan(mean - error, mean + error, color="black", alpha=0.08, linewidth=0)


def _curve(ax: Axes, name: str, mark: Mark, own: pd.DataFrame, asked: str) -> None:
    rows, means, errors = own["rows"], own[asked], own[f"{asked}_error"]
    ax.plot(rows, means, label=name, linewidth=1.5, **mark.keywords(7))
    if errors.isna().any():
        return
    if len(own) > 1:
        ax.fill_between(rows, means - errors, means + errors, color=mark.colour, alpha=0.15, linewidth=0)
    else:
        ax.vlines(rows, means - errors, means + errors, color=mark.colour, linewidth=1.2)
