"""What a PDE module needs beside its own text: modules in its folder, and files that it names."""

from __future__ import annotations

import ast
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pinndd.pinn.declare.modules import checksum_of

_LONGEST_NAME = 255


def dependencies_of(path: Path, text: bytes) -> str:
    """Return a SHA-256 of what a module depends on beside its own text; nothing is executed.

    Modules in its folder that it imports, or that these import, count by their texts, wherever the import statements stand. A file
    that one of them names by a plain string, relative to the folder or to the current one, counts by its size and time.

    Args:
        path: of the module.
        text: of it.
    """
    folder = path.parent
    found: dict[str, str] = {}
    waiting = [(path, text)]
    seen = {path}
    while waiting:
        tree = _parsed(waiting.pop()[1])
        if tree is None:
            continue
        for name in _strings(tree):
            found |= {f"file {name} {base}": stamp for base in (folder, Path()) if (stamp := _stamp(base / name))}
        for file in _imported(tree, folder):
            if file not in seen and file.is_file():
                seen.add(file)
                waiting.append((file, file.read_bytes()))
                found[f"module {file.relative_to(folder)}"] = checksum_of(waiting[-1][1])
    return hashlib.sha256(repr(sorted(found.items())).encode(errors="surrogateescape")).hexdigest()


def _parsed(text: bytes) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # an import of it fails, too


def _imported(tree: ast.Module, folder: Path) -> Iterator[Path]:
    """Files in a folder that absolute imports may execute: a module, or all of a package."""
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    for top in sorted({name.partition(".")[0] for name in names}):
        yield folder / f"{top}.py"
        if (folder / top).is_dir() and top != "pinndd":
            yield from sorted((folder / top).rglob("*.py"))


def _strings(tree: ast.Module) -> Iterator[str]:
    """Strings that may be names of files."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) <= _LONGEST_NAME:
            yield node.value


def _stamp(file: Path) -> str:
    """Size and time of a file; empty if there is none."""
    try:
        found = os.stat(file)
    except (OSError, ValueError):  # any string comes here
        return ""
    return f"{found.st_size} {found.st_mtime_ns}" if stat.S_ISREG(found.st_mode) else ""
