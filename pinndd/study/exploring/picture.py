"""The field and its error: two maps over the first two coordinates, or two lines over the only one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from bokeh.models import ColumnDataSource, LinearColorMapper, PrintfTickFormatter, Range1d
from bokeh.models.annotations.legends import ColorBar
from bokeh.plotting import figure
from torch import Tensor

from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.sets.collocation import INTERIOR
from pinndd.study.exploring.frames import Frames
from pinndd.study.results.intervals import Array

HEIGHT, FRAME = 430, 370
"""Pixels: height of a figure, and the longer side of one that is drawn to scale."""

NEAR = 0.1
"""Part of the range of a held coordinate within which a point is shown."""

_EQUAL_UP_TO = 3.0
_TRANSPARENT = "rgba(0,0,0,0)"


class Picture:
    """Two figures beside each other.

    Args:
        frames: whose fields are shown.
    """

    def __init__(self, frames: Frames) -> None:
        self._frames, self._pde = frames, frames.pde
        self.points = ColumnDataSource({"x": [], "y": []})
        self.edge_points = ColumnDataSource({"x": [], "y": []})
        self._all = {} if frames.data is None else _points(self._pde, frames)
        self.field: _Map | _Lines
        self.error: _Map | _Lines
        if len(frames.axes) == 1:
            self.field, self.error = _Lines(frames), _Lines(frames)
        else:
            self.field, self.error = _Map(frames, "Viridis256"), _Map(frames, "Magma256")
        if frames.data is not None:
            style: dict[str, Any] = {"line_color": "white", "line_width": 1.2}
            self.field.figure.scatter("x", "y", source=self.points, size=7, color="#D55E00", **style)
            self.field.figure.scatter("x", "y", source=self.edge_points, size=8, marker="square", color="#111111", **style)

    @property
    def figures(self) -> tuple[Any, Any]:
        """The figures of the field and of its error."""
        return self.field.figure, self.error.figure

    def show(self, field: Array, component: int, held: tuple[float, ...]) -> None:
        """Show a field of a component, and the points near its section."""
        self.field.show(field, labelled(self._pde.components[component], self._pde.units))
        for source, places in ((self.points, self._all.get(True)), (self.edge_points, self._all.get(False))):
            if places is not None:
                source.data = _near(self._pde, places, held)

    def show_error(self, error: Array, component: int, title: str) -> None:
        """Show an error of a component."""
        unit = self._pde.units.get(self._pde.components[component], "")
        self.error.show(error, f"{title} ({unit})" if unit else title)

    def wait(self, title: str) -> None:
        """Say that the error is being found out; the last one stays, pale."""
        self.error.wait(title)


class _Map:
    """A map in colours over two coordinates, to scale where both are of space."""

    def __init__(self, frames: Frames, palette: str) -> None:
        box, (x, y) = frames.pde.box, frames.axes
        sides = [high - low for low, high in zip(box.low[:2], box.high[:2], strict=True)]
        to_scale = box.space_dimension > 1 and max(sides) <= _EQUAL_UP_TO * min(sides)
        self.figure = empty_figure(
            x_range=_range(box.low[0], box.high[0]),
            y_range=_range(box.low[1], box.high[1]),
            **_sizes(sides, to_scale),
            tools="hover,box_zoom,reset,save",
            tooltips=[(box.names[0], "$x"), (box.names[1], "$y"), ("value", "@image")],
        )
        self.mapper = LinearColorMapper(palette=palette, low=0.0, high=1.0, nan_color=_TRANSPARENT)
        self.source = ColumnDataSource({"image": [np.zeros((len(y), len(x)))]})
        step = [a[1] - a[0] for a in (x, y)]
        self._image: Any = self.figure.image(
            "image",
            source=self.source,
            x=x[0] - step[0] / 2,
            y=y[0] - step[1] / 2,
            dw=sides[0] + step[0],
            dh=sides[1] + step[1],
            color_mapper=self.mapper,
        )
        if box.region is not None:
            loops = [loop.numpy() for loop in box.region.outline()]
            self.figure.multi_line([c[:, 0].tolist() for c in loops], [c[:, 1].tolist() for c in loops], color="black")
        # ticks of one width: the browser lays the bar out once
        ticks = PrintfTickFormatter(format="%-9.3g")
        self.figure.add_layout(ColorBar(color_mapper=self.mapper, width=12, formatter=ticks), "right")
        _dress(self.figure, frames.pde, frames.pde.box.names[1])

    def show(self, field: Array, title: str) -> None:
        low, high = float(np.nanmin(field)), float(np.nanmax(field))
        self.mapper.update(low=low, high=high if high > low else low + 1e-12 * max(1.0, abs(low)))
        self.source.data = {"image": [field.T.astype(np.float32)]}
        self._image.glyph.global_alpha = 1.0
        self.figure.title.text = title

    def wait(self, title: str) -> None:
        self._image.glyph.global_alpha = 0.35
        self.figure.title.text = title


class _Lines:
    """A line over one coordinate."""

    def __init__(self, frames: Frames) -> None:
        (self._x,) = frames.axes
        self.figure = empty_figure(height=HEIGHT, sizing_mode="stretch_width", tools="box_zoom,reset,save")
        self.source = ColumnDataSource({"x": self._x, "y": np.zeros_like(self._x)})
        self._line: Any = self.figure.line("x", "y", source=self.source, line_width=2, color="#0072B2")
        _dress(self.figure, frames.pde, "")

    def show(self, field: Array, title: str) -> None:
        self.source.data = {"x": self._x, "y": field}
        self._line.glyph.line_alpha = 1.0
        self.figure.title.text = title

    def wait(self, title: str) -> None:
        self._line.glyph.line_alpha = 0.35
        self.figure.title.text = title


def empty_figure(**options: Any) -> Any:
    """Return a figure with its tools above it; ``options`` are bokeh's, whose types mypy reads differently from run to run."""
    return figure(toolbar_location="above", **options)


def _sizes(sides: list[float], to_scale: bool) -> dict[str, Any]:
    """The size of a figure: as wide as there is room, unless its two axes have one scale."""
    if not to_scale:
        return {"height": HEIGHT, "sizing_mode": "stretch_width"}
    scale = FRAME / max(sides)
    return {"frame_width": round(scale * sides[0]), "frame_height": round(scale * sides[1])}


def _range(low: float, high: float) -> Range1d:
    """The range of an axis, with room for points on the boundary."""
    margin = 0.02 * (high - low)
    return Range1d(start=low - margin, end=high + margin)


def _dress(plot: Any, pde: PDE, vertical: str) -> None:
    plot.toolbar.logo = None
    plot.xaxis.axis_label = labelled(pde.box.names[0], pde.units)
    plot.yaxis.axis_label = labelled(vertical, pde.units)
    plot.grid.visible = vertical == ""


def labelled(name: str, units: Mapping[str, str]) -> str:
    """Return a name with its unit: ``x (m)``."""
    return f"{name} ({units[name]})" if units.get(name) else name


def _points(pde: PDE, frames: Frames) -> dict[bool, Tensor]:
    """The points of the distilled set, ``(n, d)``: those inside, and those of all conditions."""
    assert frames.data is not None
    edges = [pde.patches[c.name].points(frames.data[c.name]) for c in pde.valued]
    return {True: frames.data[INTERIOR].cpu(), False: torch.cat(edges).cpu()}


def _near(pde: PDE, places: Tensor, held: tuple[float, ...]) -> dict[str, Any]:
    """The points of a section, as columns; over a line they stand at zero."""
    widths = places.new_tensor([high - low for low, high in zip(pde.box.low[2:], pde.box.high[2:], strict=True)])
    near = ((places[:, 2:] - places.new_tensor(held)).abs() <= NEAR * widths).all(-1)
    shown = places[near].numpy()
    return {"x": shown[:, 0], "y": shown[:, 1] if shown.shape[1] > 1 else np.zeros(len(shown))}
