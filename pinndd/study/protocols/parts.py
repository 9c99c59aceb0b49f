"""The exchangeable parts of a study by name, for the command line and for configuration files."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass

from pinndd.distances import Distance, RelativeH1, RelativeL2, RelativeMaximum
from pinndd.risks import CVaR, Entropic, GeometricMean, Mean, Risk, WorstCase
from pinndd.study.results.table import COLUMNS, error_column

DISTANCES: Mapping[str, Distance] = {
    "relative-l2": RelativeL2(),
    "relative-h1": RelativeH1(),
    "relative-maximum": RelativeMaximum(),
}
"""Distances between solution fields."""

RISKS: Mapping[str, Risk] = {"mean": Mean(), "geometric-mean": GeometricMean(), "worst-case": WorstCase()}
"""Risks without a parameter."""

PARAMETRIC_RISKS: Mapping[str, Callable[[float], Risk]] = {"cvar": CVaR, "entropic": Entropic}
"""Risks with a number after a colon, such as ``cvar:0.1``."""


class UnknownNameError(ValueError):
    """A name of a protocol, learner, distance or risk that there is none of."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """Return the error for an unknown name, with the names that there are, the closest first."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=len(names), cutoff=0.0)
    return UnknownNameError(f"{kind} {name!r}: there is none of that name; expected {', '.join(near)}")


def require_each_once(what: str, given: Sequence[object]) -> None:
    """Refuse a list in which something stands twice: it would count once, or be computed twice.

    Args:
        what: the list is, as it was given, for people.
        given: what it holds.

    Raises:
        ValueError: something stands twice; it is named.
    """
    twice = [each for k, each in enumerate(given) if each in given[:k]]
    if twice:
        raise ValueError(f"{what}: {', '.join(map(str, dict.fromkeys(twice)))} stands there more than once; name each once")


def named_distance(name: str) -> Distance:
    """Return a distance by its name.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in DISTANCES:
        raise unknown("distance", name, DISTANCES)
    return DISTANCES[name]


def named_risk(name: str) -> Risk:
    """Return a risk by its name, ``mean`` or ``cvar:0.1``.

    Raises:
        UnknownNameError: there is none of that name.
        ValueError: its number is missing, needless or out of range.
    """
    kind, colon, number = name.partition(":")
    if kind in PARAMETRIC_RISKS:
        try:
            return PARAMETRIC_RISKS[kind](float(number))
        except ValueError as error:
            reason = str(error) if number else "its number is missing"
            raise ValueError(f"risk {name!r}: {reason}; write it as {kind}:0.1") from error
    if kind not in RISKS:
        raise unknown("risk", name, (*RISKS, *(f"{risk}:0.1" for risk in PARAMETRIC_RISKS)))
    if colon:
        raise ValueError(f"risk {name!r}: {kind} takes no number; write it as {kind}")
    return RISKS[kind]


def distance_name(distance: str | Distance) -> str:
    """Return the name under which tables and files hold the errors in a distance.

    That is its name in `DISTANCES`, else its attribute ``name``, else that of its class with the settings that are not those of
    a new object: ``relative-l1``, ``weighted-l2-power-3``.

    Raises:
        ValueError: the name belongs to another distance, or to another column of the tables.
    """
    if isinstance(distance, str):
        return distance
    for name, known in DISTANCES.items():
        if known == distance:
            return name
    name = str(getattr(distance, "name", "")) or "-".join((_kebab(type(distance).__name__), *_settings(distance)))
    if name in DISTANCES or error_column(name) in COLUMNS:
        taken = "another distance" if name in DISTANCES else "a column of the tables"
        raise ValueError(
            f"distance {distance!r}: its name {name!r} is that of {taken}; give its class an attribute name, such as "
            f"name: ClassVar[str] = {'my-' + name!r}"
        )
    return name


def _kebab(words: str) -> str:
    """``RelativeL1`` as ``relative-l1``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_", "-", words).lower().strip("-")


def _settings(part: object) -> Iterator[str]:
    """Yield name and value of every setting of a dataclass that is a plain value and not the usual one."""
    for setting in fields(part) if is_dataclass(part) else ():
        value = getattr(part, setting.name)
        if setting.name != "name" and isinstance(value, str | int | float) and value != setting.default:
            yield f"{_kebab(setting.name)}-{value}"
