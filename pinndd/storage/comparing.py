"""Say which settings differ between what was started and what is asked for now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_MOST_NAMED = 4
_GROUPS = ("shapes", "versions", "trainings")
"""Groups whose entries say too little without them."""


def differences(stored: Any, wanted: Any) -> str:
    """Return ``seed was 0 and is now 3, points was 64 and is now 32``, an empty text where nothing differs.

    Args:
        stored: settings of the beginning, JSON values.
        wanted: those of now.
    """
    found = list(dict.fromkeys(_differences(stored, wanted)))
    more = len(found) - _MOST_NAMED
    return ", ".join(found[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _differences(stored: Any, wanted: Any, names: Sequence[str] = ()) -> Iterator[str]:
    if isinstance(stored, Mapping) and isinstance(wanted, Mapping):
        for name in dict.fromkeys((*wanted, *stored)):
            yield from _differences(stored.get(name), wanted.get(name), (*names, name))
    elif stored is None and isinstance(wanted, Mapping):
        yield f"{_named(names)} was not set"
    elif stored != wanted:
        yield f"{_named(names)} was {_said(stored)} and is now {_said(wanted)}"


def _named(names: Sequence[str]) -> str:
    grouped = next((k for k, name in enumerate(names) if name in _GROUPS), len(names) - 1)
    return ".".join(names[grouped:])


def _said(value: Any) -> str:
    return "not set" if value is None else repr(value)
