"""Solution, predictions and errors of one boundary condition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pinndd.pinn.declare.pde import PDE
from pinndd.study.plots.panels import (
    ShownComponent,
    components,
    coordinates,
    draw_error_map,
    draw_map,
    tallness,
    telling,
    where,
)
from pinndd.study.plots.style import WIDTH, label, marks, new_figure
from pinndd.study.results.intervals import Array
from pinndd.study.results.outcome import FieldExample
from pinndd.study.results.standing import Standing
from pinndd.study.results.table import NO_SHIFT
from pinndd.study.results.words import percent, shift_name

_ROW_WIDTH = 11.0
_DASHES = ("--", ":")


def draw_fields(pde: PDE, example: FieldExample, standing: Standing | None = None) -> Figure:
    """Draw the solution and two predictions on one colour scale, their errors on another.

    One component over two coordinates comes with a cut through all three; several components take a row each; over one
    coordinate the fields are lines.

    Args:
        pde: gives the domain and the units.
        example: its first two predictions are drawn, the distilled set's first.
        standing: what the table says about them; the title has it (None: nothing).
    """
    shown = components(pde, example)
    alone = len(shown) == 1 and shown[0].truth.ndim == 2
    figure = _with_cut(pde, shown[0]) if alone else _rows(pde, shown)
    inside = example.shift == NO_SHIFT
    kind = "One unseen condition in distribution" if inside else f"One condition of the shift {example.shift}"
    place = where(pde, example)
    figure.suptitle(f"{kind}{', ' * bool(place)}{place}: {errors_in_words(shown)}{_second_line(standing)}")
    return figure


def draw_field_row(pde: PDE, example: FieldExample, standing: Standing | None = None) -> Figure:
    """Draw the most telling component in one row: solution, predictions, errors (arguments as in `draw_fields`)."""
    shown = components(pde, example)
    chosen = telling(shown)
    figure = _rows(pde, [chosen])
    about = [f"{pde.title or pde.name}"]
    about += [f"component {chosen.name}"] if len(shown) > 1 else []
    about += [where(pde, example)] if example.at else []
    family = "" if example.shift == NO_SHIFT else f" (shift {shift_name(example.shift)})"
    figure.suptitle(f"{', '.join(about)}{family}: {errors_in_words([chosen])}{_second_line(standing)}")
    return figure


def errors_in_words(shown: Sequence[ShownComponent]) -> str:
    """Say how far each method is off: ``distilled is off by 1.7 %, sobol is off by 8.0 %``, of several components each."""
    found = []
    for name in shown[0].predictions:
        errors = {c.name: percent(c.relative_errors[name]) if c.size else "–" for c in shown}
        each = [f"{error} in {component}" if len(shown) > 1 else error for component, error in errors.items()]
        found.append(f"{name} is off by {', '.join(each)}")
    return (";\n" if len(shown) > 1 else ", ").join(found)


def _second_line(standing: Standing | None) -> str:
    """What the title says of the baseline, and of a distilled set that loses."""
    said = [f"beside {standing.beside}", standing.warning] if standing is not None and standing.shown else []
    return "\n" * bool(said) + "; ".join(filter(None, said))


def _with_cut(pde: PDE, shown: ShownComponent) -> Figure:
    names = list(shown.predictions)
    figure = new_figure(WIDTH, 4.9)
    axes = figure.subplots(2, 1 + len(names), squeeze=False)
    _maps(pde, figure, list(axes[0]), shown, ["solution", *names])
    _error_maps(pde, figure, list(axes[1][1:]), shown, [f"error of {n}" for n in names], list(axes[1]))
    _cut(pde, axes[1][0], shown)
    return figure


def _rows(pde: PDE, shown: Sequence[ShownComponent]) -> Figure:
    """One row per component: solution and predictions, then errors."""
    names = list(shown[0].predictions)
    if shown[0].truth.ndim == 1:
        figure = new_figure(WIDTH, 0.5 + 2.4 * len(shown))
        for row, component in zip(figure.subplots(len(shown), 2, squeeze=False), shown, strict=True):
            _lines(pde, row[0], row[1], component)
        return figure
    figure = new_figure(_ROW_WIDTH, 0.5 + min(2.1, 0.7 + 1.5 * tallness(pde)) * len(shown))
    axes = figure.subplots(len(shown), 1 + 2 * len(names), squeeze=False)
    for row, component in zip(axes, shown, strict=True):
        prefix = f"{component.name}: " if len(shown) > 1 else ""
        _maps(pde, figure, list(row[: 1 + len(names)]), component, [f"{prefix}{n}" for n in ("solution", *names)])
        if names:
            _error_maps(pde, figure, list(row[1 + len(names) :]), component, [f"error of\n{n}" for n in names])
    for ax in axes.flat:
        ax.locator_params(axis="x", nbins=2)
    for ax in axes[:-1].flat:
        ax.set_xlabel("")
        ax.set_xticklabels([])
    return figure


def _maps(pde: PDE, figure: Figure, axes: list[Axes], shown: ShownComponent, titles: Sequence[str]) -> None:
    fields = [shown.truth, *shown.predictions.values()]
    for ax, title, field in zip(axes, titles, fields, strict=True):
        image = draw_map(pde, ax, field, *shown.limits)
        ax.set_title(title)
        if ax is not axes[0]:
            _hide_heights(ax)
    axes[0].set_ylabel(label(pde, pde.box.names[1]))
    outside = any(np.nanmin(f) < shown.limits[0] or np.nanmax(f) > shown.limits[1] for f in fields)
    figure.colorbar(
        image, ax=axes, label=_label(pde, shown), fraction=0.05, pad=0.02, extend="both" if outside else "neither"
    )


def _error_maps(
    pde: PDE,
    figure: Figure,
    axes: list[Axes],
    shown: ShownComponent,
    titles: Sequence[str],
    beside: list[Axes] | None = None,
) -> None:
    """Draw the errors on a scale of their own; the bar stands beside ``beside``."""
    high = max(float(np.nanmax(e)) for e in shown.errors.values())
    for ax, title, error in zip(axes, titles, shown.errors.values(), strict=True):
        image = draw_error_map(pde, ax, error, high)
        ax.set_title(title)
        if ax is not axes[0] or beside is None:
            _hide_heights(ax)
        else:
            ax.set_ylabel(label(pde, pde.box.names[1]))
    figure.colorbar(image, ax=beside or axes, label=_error_label(pde, shown), fraction=0.05, pad=0.02)


def _hide_heights(ax: Axes) -> None:
    """The panel at its left has the same vertical axis."""
    ax.set_yticklabels([])
    ax.tick_params(axis="y", length=0)


def _lines(pde: PDE, left: Axes, right: Axes, shown: ShownComponent) -> None:
    (x,) = coordinates(pde, shown.truth)
    left.plot(x, shown.truth, color="black", linewidth=1.6, label="solution")
    style = marks(shown.predictions)
    lowest = 1e-4 * max((float(np.nanmax(e)) for e in shown.errors.values()), default=1.0) or 1e-12
    for dash, (name, field) in zip(_DASHES, shown.predictions.items(), strict=False):
        left.plot(x, field, color=style[name].colour, linestyle=dash, linewidth=1.8, label=name)
        right.semilogy(x, shown.errors[name].clip(lowest), color=style[name].colour, linewidth=1.6, label=name)
    left.set_ylabel(_label(pde, shown))
    right.set_ylabel(_error_label(pde, shown))
    left.legend(loc="best", fontsize=8)
    for ax in (left, right):
        ax.set_xlabel(label(pde, pde.box.names[0]))


def _cut(pde: PDE, ax: Axes, shown: ShownComponent) -> None:
    """A line through the place where a prediction is worst."""
    x, y = coordinates(pde, shown.truth)
    squared: Array = np.sum([e**2 for e in shown.errors.values()], axis=0)
    column = int(np.argmax(np.nansum(squared, axis=0)))
    ax.plot(x, shown.truth[:, column], color="black", linewidth=1.6, label="solution")
    style = marks(shown.predictions)
    for dash, (name, field) in zip(_DASHES, shown.predictions.items(), strict=False):
        ax.plot(x, field[:, column], color=style[name].colour, linestyle=dash, linewidth=1.8, label=name)
    unit = pde.units.get(pde.box.names[1], "")
    ax.set_title(f"cut at {pde.box.names[1]} = {y[column]:.2g} {unit}".rstrip())
    ax.set_xlabel(label(pde, pde.box.names[0]))
    ax.set_ylabel(_label(pde, shown))
    ax.legend(loc="best", fontsize=8)


def _label(pde: PDE, shown: ShownComponent) -> str:
    return f"{shown.name} ({_unit(pde, shown)})" if _unit(pde, shown) else shown.name


def _error_label(pde: PDE, shown: ShownComponent) -> str:
    return f"|error| ({_unit(pde, shown)})" if _unit(pde, shown) else "|error|"


def _unit(pde: PDE, shown: ShownComponent) -> str:
    return pde.units.get(shown.name, "")
