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
    to_scale,
    where,
)
from pinndd.study.plots.scales import colour_bar, coordinate_axis, quantity, unit_of, value_axis, with_unit
from pinndd.study.plots.style import WIDTH, head, marks, new_figure, title_height
from pinndd.study.results.intervals import Array
from pinndd.study.results.outcome import FieldExample
from pinndd.study.results.standing import Standing
from pinndd.study.results.table import NO_SHIFT
from pinndd.study.results.words import percent, shift_name

_ROW_WIDTH = 11.0
_DASHES = ("--", ":")
_LONG, _HIGH = 0.6, 1.7
"""Height over width of a map below and above which panels are put together in another way."""
_SMALL = 9.0
"""Font of titles over narrow panels."""


def draw_fields(pde: PDE, example: FieldExample, standing: Standing | None = None) -> Figure:
    """Draw the solution and two predictions on one colour scale, their errors on another.

    One component over two coordinates comes with a cut through all three, and so does every component on a domain much longer than
    high; else several components take a row each. Over one coordinate the fields are lines.

    Args:
        pde: gives the domain and the units.
        example: its first two predictions are drawn, the distilled set's first.
        standing: what the table says about them; the title has it (None: nothing).
    """
    shown = components(pde, example)
    inside = example.shift == NO_SHIFT
    kind = "One unseen condition in distribution" if inside else f"One condition of the shift {example.shift}"
    place = where(pde, example)
    title = f"{kind}{', ' * bool(place)}{place}: {errors_in_words(shown)}{_second_line(standing)}"
    plane = shown[0].truth.ndim == 2
    if plane and (len(shown) == 1 or tallness(pde) < _LONG):
        return _with_cuts(pde, shown, title)
    return _rows(pde, shown, title) if plane else _curves(pde, shown, title)


def draw_field_row(pde: PDE, example: FieldExample, standing: Standing | None = None) -> Figure:
    """Draw the most telling component in one row: solution, predictions, errors (arguments as in `draw_fields`)."""
    shown = components(pde, example)
    chosen = telling(shown)
    about = [f"{pde.title or pde.name}"]
    about += [f"component {chosen.name}"] if len(shown) > 1 else []
    about += [where(pde, example)] if example.at else []
    family = "" if example.shift == NO_SHIFT else f" (shift {shift_name(example.shift)})"
    title = f"{', '.join(about)}{family}: {errors_in_words([chosen])}{_second_line(standing)}"
    return (_rows if chosen.truth.ndim == 2 else _curves)(pde, [chosen], title)


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


def _with_cuts(pde: PDE, shown: Sequence[ShownComponent], title: str) -> Figure:
    """Per component, solution and predictions above a cut and the errors; all in a line on a domain much higher than long."""
    tall, names = tallness(pde), list(shown[0].predictions)
    if tall > _HIGH:
        height = 3.6
        panels = 1 + 2 * len(names)
        figure = new_figure(panels * height / tall + 5.6, height + 1.1 + title_height(title, WIDTH))
        axes = figure.subplots(1, panels + 1, width_ratios=[*[height / tall] * panels, 1.9])
        _maps(pde, list(axes[: 1 + len(names)]), shown[0], _below_one_another("solution", *names), _SMALL)
        _error_maps(pde, list(axes[1 + len(names) : -1]), shown[0], [f"error of\n{n}" for n in names], _SMALL)
        _cut(pde, axes[-1], shown[0])
        head(figure, title)
        return figure
    width = _ROW_WIDTH if tall < _LONG else WIDTH
    panel = (width - 2.6) / (1 + len(names))
    rows = 2 * len(shown)
    height = panel * (tall if to_scale(pde) else 0.75) + 0.85
    figure = new_figure(width, rows * height + title_height(title, width))
    axes = figure.subplots(rows, 1 + len(names), squeeze=False)
    for component, above, below in zip(shown, axes[::2], axes[1::2], strict=True):
        prefix = f"{component.name}: " if len(shown) > 1 else ""
        _maps(pde, list(above), component, [f"{prefix}{n}" for n in ("solution", *names)])
        _error_maps(pde, list(below[1:]), component, [f"error of {n}" for n in names], beside=False)
        _cut(pde, below[0], component)
    head(figure, title)
    return figure


def _rows(pde: PDE, shown: Sequence[ShownComponent], title: str) -> Figure:
    """One row per component: solution and predictions, then errors."""
    names = list(shown[0].predictions)
    panels, tall = 1 + 2 * len(names), tallness(pde)
    panel = (_ROW_WIDTH - 3.4) / panels
    height = min(panel * (tall if to_scale(pde) else 0.85), 3.4)
    panel = height / tall if to_scale(pde) else panel
    width = panels * panel + 3.4
    figure = new_figure(width, (height + 0.55) * len(shown) + 0.45 + title_height(title, width))
    axes = figure.subplots(len(shown), panels, squeeze=False)
    size = _SMALL if panel < 1.35 else None
    for row, component in zip(axes, shown, strict=True):
        prefix = f"{component.name}: " if len(shown) > 1 else ""
        above = [f"{prefix}{n}" for n in ("solution", *names)]
        _maps(pde, list(row[: 1 + len(names)]), component, _below_one_another(*above) if size else above, size)
        if names:
            _error_maps(pde, list(row[1 + len(names) :]), component, [f"error of\n{n}" for n in names], size)
    for ax in axes[:-1].flat:
        ax.set_xlabel("")
        ax.tick_params(labelbottom=False)
    head(figure, title)
    return figure


def _below_one_another(*titles: str) -> list[str]:
    """Titles of narrow panels, all two lines high."""
    return [t.replace(": ", ":\n") if ": " in t else f"{t}\n" for t in titles]


def _curves(pde: PDE, shown: Sequence[ShownComponent], title: str) -> Figure:
    figure = new_figure(WIDTH, 2.4 * len(shown) + title_height(title, WIDTH))
    for row, component in zip(figure.subplots(len(shown), 2, squeeze=False), shown, strict=True):
        _lines(pde, row[0], row[1], component)
    head(figure, title)
    return figure


def _maps(pde: PDE, axes: list[Axes], shown: ShownComponent, titles: Sequence[str], size: float | None = None) -> None:
    fields = [shown.truth, *shown.predictions.values()]
    for ax, title, field in zip(axes, titles, fields, strict=True):
        image = draw_map(pde, ax, field, *shown.limits)
        ax.set_title(title, fontsize=size)
        _show_heights(pde, ax, ax is axes[0])
    outside = any(np.nanmin(f) < shown.limits[0] or np.nanmax(f) > shown.limits[1] for f in fields)
    colour_bar(axes[-1], image, shown.name, unit_of(pde, shown.name), "both" if outside else "neither")


def _error_maps(
    pde: PDE,
    axes: list[Axes],
    shown: ShownComponent,
    titles: Sequence[str],
    size: float | None = None,
    beside: bool = True,
) -> None:
    """Draw the errors on a scale of their own; ``beside``: a panel at the left has the same vertical axis."""
    high = max(float(np.nanmax(e)) for e in shown.errors.values())
    for ax, title, error in zip(axes, titles, shown.errors.values(), strict=True):
        image = draw_error_map(pde, ax, error, high)
        ax.set_title(title, fontsize=size)
        _show_heights(pde, ax, ax is axes[0] and not beside)
    colour_bar(axes[-1], image, "|error|", unit_of(pde, shown.name))


def _show_heights(pde: PDE, ax: Axes, shown: bool) -> None:
    """Label the vertical axis, unless the panel at its left has the same."""
    if shown:
        coordinate_axis(pde, ax.yaxis, 1, 4)
    else:
        ax.tick_params(axis="y", length=0, labelleft=False)


def _lines(pde: PDE, left: Axes, right: Axes, shown: ShownComponent) -> None:
    (x,) = coordinates(pde, shown.truth)
    left.plot(x, shown.truth, color="black", linewidth=1.6, label="solution")
    style = marks(shown.predictions)
    lowest = 1e-4 * max((float(np.nanmax(e)) for e in shown.errors.values()), default=1.0) or 1e-12
    for dash, (name, field) in zip(_DASHES, shown.predictions.items(), strict=False):
        left.plot(x, field, color=style[name].colour, linestyle=dash, linewidth=1.8, label=name)
        right.semilogy(x, shown.errors[name].clip(lowest), color=style[name].colour, linewidth=1.6, label=name)
    value_axis(left.yaxis, shown.name, unit_of(pde, shown.name))
    right.set_ylabel(with_unit("|error|", unit_of(pde, shown.name)))
    left.legend(loc="best", fontsize=8)
    for ax in (left, right):
        coordinate_axis(pde, ax.xaxis, 0)


def _cut(pde: PDE, ax: Axes, shown: ShownComponent) -> None:
    """A line through the place where a prediction is worst."""
    x, y = coordinates(pde, shown.truth)
    squared: Array = np.sum([e**2 for e in shown.errors.values()], axis=0)
    column = int(np.argmax(np.nansum(squared, axis=0)))
    ax.plot(x, shown.truth[:, column], color="black", linewidth=1.6, label="solution")
    style = marks(shown.predictions)
    for dash, (name, field) in zip(_DASHES, shown.predictions.items(), strict=False):
        ax.plot(x, field[:, column], color=style[name].colour, linestyle=dash, linewidth=1.8, label=name)
    second = pde.box.names[1]
    ax.set_title(f"cut at {second} = {quantity(y[column], unit_of(pde, second))}")
    coordinate_axis(pde, ax.xaxis, 0, 4)
    value_axis(ax.yaxis, shown.name, unit_of(pde, shown.name), 4)
    ax.legend(loc="best", fontsize=8)
