"""Which module a user's object was loaded from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModuleSource:
    """The module that a PDE or a stated task was loaded from.

    Attributes:
        module: name of a packaged one, or absolute path.
        checksum: SHA-256 of its text, with line ends as ``\\n``.
        dependencies: SHA-256 of what it needs beside that, see `pinndd.pinn.declare.dependencies`.
    """

    module: str
    checksum: str
    dependencies: str = ""
