"""Axes and colour bars whose numbers stay short and apart: few ticks, and a power of ten in the label."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.collections import QuadMesh
from matplotlib.colorbar import Colorbar
from matplotlib.ticker import Formatter, MaxNLocator

from pinndd.pinn.declare.pde import PDE

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NO_UNIT = ("", "1", "-")
"""What people write as the unit of a pure number."""


def power_of(low: float, high: float) -> int:
    """Return the power of ten, a multiple of three, that leaves numbers of a range short; 0 from 0.01 to 10000."""
    size = max(abs(low), abs(high))
    if not math.isfinite(size) or size == 0 or 1e-2 <= size < 1e4:
        return 0
    return 3 * math.floor(math.log10(size) / 3 + 1e-9)


def unit_of(pde: PDE, name: str) -> str:
    """Unit of a coordinate or of a component of u; empty where it is a pure number."""
    unit = pde.units.get(name, "")
    return "" if unit in _NO_UNIT else unit


def label(pde: PDE, name: str, power: int = 0) -> str:
    """Label of a coordinate, or of a component of u, with its unit: ``x (m)``, ``r (10⁻³ m)``."""
    return with_unit(name, unit_of(pde, name), power)


def with_unit(name: str, unit: str, power: int = 0) -> str:
    """Put a unit and a power of ten behind a name."""
    scale = " ".join(filter(None, (_factor(power), unit)))
    return f"{name} ({scale})".strip() if scale else name


def quantity(value: float, unit: str) -> str:
    """A number with its unit in three significant digits: ``300 s``, ``0.5``, ``2.5 × 10⁻⁴ m``."""
    rounded, exponent = f"{value:.2e}".split("e")
    power = int(exponent)
    if -3 <= power < 5:
        digits, power = f"{value:.{max(0, 2 - power)}f}", 0
    else:
        digits = rounded
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return " ".join(filter(None, (f"{digits} × {_factor(power)}" if power else digits, unit)))


def _factor(power: int) -> str:
    return f"10{str(power).translate(_SUPERSCRIPTS)}" if power else ""


class ScaledTicks(Formatter):
    """Ticks in units of a power of ten, all with as many decimals as the finest of them needs."""

    def __init__(self, power: int = 0) -> None:
        self.power = power

    def __call__(self, value: float, pos: int | None = None) -> str:
        return self.format_ticks([value])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        shown = [value / 10.0**self.power for value in values]
        near = 1e-6 * (max(map(abs, shown), default=0.0) or 1.0)
        decimals = next((d for d in range(9) if all(abs(round(v, d) - v) <= near for v in shown)), 9)
        return [f"{round(v, decimals) + 0.0:.{decimals}f}".replace("-", "\u2212") for v in shown]


class RoomyLocator(MaxNLocator):
    """At most so many intervals, and no more than leave some space between the labels."""

    def __init__(self, most: int = 5) -> None:
        super().__init__(nbins=most, steps=[1, 2, 2.5, 5, 10])
        self.most = most

    def __call__(self) -> Sequence[float]:
        axis = self.axis
        assert isinstance(axis, Axis)
        room = axis.get_tick_space() * (0.7 if isinstance(axis, XAxis) else 1.0)
        self.set_params(nbins=max(1, min(self.most, round(room))))
        found: Sequence[float] = super().__call__()
        return found


def scale_axis(axis: Axis, low: float, high: float, most: int = 5) -> int:
    """Give an axis few ticks, in a power of ten that fits the range; return it, for the label."""
    power = power_of(low, high)
    axis.set_major_locator(RoomyLocator(most))
    axis.set_major_formatter(ScaledTicks(power))
    return power


def coordinate_axis(pde: PDE, axis: Axis, k: int, most: int = 5) -> None:
    """Label an axis as coordinate ``k`` of a PDE."""
    axis.set_label_text(label(pde, pde.box.names[k], scale_axis(axis, pde.box.low[k], pde.box.high[k], most)))


def value_axis(axis: Axis, name: str, unit: str, most: int = 5) -> None:
    """Label an axis on which everything is drawn already."""
    axis.set_label_text(with_unit(name, unit, scale_axis(axis, *axis.get_view_interval(), most)))


def colour_bar(ax: Axes, image: QuadMesh, name: str, unit: str, extend: str = "neither") -> Colorbar:
    """Put a colour bar beside a panel, exactly as high as the map in it."""
    low, high = image.get_clim()
    power = power_of(low or 0.0, high or 0.0)
    (bottom, top), heights = ax.get_ylim(), np.asarray(image.get_coordinates(), dtype=float)[..., 1]
    foot = (heights.min() - bottom) / (top - bottom)
    beside = ax.inset_axes((1.03, foot, 0.05, np.ptp(heights) / (top - bottom)))
    bar: Colorbar = ax.figure.colorbar(image, cax=beside, extend=extend, ticks=RoomyLocator(), format=ScaledTicks(power))
    bar.set_label(with_unit(name, unit, power))
    return bar
