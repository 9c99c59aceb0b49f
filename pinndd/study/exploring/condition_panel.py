"""One condition on the page: its curve, a slider for every coefficient, and points to draw another curve with."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, LayoutDOM, PointDrawTool
from bokeh.models.widgets.groups import RadioButtonGroup
from bokeh.models.widgets.markups import Div
from bokeh.models.widgets.sliders import Slider

from pinndd.pinn.declare.conditions import Condition
from pinndd.pinn.declare.pde import PDE, BoundaryValues
from pinndd.pinn.families import Tied
from pinndd.study.exploring.choice import Choice, Curve, coefficient_ranges
from pinndd.study.exploring.picture import empty_figure, labelled

WIDTH = 360
_NODES = 121
_HANDLES = 9
_LINE, _HANDLE = "#0072B2", "#D55E00"


class ConditionPanel:
    """Controls of one condition.

    Args:
        pde: the equation.
        condition: the condition.
        moved: called with the number of a coefficient and its value.
        drawn: called with the curve that was drawn, or None where the sliders count again.
    """

    def __init__(
        self,
        pde: PDE,
        condition: Condition,
        moved: Callable[[int, float], None],
        drawn: Callable[[Curve | None], None],
    ) -> None:
        self._pde, self._condition, self._moved, self._drawn = pde, condition, moved, drawn
        self._patch = pde.patches[condition.name]
        self._quiet = False
        ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
        self._along = self._patch.ticks(ends).tolist() if self._patch.dimension == 1 else []
        self.sliders: list[Slider] = []
        self.line: Any = ColumnDataSource({"at": [], "value": []})
        self.handles: Any = ColumnDataSource({"at": [], "value": []})
        self.mode = RadioButtonGroup(labels=["sliders", "draw a curve"], active=0, width=WIDTH - 20)
        self.mode.on_change("active", self._mode_changed)
        self.handles.on_change("data", self._handles_moved)
        self._controls = column(width=WIDTH)
        parts: list[Any] = [self.mode, self._plot()] if self._patch.dimension == 1 else []
        self.layout: LayoutDOM = column(*parts, self._controls, width=WIDTH)

    def show(self, choice: Choice) -> None:
        """Show the condition of a new choice, with sliders for the families it was drawn from."""
        self._quiet = True
        self.mode.active = 0
        self.handles.data = {"at": [], "value": []}
        self._quiet = False
        self._make_sliders(choice)

    def follow(self, values: BoundaryValues) -> None:
        """Draw the curve of the values that hold now."""
        if self._patch.dimension == 1:
            s = torch.linspace(0, 1, _NODES, dtype=torch.float64)[:, None]
            found = values[self._condition.name](s)[0]
            self.line.data = {"at": self._patch.ticks(s[:, 0]).numpy(), "value": found.numpy()}

    def _plot(self) -> Any:
        name, unit = self._patch.axis_names[0], {"angle": "rad"}
        units = {**unit, **dict(self._pde.units)}
        plot = empty_figure(width=WIDTH, height=200, tools="reset")
        plot.line("at", "value", source=self.line, line_width=2, color=_LINE)
        points: Any = plot.scatter("at", "value", source=self.handles, size=11, color=_HANDLE, line_color="white")
        self._draw = PointDrawTool(
            renderers=[points], add=False, description="drag points; click to add one, Backspace removes it"
        )
        plot.add_tools(self._draw)
        plot.toolbar.active_drag = plot.toolbar.active_tap = self._draw
        plot.xaxis.axis_label = labelled(name, units)
        plot.yaxis.axis_label = self._value_label()
        plot.toolbar.logo = None
        return plot

    def _value_label(self) -> str:
        component = self._pde.components[self._condition.component_number]
        if self._condition.gives_value:
            return labelled(component, self._pde.units)
        return f"{self._condition.kind} values"

    def _make_sliders(self, choice: Choice) -> None:
        ensemble, name = choice.ensemble, self._condition.name
        family = ensemble.families[name]
        if isinstance(family, Tied):
            self.sliders = []
            note = f"It follows {family.to}, {family.factor:g} times."
            self._controls.children = [Div(text=note, width=WIDTH - 20)]
            return
        low, high = coefficient_ranges(ensemble)
        self.sliders = []
        part = ensemble.slices[name]
        for k, number in enumerate(range(part.start, part.stop)):
            value = float(choice.coefficients[0, number])
            start, end = rounded_range(min(float(low[number]), value), max(float(high[number]), value))
            slider = Slider(
                title=f"coefficient {k + 1}", start=start, end=end, step=(end - start) / 200, value=value, width=WIDTH - 30
            )
            slider.format = "0[.]000"
            slider.on_change("value", self._slider_moved(number))
            self.sliders.append(slider)
        known = Div(text="Its value is known: it has no coefficients.", width=WIDTH - 20)
        self._controls.children = [*self.sliders] if self.sliders else [known]

    def _slider_moved(self, number: int) -> Callable[[str, Any, Any], None]:
        def moved(_attribute: str, _old: Any, new: Any) -> None:
            self._moved(number, float(new))

        return moved

    def _mode_changed(self, _attribute: str, _old: Any, new: Any) -> None:
        self._controls.visible = new == 0
        self._draw.add = new == 1
        if self._quiet:
            return
        if new == 0:
            self._quiet = True
            self.handles.data = {"at": [], "value": []}
            self._quiet = False
            self._drawn(None)
            return
        step = (_NODES - 1) // (_HANDLES - 1)
        count = _NODES - 1 if self._patch.closed(self._pde.periodic_axes) else _NODES
        self.handles.data = {key: list(self.line.data[key][:count:step]) for key in ("at", "value")}

    def _handles_moved(self, _attribute: str, _old: Any, _new: Any) -> None:
        data = self.handles.data
        if self._quiet or self.mode.active != 1 or len(data["at"]) == 0:
            return
        first, last = self._along
        places = [min(1.0, max(0.0, (float(at) - first) / (last - first))) for at in data["at"]]
        closed = self._patch.closed(self._pde.periodic_axes)
        self._drawn(Curve(tuple(places), tuple(float(v) for v in data["value"]), closed))


def rounded_range(low: float, high: float) -> tuple[float, float]:
    """Widen a range to bounds of two digits; one without width becomes one around it."""
    if high - low <= 1e-12 * max(abs(low), abs(high), 1.0):
        low, high = low - 1.0, high + 1.0
    digit = 10.0 ** (math.floor(math.log10(high - low)) - 1)
    return float(f"{digit * math.floor(low / digit):.10g}"), float(f"{digit * math.ceil(high / digit):.10g}")
