"""What all pictures share: size, colours, titles, legends, and how they are written."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from pinndd.storage.writing import write_atomically
from pinndd.study.results.table import DISTILLED

FIELD_MAP = "viridis"
ERROR_MAP = "magma"
WIDTH = 8.5
"""Inches: wide enough for two panels, still legible on a phone."""

# Okabe and Ito's colours, which people with any colour vision tell apart; markers differ as well
_KNOWN = {
    DISTILLED: ("#D55E00", "o"),
    "midpoint-grid": ("#E69F00", "P"),
    "sobol": ("#0072B2", "D"),
    "latin-hypercube": ("#56B4E9", "s"),
    "hammersley": ("#009E73", "^"),
    "chebyshev-grid": ("#CC79A7", "X"),
    "uniform": ("#808080", "v"),
}
_SPARE = (
    ("#8C6D00", "*"),
    ("#004D40", "<"),
    ("#7B3294", ">"),
    ("#A6611A", "d"),
    ("#35978F", "8"),
    ("#F768A1", "H"),
    ("#1A1A80", "p"),
    ("#7FBC41", "h"),
)
_CEILINGS = ("h", "p", "8", "H")
_CEILING_COLOURS = ("#000000", "#0072B2", "#8C6D00", "#7F7F7F", "#5A9BD4", "#B07AA1", "#3F7F5F", "#C44E52", "#4D4D9F", "#9C755F")
"""Of methods outside the comparison, where there are more of them than shapes."""
CONDITION_COLOURS = ("#D55E00", "#56B4E9", "#CC79A7", "#8C6D00", "#009E73", "#E69F00")

_RC: Any = {
    "font.size": 10,
    "axes.titlesize": 10.5,
    "figure.titlesize": 11.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "axes.grid": False,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
}

_NOT_OF_STYLE = ("backend", "backend_fallback", "interactive", "toolbar", "timezone", "date.epoch")
"""Settings of matplotlib that say where pictures are shown, which a script may have chosen."""


@dataclass(frozen=True)
class Mark:
    """Colour and marker of one method."""

    colour: str
    marker: str
    filled: bool = True

    def keywords(self, size: float = 6.0, marker: str | None = None) -> dict[str, Any]:
        """Arguments of matplotlib for a marker of this method, or for another marker in its colour."""
        shape = marker or self.marker
        return {
            "color": self.colour,
            "marker": shape,
            "markersize": size * (1.35 if shape in "PX*" else 1.0),
            "markerfacecolor": self.colour if self.filled else "white",
            "markeredgecolor": self.colour if not self.filled else "white",
            "markeredgewidth": 1.2 if not self.filled else 0.6,
        }


def marks(methods: Iterable[str], ceilings: Iterable[str] = ()) -> dict[str, Mark]:
    """Give every method a mark, the same in every picture; methods outside the comparison are hollow, the first of them black."""
    outside = set(ceilings)
    found: dict[str, Mark] = {}
    for name in dict.fromkeys(methods):
        if name in outside:
            k = sum(n in outside for n in found)
            found[name] = Mark(_CEILING_COLOURS[k % len(_CEILING_COLOURS)], _CEILINGS[k % len(_CEILINGS)], filled=False)
        elif name in _KNOWN:
            found[name] = Mark(*_KNOWN[name])
        else:
            found[name] = Mark(*_SPARE[sum(n not in outside and n not in _KNOWN for n in found) % len(_SPARE)])
    return found


@contextmanager
def house_style() -> Iterator[None]:
    """Draw with the fonts and lines of this project, whatever the user's matplotlibrc says."""
    with matplotlib.rc_context():
        # not rcdefaults, which reads all styles to find the few settings that are not of style
        known: dict[str, Any] = {name: value for name, value in matplotlib.rcParamsDefault.items() if name not in _NOT_OF_STYLE}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", matplotlib.MatplotlibDeprecationWarning)
            matplotlib.rcParams.update(known | _RC)
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure that makes room for its own labels."""
    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06))


def title_height(text: str, width: float) -> float:
    """Return about how many inches `head` takes over a figure of so many inches: the longest of its fonts is 0.085 inches wide."""
    lines = sum(max(1, math.ceil(0.085 * len(line) / width)) for line in text.splitlines())
    return 0.1 + 0.2 * lines


def head(figure: Figure, text: str) -> None:
    """Put a title above everything, broken into lines where it is wider than the figure."""
    figure.suptitle(text, wrap=True)


def legend_below(figure: Figure, handles: Sequence[Artist], names: Sequence[str]) -> None:
    """Put a legend below everything, in as many columns as the figure has room for, six at most."""
    for columns in range(min(len(names), 6), 0, -1):
        legend = figure.legend(handles, names, loc="outside lower center", ncols=columns)
        if columns == 1 or legend.get_window_extent().width <= 0.98 * figure.bbox.width:
            return
        legend.remove()


def save_figure(figure: Figure, path: Path, dots_per_inch: int = 150) -> None:
    """Write a figure as PNG, atomically."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=dots_per_inch, metadata={"Software": "pinndd"})
    with write_atomically(path) as file:
        file.write(picture.getvalue())


class _RoomyLogLocator(LogLocator):
    """No more ticks below an axis than leave some space between labels such as ``0.001 %``."""

    def __call__(self) -> Any:
        assert isinstance(self.axis, Axis)
        if isinstance(self.axis, XAxis):
            self.set_params(numticks=max(2, round(0.6 * self.axis.get_tick_space())))
        return super().__call__()


_ROUNDING = 1e-24
"""What is left, beside the largest, of a squared error that differs from zero by rounding alone."""


def log_axis(axis: Axis, write: Callable[[float], str]) -> None:
    """Make an axis logarithmic, with ticks at powers of ten, and between them where the range is short.

    Where something on it is zero, such as the error rate of a model that errs nowhere, or is nothing but rounding beside the largest,
    it stays linear, so that nothing vanishes.

    Args:
        axis: ``ax.xaxis`` or ``ax.yaxis``, after everything is drawn on it.
        write: turns a tick into text.
    """
    axis.set_major_formatter(FuncFormatter(lambda value, position: write(value)))
    least, most = axis.get_data_interval()
    if least <= _ROUNDING * most:
        if least >= 0:  # no tick below it, where nothing can be
            axis.set_view_interval(-0.04 * (most or 0.01), 1.05 * (most or 0.01), ignore=True)
        return
    scale = axis.axes.set_xscale if isinstance(axis, XAxis) else axis.axes.set_yscale
    scale("log")
    low, high = axis.get_view_interval()
    decades = math.log10(high / low) if 0 < low < high else 1.0
    subs = (1, 1.5, 2, 3, 5, 7) if decades < 0.8 else (1, 2, 5) if decades < 2.2 else (1,)
    axis.set_major_locator(_RoomyLogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, position: write(value)))
    axis.set_minor_formatter(NullFormatter())


def wrap_axes(figure: Figure, count: int, columns: int, **keywords: Any) -> list[Axes]:
    """Return ``count`` axes in rows of at most ``columns``, the unused cells removed."""
    columns = min(columns, count)
    rows = -(-count // columns)
    axes: list[Axes] = list(figure.subplots(rows, columns, squeeze=False, **keywords).ravel())
    for extra in axes[count:]:
        extra.remove()
    return axes[:count]
