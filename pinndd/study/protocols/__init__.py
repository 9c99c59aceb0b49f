"""Protocols: the ways in which a PINN meets a new boundary condition, one object each, and the engine that runs them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pinndd.study.protocols.protocol import Protocol
    from pinndd.study.protocols.words import ProtocolWords

NAMES = ("retrain", "amortised", "solved", "sensors")
"""The protocols; each is the object ``PROTOCOL`` of the module, or package, of that name beside this file."""


def protocol_named(name: str) -> Protocol[Any]:
    """Return a protocol by its name (its module is imported when it is needed).

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in NAMES:
        from pinndd.study.protocols.parts import unknown

        raise unknown("protocol", name, NAMES)
    found: Protocol[Any] = importlib.import_module(f"pinndd.study.protocols.{name}").PROTOCOL
    return found


def words_of(name: str) -> ProtocolWords:
    """Return what reports call the things of a protocol, or of a stated task.

    Raises:
        UnknownNameError: there is no protocol of that name.
    """
    from pinndd.study.protocols.words import STATED, STATED_WORDS

    return STATED_WORDS if name == STATED else protocol_named(name).words
