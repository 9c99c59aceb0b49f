"""Say which settings differ between what was started and what is asked for now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_MOST_NAMED = 4
_GROUPS = ("shapes", "versions")
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
        yield f"{names[-1]} was not set"
    elif stored != wanted:
        group = f"{names[-2]}." if len(names) > 1 and names[-2] in _GROUPS else ""
        yield f"{group}{names[-1]} was {_said(stored)} and is now {_said(wanted)}"


def _said(value: Any) -> str:
    return "not set" if value is None else repr(value)
