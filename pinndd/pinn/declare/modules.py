"""Find modules by name or path, and read what they say of themselves; nothing of them is imported, nor is torch."""

from __future__ import annotations

import ast
import difflib
import hashlib
import itertools
import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]

PDES, TASKS = "pdes", "tasks"
"""Kinds of packaged modules: the folders that hold them."""


TABLES = ".toml"
"""How the name of a file of hospitals ends."""


class PDEModuleError(ValueError):
    """A module that cannot be found or loaded; the message says which, why, and what to do."""


def checksum_of(text: bytes) -> str:
    """Return the SHA-256 of the text of a module, with line ends as ``\\n``, since these differ between checkouts."""
    return hashlib.sha256(text.replace(b"\r\n", b"\n")).hexdigest()


def checkout_of(folder: Path) -> Path | None:
    """Return the repository that this package runs from, if ``folder`` lies in it."""
    # beside an installed package, folders may be anybody's: a checkout is known by its pyproject.toml
    root = _PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and folder.resolve().is_relative_to(root) else None


def module_folders(kind: str = PDES) -> list[Path]:
    """Return the folders of packaged modules that exist: ``pdes/`` of a checkout first, then that of the wheel; of tasks likewise."""
    checkout = checkout_of(_PACKAGE)
    candidates = [] if checkout is None else [checkout / kind]
    return [folder for folder in (*candidates, _PACKAGE / f"_{kind}") if folder.is_dir()]


def module_files(kind: str = PDES) -> dict[str, Path]:
    """Return the files of the packaged modules of PDEs, or of tasks, by name."""
    files: dict[str, Path] = {}
    for folder in module_folders(kind):
        for path in sorted((*folder.glob("*.py"), *folder.glob(f"*{TABLES}"))):
            if not path.stem.startswith("_"):
                files.setdefault(path.stem, path)
    return files


def all_module_files() -> dict[str, Path]:
    """Return the files of all packaged modules, PDEs and tasks, by name."""
    pdes = module_files(PDES)
    return pdes | {name: path for name, path in module_files(TASKS).items() if name not in pdes}


def list_pdes(kind: str = PDES) -> list[tuple[str, str]]:
    """Return name and title of every packaged PDE, or task; titles are read from the docstrings, nothing is imported.

    Raises:
        PDEModuleError: a module has a syntax error.
    """
    return [(name, _title(path)) for name, path in sorted(module_files(kind).items())]


def docstring_of(name_or_path: str | Path) -> str:
    """Return the docstring of a module, read without importing it; empty if it has none.

    Raises:
        PDEModuleError: no such name or file, or a syntax error.
    """
    return _docstring(find_pde(name_or_path))


def _docstring(path: Path) -> str:
    """Return the docstring of a module, or the comment at the top of a TOML file."""
    if path.suffix != TABLES:
        return ast.get_docstring(parse(path)) or ""
    lines = itertools.takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8", errors="replace").splitlines())
    return "\n".join(line.removeprefix("#").strip() for line in lines)


def _title(path: Path) -> str:
    docstring = _docstring(path)
    return docstring.partition("\n")[0].rstrip(".")


def parse(path: Path) -> ast.Module:
    """Read a module.

    Raises:
        PDEModuleError: it has a syntax error.
    """
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise PDEModuleError(f"module {path}{line}: {error.msg}; correct it and try again") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise PDEModuleError(f"module {path}: not a Python source file ({error or type(error).__name__})") from error


def find_pde(name_or_path: str | Path) -> Path:
    """Return the file of a PDE: a packaged name (``"heat"``), or a path to a module.

    Raises:
        PDEModuleError: no such name or file.
    """
    text = str(name_or_path)
    is_path = isinstance(name_or_path, Path) or text.endswith((".py", TABLES)) or "/" in text or "\\" in text
    if not is_path:
        return _find_name(text)
    path = Path(os.path.expanduser(text))
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise PDEModuleError(
            f"module {text!r}: {found}; expected the path of a Python file that defines `pde` or `task`, of a TOML file of "
            f"hospitals, or a packaged name: "
            f"{', '.join(all_module_files())}"
        )
    return path.resolve()


def _find_name(name: str) -> Path:
    files = all_module_files()
    stem = name.replace("-", "_")
    if stem in files:
        return files[stem]
    close = difflib.get_close_matches(stem, files, n=2, cutoff=0.5)
    advice = f"did you mean {' or '.join(close)}?" if close else f"expected one of {', '.join(files)}."
    raise PDEModuleError(f"PDE {name!r} is unknown: {advice} For a module of your own give its path, such as ./{stem}.py")
