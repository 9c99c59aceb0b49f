"""The exchangeable parts of a study by name, for the command line and for configuration files."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping

from pinndd.distances import Distance, RelativeH1, RelativeL2, RelativeMaximum
from pinndd.risks import CVaR, Entropic, GeometricMean, Mean, Risk, WorstCase

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


def name_of(part: object, known: Mapping[str, object]) -> str:
    """Return the name under which a part is known, or what it prints as."""
    return part if isinstance(part, str) else next((name for name, each in known.items() if each == part), repr(part))
