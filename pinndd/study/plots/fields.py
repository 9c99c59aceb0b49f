"""Solution, predictions and errors of one boundary condition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from pinndd.pinn.pde import PDE
from pinndd.study.bootstrap import Array
from pinndd.study.outcome import DISTILLED, FieldExample
from pinndd.study.plots.style import ERROR_MAP, FIELD_MAP, WIDTH, label, marks, new_figure
from pinndd.study.words import percent, shift_name


def draw_fields(pde: PDE, example: FieldExample) -> Figure:
    """Draw the solution and two predictions on one colour scale, their errors on another, and a cut through all three.

    Args:
        pde: gives the domain and the units.
        example: its first two predictions are drawn, the distilled set's first.
    """
    names = sorted(example.predictions, key=lambda n: n != DISTILLED)[:2]
    truth: Array = example.truth.double().numpy()
    fields = {n: example.predictions[n].double().numpy() for n in names}
    errors = {n: np.abs(fields[n] - truth) for n in names}
    figure = new_figure(WIDTH, 4.9)
    axes = figure.subplots(2, 1 + len(names), squeeze=False)
    image = _fields(pde, axes[0], ["solution", *names], [truth, *fields.values()], FIELD_MAP)
    figure.colorbar(image, ax=list(axes[0]), label=label(pde, "u"), fraction=0.05)
    image = _fields(pde, axes[1][1:], [f"error of {n}" for n in names], list(errors.values()), ERROR_MAP)
    figure.colorbar(image, ax=list(axes[1]), label=_error_label(pde), fraction=0.05)
    _cut(pde, axes[1][0], truth, fields, errors)
    relative = {n: float(np.linalg.norm(fields[n] - truth) / np.linalg.norm(truth)) for n in names}
    found = ", ".join(f"{n} is off by {percent(e)}" for n, e in relative.items())
    where = (
        "One unseen condition in distribution"
        if example.shift == "none"
        else f"One condition of the shift {shift_name(example.shift)}"
    )
    figure.suptitle(f"{where}: {found}")
    return figure


def coordinates(pde: PDE, field: Array) -> tuple[Array, Array]:
    """Coordinates of a field's rows and columns: equispaced, both ends included."""
    low, high = pde.box.low, pde.box.high
    return np.linspace(low[0], high[0], field.shape[0]), np.linspace(low[1], high[1], field.shape[1])


def _error_label(pde: PDE) -> str:
    return f"|error| ({pde.units['u']})" if "u" in pde.units else "|error|"


def _fields(pde: PDE, axes: Sequence[Axes], titles: Sequence[str], values: Sequence[Array], colours: str) -> QuadMesh:
    low, high = min(float(v.min()) for v in values), max(float(v.max()) for v in values)
    low = 0.0 if colours == ERROR_MAP else low
    meshes = []
    for k, (ax, title, field) in enumerate(zip(axes, titles, values, strict=True)):
        x, y = coordinates(pde, field)
        mesh = ax.pcolormesh(x, y, field.T, shading="gouraud", cmap=colours, vmin=low, vmax=high, rasterized=True)
        meshes.append(mesh)
        ax.set_title(title)
        ax.set_xlabel(label(pde, pde.box.names[0]))
        ax.locator_params(nbins=4)
        if k == 0:
            ax.set_ylabel(label(pde, pde.box.names[1]))
        else:
            ax.set_yticklabels([])
    return meshes[0]


def _cut(pde: PDE, ax: Axes, truth: Array, fields: dict[str, Array], errors: dict[str, Array]) -> None:
    """A line through the place where a prediction is worst."""
    x, y = coordinates(pde, truth)
    column = int(np.argmax(sum(e**2 for e in errors.values()).sum(0)))  # type: ignore[union-attr]
    ax.plot(x, truth[:, column], color="black", linewidth=1.6, label="solution")
    style = marks(fields)
    for line, (name, field) in zip(("--", ":"), fields.items(), strict=False):
        ax.plot(x, field[:, column], color=style[name].colour, linestyle=line, linewidth=1.8, label=name)
    unit = pde.units.get(pde.box.names[1], "")
    ax.set_title(f"cut at {pde.box.names[1]} = {y[column]:.2g} {unit}".rstrip())
    ax.set_xlabel(label(pde, pde.box.names[0]))
    ax.set_ylabel(label(pde, "u"))
    ax.legend(loc="best", fontsize=8)
