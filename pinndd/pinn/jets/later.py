"""Import a package without what it imports but rarely needs: those modules are loaded when something of them is used."""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class Later(ModuleType):
    """Stands for a module, or for something in it, until an attribute is asked for that is no part of an import statement."""

    def __init__(self, name: str, opening: list[bool]) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self.__dict__["_opening"] = opening

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.__dict__["_opening"]:
            return Later(f"{self.__name__}.{name}", self.__dict__["_opening"])
        return getattr(self._loaded(), name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call what this stands for."""
        return self._loaded()(*arguments, **named)

    def _loaded(self) -> Any:
        try:
            return importlib.import_module(self.__name__)
        except ModuleNotFoundError:
            parent, _, name = self.__name__.rpartition(".")
            return getattr(importlib.import_module(parent), name)


class _Finder:
    def __init__(self, roots: Sequence[str]) -> None:
        self.roots, self.opening, self.made = roots, [True], dict[str, Later]()

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] not in self.roots:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        self.made[spec.name] = Later(spec.name, self.opening)
        return self.made[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is executed now."""


@contextmanager
def importing_later(*roots: str) -> Iterator[None]:
    """What is imported in here imports packages of these names only when it uses them; those loaded already stay as they are.

    Args:
        roots: names of packages.
    """
    finder = _Finder([root for root in roots if root not in sys.modules])
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        finder.opening.clear()
        for name, module in finder.made.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
