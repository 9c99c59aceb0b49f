"""Names that become names of files and fields: of PDEs, shifts and conditions."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PLAIN = re.compile(r"[\w-][\w.-]*")
_WORDS = re.compile(rf"{_PLAIN.pattern}( {_PLAIN.pattern})*")
_LONGEST = 100

RESERVED = ("interior", "interior_weight", "boundary_weight", "conditions", "family")
"""Names of fields of distilled sets, which no condition can have."""


def require_names(pde: object, conditions: Iterable[object], shifts: Iterable[object]) -> None:
    """Make sure that all names are plain file names that mean nothing else; those of conditions and shifts may be several words.

    Args:
        pde: name of the PDE.
        conditions: names of its conditions.
        shifts: names of its shifts.

    Raises:
        ValueError: the first that is none; the message says which, and what is expected.
    """
    _require("PDE name", pde, _PLAIN)
    for name in conditions:
        _require(f"PDE {pde!r}: condition name", name, _WORDS)
        if name in RESERVED:
            raise ValueError(f"PDE {pde!r}: condition name {name!r} is that of a field of every distilled set; choose another")
    for name in shifts:
        _require(f"PDE {pde!r}: shift name", name, _WORDS)
        if name == "none":
            raise ValueError(f"PDE {pde!r}: shift name 'none' stands for the training family; choose another")


def _require(what: str, name: object, plain: re.Pattern[str]) -> None:
    if not isinstance(name, str) or not plain.fullmatch(name) or len(name) > _LONGEST:
        blanks = ", single blanks between words" if plain is _WORDS else ""
        raise ValueError(
            f"{what} {name!r} is no plain file name; expected 1 to {_LONGEST} letters, digits, '_', '-' or '.' (not first){blanks}"
        )
