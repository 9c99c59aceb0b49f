"""Numbers and names as people read them in the report and on the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

_ERRORS = {
    "relative-l2": "relative L2 error",
    "relative-h1": "relative H1 error",
    "relative-maximum": "relative maximum error",
    "zero-one": "error rate",
    "kendall-temperature-0": "pairs ranked wrongly",
}

_NATS = {"cross-entropy": "cross-entropy, nats", "kl": "Kullback-Leibler divergence, nats"}

_SCORES = {"brier": "Brier score", "total-variation": "total variation", "hellinger": "Hellinger distance"}

LEFT_OUT = "Left out"
"""Begins the note on what did not fit into the time of a first look."""

_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

_SOFT_RANKS = "kendall-temperature-"
"""Begins the name of Kendall's distance, whose temperature makes it differentiable."""


def error_name(distance: str) -> str:
    """What an error is called in a distance: ``relative L2 error``."""
    if distance.startswith(_SOFT_RANKS) and distance not in _ERRORS:
        return "pairs ranked wrongly, soft"
    return (_ERRORS | _NATS | _SCORES).get(distance) or f"error ({distance})"


def is_share(distance: str) -> bool:
    """Whether errors in a distance are shares, which are said in per cent: relative errors and error rates are."""
    return distance in _ERRORS or distance.startswith("relative-")


def tick_of(distance: str) -> Callable[[float], str]:
    """Return what writes a tick of an axis of errors: in per cent where they are shares, else the number."""
    return tick_percent if is_share(distance) else (lambda value: f"{value:g}")


def error(value: float, distance: str) -> str:
    """An error in a distance: ``1.7 %`` of a relative one or a rate, ``0.13`` of a Brier score, ``0.9 nats`` of a cross-entropy."""
    if is_share(distance) or not math.isfinite(value):
        return percent(value)
    return f"{significant(value)}{_unit(distance)}"


def mean(row: Any, column: str = "mean") -> str:
    """The mean error of a row of a summary, or another of its errors, such as ``median``."""
    return error(getattr(row, column), row.distance)


def _unit(distance: str) -> str:
    return " %" if is_share(distance) else " nats" if distance in _NATS else ""


def percent(error: float) -> str:
    """A relative error: ``1.7 %``, ``0.031 %``, ``240 %``, ``3.7e-06 %``."""
    if not math.isfinite(error):
        return "diverged"
    if 0 < error < 1e-6:
        return f"{100 * error:.1e} %"
    return f"{significant(100 * error)} %"


def component_cell(row: Any, column: str) -> str:
    """The mean error of a component of the distilled set, and of its baseline where there is one: ``1.7 % / 8.0 %``."""
    errors = [getattr(row, name) for name in (column, *([f"baseline_{column}"] if row.baseline else []))]
    return " / ".join("–" if each is None else error(each, row.distance) for each in errors)


def tick_percent(error: float) -> str:
    """A tick of an axis of errors: ``2 %``."""
    return f"{100 * error:g} %"


def tick_seconds(value: float) -> str:
    """A tick of an axis of times: ``2 ms``, ``0.5 s``."""
    return f"{1000 * value:g} ms" if value < 0.1 else f"{value:g} s"


def interval(row: Any) -> str:
    """The interval of the error of a row of a summary: ``1.5 to 1.9 %``, or with what it rests on where errors repeat."""
    repeated = repeats(row)
    factor = 100 if is_share(row.distance) else 1
    ends = f"{significant(factor * row.low)} to {significant(factor * row.high)}{_unit(row.distance)}"
    return ends + (f" ({repeated})" if repeated else "")


def repeats(row: Any) -> str:
    """``two distinct errors``, where the test conditions of a row give at most three quarters as many errors as they are."""
    if not 0 < row.distinct <= 0.75 * row.conditions:
        return ""
    number = _NUMBERS[row.distinct - 1] if row.distinct <= len(_NUMBERS) else str(row.distinct)
    return f"{number} distinct error{'s' if row.distinct > 1 else ''}"


def significant(value: float, digits: int = 2) -> str:
    """A number with two significant digits, in powers of ten from a million on and below a millionth: ``1400``, ``6.2e-31``."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}" if 1e-6 <= abs(value) < 1e6 else f"{value:.{digits - 1}e}"


def seconds(value: float) -> str:
    """A time: ``3.4 ms``, ``12 s``, ``4.1 min``."""
    if value < 1:
        return f"{significant(1000 * value)} ms"
    return f"{significant(value)} s" if value < 120 else f"{significant(value / 60)} min"


def ratio(row: Any) -> str:
    """The ratio of a row of a summary with its interval: ``3.8 (3.5 to 4.1)``, or with what it rests on where errors repeat."""
    if row.ratio is None or row.ratio_low is None or row.ratio_high is None:
        return "not compared"
    said = "; ".join(filter(None, (f"{significant(row.ratio_low)} to {significant(row.ratio_high)}", repeats(row))))
    return f"{significant(row.ratio)} ({said})"


def kept(row: Any) -> str:
    """The share of the performance of the dense set that a row of a summary keeps: ``94 % (91 to 97)``; a dash without dense set."""
    if row.kept is None:
        return "–"
    return f"{significant(100 * row.kept)} % ({significant(100 * row.kept_low)} to {significant(100 * row.kept_high)})"


def counts(row: Any) -> str:
    """How large the set of a row is: ``64 + 30``, or one number where there are no boundary points."""
    return f"{row.points} + {row.boundary_points}" if row.boundary_points else str(row.points)


def listed(names: Sequence[str], last: str = "and") -> str:
    """Names in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def shift_name(shift: str, inside: str = "in distribution") -> str:
    """A shift; ``none`` is what a protocol calls the test without one."""
    return inside if shift == "none" else shift
