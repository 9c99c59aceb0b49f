"""Packages that export classes of other modules, and import a module when one of its classes is first used."""

from __future__ import annotations

TYPE_CHECKING = False  # to import typing takes longer than all else that a command does before it heeds signals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def importer(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package.

    Args:
        package: its name.
        homes: for every name that it exports, the module that defines it, or the package that it is a module of.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        import importlib

        home = importlib.import_module(homes[name])
        return getattr(home, name) if hasattr(home, name) else importlib.import_module(f"{homes[name]}.{name}")

    return get
