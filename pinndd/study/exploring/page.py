"""The page of `pinndd explore`: boundary conditions at the left, the field and its error at the right."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

from bokeh.layouts import column, row
from bokeh.models import LayoutDOM, TabPanel, Tabs
from bokeh.models.widgets.buttons import Button
from bokeh.models.widgets.groups import RadioButtonGroup
from bokeh.models.widgets.inputs import Select
from bokeh.models.widgets.markups import Div
from bokeh.models.widgets.sliders import Slider
from torch import Tensor

from pinndd.pinn.sets.collocation import point_counts
from pinndd.study.exploring.choice import Choice, Curve, drawn_choice
from pinndd.study.exploring.condition_panel import WIDTH, ConditionPanel
from pinndd.study.exploring.frames import Frames
from pinndd.study.exploring.picture import Picture, labelled
from pinndd.study.exploring.schedule import Schedule
from pinndd.study.results.intervals import Array
from pinndd.study.results.table import NO_SHIFT
from pinndd.study.results.words import percent, shift_name

ESTIMATE, REFERENCE = 0, 1
"""What the second map shows."""


@dataclass(frozen=True)
class _Found:
    """What is found out about a frame after it is shown.

    Attributes:
        second: weights of the second model (None: not yet).
        truth: the reference over the section (None: not yet).
        failure: why there is no truth.
    """

    second: Tensor | None = None
    truth: Array | None = None
    failure: str = ""


class Page:
    """One opened page.

    Args:
        frames: computes the fields; pages share it.
        schedule: when what is computed.
    """

    def __init__(self, frames: Frames, schedule: Schedule) -> None:
        pde = frames.pde
        self._frames, self._schedule = frames, schedule
        self._draws, self._serial, self._milliseconds = 0, 0, 0.0
        self._weights: Tensor | None = None
        self._found = _Found()
        self.choice: Choice = drawn_choice(pde)
        self.picture = Picture(frames)
        # what has coefficients comes first
        ordered = sorted(pde.valued, key=lambda c: c.values.size == 0)
        self.panels = {c.name: ConditionPanel(pde, c, self._moved, partial(self._drawn, c.name)) for c in ordered}
        families: list[str | tuple[Any, str]] = [
            (NO_SHIFT, "training family"),
            *((shift, f"shift {shift_name(shift)}") for shift in pde.shifts),
        ]
        names: list[str | tuple[Any, str]] = [*pde.components]
        self.shift = Select(title="draw from", value=NO_SHIFT, options=families, width=230)
        self.another = Button(label="draw another", button_type="primary", width=110, align="end")
        self.component = Select(title="component", value=pde.components[0], options=names, width=100)
        self.held = [self._held_slider(axis) for axis in range(2, pde.box.dimension)]
        self.compared = RadioButtonGroup(
            labels=["estimated error", "error against the reference"], active=REFERENCE, align="end"
        )
        self.compared.visible = pde.reference is not None
        self.text = Div(text="", sizing_mode="stretch_width", styles={"font-size": "14px", "min-height": "40px"})
        self.root: LayoutDOM = self._layout()
        self.shift.on_change("value", lambda _attribute, _old, _new: self.draw_another())
        self.another.on_click(self.draw_another)
        self.component.on_change("value", lambda _attribute, _old, _new: self._changed())
        self.compared.on_change("active", lambda _attribute, _old, _new: self._show_errors())
        for panel in self.panels.values():
            panel.show(self.choice)
        self._frame()

    def draw_another(self) -> None:
        """Draw another boundary condition from the family that is picked; what was drawn by hand is replaced."""
        self._draws += 1
        self.choice = drawn_choice(self._frames.pde, str(self.shift.value), self._draws)
        self._show_choice()

    def _layout(self) -> LayoutDOM:
        pde = self._frames.pde
        heading = f"<h2 style='margin: 4px 0'>{escape(pde.title or pde.name)}</h2>{escape(about(self._frames))}"
        tabs = Tabs(tabs=[TabPanel(child=p.layout, title=name) for name, p in self.panels.items()], width=WIDTH + 10)
        several: list[LayoutDOM] = [self.component] if len(pde.components) > 1 else []
        left = column(row(self.shift, self.another), tabs, width=WIDTH + 20)
        right = column(
            row(*several, *self.held, self.compared),
            self.text,
            row(*self.picture.figures, sizing_mode="stretch_width"),
            sizing_mode="stretch_width",
        )
        return column(
            Div(text=heading, sizing_mode="stretch_width"),
            row(left, right, sizing_mode="stretch_width"),
            sizing_mode="stretch_width",
            margin=(6, 14, 6, 14),
        )

    def _held_slider(self, axis: int) -> Slider:
        box = self._frames.pde.box
        low, high = box.low[axis], box.high[axis]
        title, step = labelled(box.names[axis], self._frames.pde.units), (high - low) / 100
        slider = Slider(title=title, start=low, end=high, value=(low + high) / 2, step=step, width=220)
        slider.format = "0[.]000"
        slider.on_change("value", lambda _attribute, _old, _new: self._changed())
        return slider

    def _show_choice(self) -> None:
        for panel in self.panels.values():
            panel.show(self.choice)
        self._changed()

    def _moved(self, number: int, value: float) -> None:
        self.choice = self.choice.with_coefficient(number, value)
        self._changed()

    def _drawn(self, name: str, curve: Curve | None) -> None:
        self.choice = self.choice.with_curve(name, curve)
        self._changed()

    def _changed(self) -> None:
        self._serial += 1
        self._schedule.soon(self._frame)

    def _frame(self) -> None:
        """Compute and show the field; of a linear PDE, the estimated error too."""
        start = time.perf_counter()
        values = self.choice.values()
        try:
            self._weights = self._frames.fits.weights(values, self._weights)
        except (ValueError, ArithmeticError, RuntimeError) as error:
            self._weights = None
            self.text.text = f"There is no solution for this condition: {escape(str(error))}"
            return
        self._found = _Found(self._frames.second.weights(values) if self._frames.linear else None)
        for panel in self.panels.values():
            panel.follow(values)
        number, held = self._section()
        self.picture.show(self._frames.field(self._weights, number, held), number, held)
        self._milliseconds = 1e3 * (time.perf_counter() - start)
        self._show_errors()
        self._schedule.settled(self._find_out)

    def _section(self) -> tuple[int, tuple[float, ...]]:
        """The number of the component that is shown, and the values of the coordinates that are held."""
        number = self._frames.pde.components.index(str(self.component.value))
        return number, tuple(float(slider.value) for slider in self.held)

    def _find_out(self) -> None:
        """Compute the second fit and the reference of what is shown, apart from the page."""
        serial, values, (number, held) = self._serial, self.choice.values(), self._section()
        known = self._found.second

        def job() -> _Found | None:
            if serial != self._serial:
                return None
            second = self._frames.second.weights(values) if known is None else known
            if self._frames.pde.reference is None:
                return _Found(second)
            try:
                return _Found(second, self._frames.truth(values, number, held))
            except Exception as error:  # whatever a user's own solver raises is said on the page
                return _Found(second, None, f"{type(error).__name__}: {error}")

        def done(found: _Found | None) -> None:
            if found is not None and serial == self._serial:
                self._found = found
                self._show_errors()

        self._schedule.apart(job, done)

    def _show_errors(self) -> None:
        """Show what is known about the error of the frame."""
        if self._weights is None:
            return
        number, held = self._section()
        found, said = self._found, []
        if found.second is not None:
            said.append(f"estimated error {percent(self._frames.estimated_error(self._weights, found.second))}")
        if found.truth is not None:
            field = self._frames.field(self._weights, number, held)
            relative = self._frames.relative_error(field, found.truth, number, held)
            said.append(f"error against the reference {percent(relative)}{self._at(held)}")
        if found.failure:
            said.append(f"no reference: {escape(found.failure)}")
        self.text.text = f"<b>{'; '.join(said) or 'the error is being computed'}</b><br>frame in {self._milliseconds:.0f} ms"
        self._show_error_map(number, held)

    def _show_error_map(self, number: int, held: tuple[float, ...]) -> None:
        found = self._found
        assert self._weights is not None
        wanted = self.compared.active == REFERENCE and self._frames.pde.reference is not None
        if wanted and not found.failure:
            if found.truth is None:
                self.picture.wait("error against the reference: being computed")
            else:
                error = abs(self._frames.field(self._weights, number, held) - found.truth)
                self.picture.show_error(error, number, "error against the reference")
        elif found.second is None:
            self.picture.wait("difference of two fits: being computed")
        else:
            gap = self._frames.gap(self._weights, found.second, number, held)
            self.picture.show_error(gap, number, "difference of two fits, which estimates the error")

    def _at(self, held: tuple[float, ...]) -> str:
        units = self._frames.pde.units
        places = [f"{n} = {v:.3g} {units.get(n, '')}".rstrip() for n, v in zip(self._frames.held, held, strict=True)]
        return f" at {', '.join(places)}" if places else ""


def about(frames: Frames) -> str:
    """Say what is trained on what, a sentence."""
    how = "solved in closed form" if frames.linear else "by Gauss-Newton from the last frame"
    if frames.data is None:
        return f"{frames.width} random features on many points, {how}."
    interior, boundary = point_counts(frames.pde, frames.data)
    protocol = frames.data.header.get("protocol")
    return (
        f"{frames.width} random features on the {interior} interior and {boundary} boundary points of the distilled set ({protocol}), "
        f"{how}. Round: interior points; square: boundary points."
    )
