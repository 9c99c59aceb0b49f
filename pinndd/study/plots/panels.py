"""One component of a field in one panel: a map over two coordinates with the outline of the domain, or a line over one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray
from torch import Tensor

from pinndd.pinn.declare.pde import PDE
from pinndd.regions import Shape
from pinndd.study.plots.scales import coordinate_axis, quantity, scale_axis, unit_of
from pinndd.study.plots.style import ERROR_MAP, FIELD_MAP, WIDTH, new_figure, title_height
from pinndd.study.results.intervals import Array
from pinndd.study.results.outcome import FieldExample
from pinndd.study.results.table import DISTILLED

_EQUAL_UP_TO = 3.0
"""Aspect of a plane domain up to which its two coordinates are drawn to the same scale."""

_ROOM = 0.035
"""Around a domain, in its longer sides."""

_STACKED, _HIGHEST = 0.45, 5.0
"""Height over width of a map below which two of them stand below one another; inches that one is high at most."""


@dataclass(frozen=True)
class ShownComponent:
    """One component of an example: the truth, and the predictions of two methods, the distilled set's first.

    Attributes:
        name: of the component.
        truth: over the section, ``(n,)`` or ``(n, m)``, NaN outside the domain.
        predictions: method name to a field like the truth.
        size: root mean square of what the error is relative to, over the section: of the truth, less the rest and, where it is
            known up to a constant, less its mean.
    """

    name: str
    truth: Array
    predictions: dict[str, Array]
    size: float

    @property
    def errors(self) -> dict[str, Array]:
        """Absolute errors, by method."""
        return {name: np.abs(field - self.truth) for name, field in self.predictions.items()}

    @property
    def relative_errors(self) -> dict[str, float]:
        """Root mean square of the error over `size`, by method; NaN where the component is zero."""
        rms = {name: float(np.sqrt(np.nanmean(error**2))) for name, error in self.errors.items()}
        return {name: error / self.size if self.size else float("nan") for name, error in rms.items()}

    @property
    def truth_limits(self) -> tuple[float, float]:
        """Range of the truth."""
        return float(np.nanmin(self.truth)), float(np.nanmax(self.truth))

    @property
    def limits(self) -> tuple[float, float]:
        """Range of the colours: all of the truth, and of the predictions what does not drown it."""
        low, high = self.truth_limits
        slack = 0.5 * (high - low) or abs(high) or 1.0
        everything = [self.truth, *self.predictions.values()]
        return (
            max(low - slack, min(float(np.nanmin(f)) for f in everything)),
            min(high + slack, max(float(np.nanmax(f)) for f in everything)),
        )


def components(pde: PDE, example: FieldExample) -> list[ShownComponent]:
    """Return every component of an example."""
    names = sorted(example.predictions, key=lambda n: n != DISTILLED)[:2]
    axes = pde.box.dimension - len(example.at)
    truth = _with_components(example.truth, axes)
    fields = {n: _with_components(example.predictions[n], axes) for n in names}
    deviation = truth if example.rest is None else truth - _with_components(example.rest, axes)
    return [
        ShownComponent(
            name,
            truth[..., k],
            {n: f[..., k] for n, f in fields.items()},
            _size(deviation[..., k], name in pde.up_to_constant),
        )
        for k, name in enumerate(pde.components)
    ]


def _size(field: Array, free: bool) -> float:
    return float(np.sqrt(np.nanmean((field - np.nanmean(field)) ** 2 if free else field**2)))


def telling(shown: list[ShownComponent]) -> ShownComponent:
    """Return the component whose truth varies most for its size."""
    return max(shown, key=lambda c: float(np.nanstd(c.truth)) / (c.size or 1.0))


def where(pde: PDE, example: FieldExample) -> str:
    """Say at which coordinates the section lies: ``at t = 0.5 s``; empty where all are shown."""
    held = [f"{name} = {quantity(value, unit_of(pde, name))}" for name, value in example.at.items()]
    return f"at {', '.join(held)}" if held else ""


def coordinates(pde: PDE, field: NDArray[np.float64]) -> tuple[Array, ...]:
    """Coordinates along the axes of a field: equispaced, both ends included."""
    low, high = pde.box.low, pde.box.high
    return tuple(np.linspace(low[k], high[k], n) for k, n in enumerate(field.shape))


def draw_map(pde: PDE, ax: Axes, field: Array, low: float, high: float, colours: str = FIELD_MAP) -> QuadMesh:
    """Draw one component over two coordinates, cut off at the outline of the domain."""
    x, y = coordinates(pde, field)
    mesh = ax.pcolormesh(x, y, _filled(field).T, shading="gouraud", cmap=colours, vmin=low, vmax=high, rasterized=True)
    region = pde.box.region
    if region is not None:
        outline = PathPatch(_loops(region), fill=False, edgecolor="black", linewidth=0.9, clip_on=False)
        ax.add_patch(outline)
        mesh.set_clip_path(outline)
        ax.spines[:].set_visible(False)
    if to_scale(pde):
        ax.set_aspect("equal")
    coordinate_axis(pde, ax.xaxis, 0, 4)
    scale_axis(ax.yaxis, pde.box.low[1], pde.box.high[1], 4)
    return mesh


def _loops(region: Shape) -> Path:
    return Path.make_compound_path(*(Path(loop.numpy(), closed=True) for loop in region.outline()))


def draw_outline(pde: PDE, ax: Axes) -> None:
    """Draw the edge of a domain over two coordinates, with room around it for markers on it."""
    low, high = np.array(pde.box.low[:2]), np.array(pde.box.high[:2])
    corners = np.array([low, [high[0], low[1]], high, [low[0], high[1]], low])
    region = pde.box.region
    edge = Path(corners, closed=True) if region is None else _loops(region)
    ax.add_patch(PathPatch(edge, fill=False, edgecolor="#777777", linewidth=0.8, zorder=1))
    sides = (high - low) * (max(1.0, tallness(pde)), max(1.0, 1 / tallness(pde)))
    ax.set_xlim(low[0] - _ROOM * sides[0], high[0] + _ROOM * sides[0])
    ax.set_ylim(low[1] - _ROOM * sides[1], high[1] + _ROOM * sides[1])
    ax.spines[:].set_visible(False)


def tallness(pde: PDE) -> float:
    """Return the height of a map over its width: that of the domain where it is drawn to scale, else 1."""
    width, height = (b - a for a, b in zip(pde.box.low[:2], pde.box.high[:2], strict=True))
    return height / width if to_scale(pde) else 1.0


def to_scale(pde: PDE) -> bool:
    """Whether both coordinates shown are of space, and no side is much longer than the other."""
    sides = [b - a for a, b in zip(pde.box.low[:2], pde.box.high[:2], strict=True)]
    return pde.box.space_dimension > 1 and max(sides) <= _EQUAL_UP_TO * min(sides)


def draw_error_map(pde: PDE, ax: Axes, field: Array, high: float) -> QuadMesh:
    """Draw an absolute error over two coordinates."""
    return draw_map(pde, ax, field, 0.0, high or 1.0, ERROR_MAP)


def _filled(field: Array) -> Array:
    """Continue a field to the points outside the domain, so that colours reach its outline."""
    outside = np.isnan(field)
    if not outside.any():
        return field
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(outside, return_distances=False, return_indices=True)
    filled: Array = field[tuple(nearest)]
    return filled


def _with_components(field: Tensor, axes: int) -> Array:
    values: Array = field.double().numpy()
    return values if values.ndim > axes else values[..., None]


def paired_panels(pde: PDE, count: int, title: str, bar: bool) -> tuple[Figure, list[Axes]]:
    """Return a figure for sets over one plane domain, the panels as large as it has room for.

    They stand beside one another, or below one another where the domain is much longer than high.

    Args:
        pde: gives the domain.
        count: of panels.
        title: that will stand above them.
        bar: whether colour bars stand at the right.
    """
    tall, beside = tallness(pde), 0.8 * bar
    stacked = tall < _STACKED
    across = 1 if stacked else count
    panel = (WIDTH - 0.9 - beside) / across
    height = panel * tall if to_scale(pde) else 0.95 * panel if count > 1 else 0.45 * panel
    if height > _HIGHEST:
        panel, height = panel * _HIGHEST / height, _HIGHEST
    width = max(6.0, across * panel + beside + 0.9)
    rows = count // across
    figure = new_figure(width, rows * (height + 0.75) + 0.4 + title_height(title, width))
    axes = list(figure.subplots(rows, across, squeeze=False).flat)
    for k, ax in enumerate(axes):
        if to_scale(pde):
            ax.set_aspect("equal")
        coordinate_axis(pde, ax.yaxis, 1)
        if k and not stacked:
            ax.set_ylabel("")
            ax.tick_params(axis="y", length=0, labelleft=False)
    return figure, axes
