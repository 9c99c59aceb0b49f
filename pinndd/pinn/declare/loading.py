"""Find PDE modules by name or path and load them."""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib.util
import sys
from pathlib import Path

from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.jets.deepxde import import_deepxde

_PACKAGE = Path(__file__).resolve().parents[2]


class PDEModuleError(ValueError):
    """A PDE module that cannot be found or loaded; the message says which, why, and what to do."""


def checkout_of(folder: Path) -> Path | None:
    """Return the repository that this package runs from, if ``folder`` lies in it."""
    # beside an installed package, folders may be anybody's: a checkout is known by its pyproject.toml
    root = _PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and folder.resolve().is_relative_to(root) else None


def module_folders() -> list[Path]:
    """Return the folders of packaged PDE modules that exist: ``pdes/`` of a checkout first, then that of the wheel."""
    checkout = checkout_of(_PACKAGE)
    candidates = [] if checkout is None else [checkout / "pdes"]
    return [folder for folder in (*candidates, _PACKAGE / "_pdes") if folder.is_dir()]


def _module_files() -> dict[str, Path]:
    files: dict[str, Path] = {}
    for folder in module_folders():
        for path in sorted(folder.glob("*.py")):
            if not path.stem.startswith("_"):
                files.setdefault(path.stem, path)
    return files


def list_pdes() -> list[tuple[str, str]]:
    """Return name and title of every packaged PDE; titles are read from the docstrings, nothing is imported.

    Raises:
        PDEModuleError: a module has a syntax error.
    """
    return [(name, _title(path)) for name, path in sorted(_module_files().items())]


def docstring_of(name_or_path: str | Path) -> str:
    """Return the docstring of a PDE module, read without importing it; empty if it has none.

    Raises:
        PDEModuleError: no such name or file, or a syntax error.
    """
    return ast.get_docstring(_parse(find_pde(name_or_path))) or ""


def _title(path: Path) -> str:
    docstring = ast.get_docstring(_parse(path)) or ""
    return docstring.partition("\n")[0].rstrip(".")


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise PDEModuleError(f"PDE module {path}{line}: {error.msg}; correct it and try again") from error
    except ValueError as error:
        raise PDEModuleError(f"PDE module {path}: not a Python source file ({error})") from error


def find_pde(name_or_path: str | Path) -> Path:
    """Return the file of a PDE: a packaged name (``"heat"``), or a path to a module.

    Raises:
        PDEModuleError: no such name or file.
    """
    text = str(name_or_path)
    is_path = isinstance(name_or_path, Path) or text.endswith(".py") or "/" in text or "\\" in text
    if not is_path:
        return _find_name(text)
    path = Path(text).expanduser()
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise PDEModuleError(
            f"PDE module {text!r}: {found}; expected the path of a Python file that defines `pde`, or a packaged name: "
            f"{', '.join(_module_files())}"
        )
    return path.resolve()


def _find_name(name: str) -> Path:
    files = _module_files()
    stem = name.replace("-", "_")
    if stem in files:
        return files[stem]
    close = difflib.get_close_matches(stem, files, n=2, cutoff=0.5)
    advice = f"did you mean {' or '.join(close)}?" if close else f"expected one of {', '.join(files)}."
    raise PDEModuleError(f"PDE {name!r} is unknown: {advice} For a module of your own give its path, such as ./{stem}.py")


def load_pde(name_or_path: str | Path) -> PDE:
    """Load a PDE by packaged name or by the path of a module, which is executed.

    Args:
        name_or_path: ``"heat"``, or ``"path/to/module.py"``.

    Returns:
        The object that the module calls ``pde``.

    Raises:
        PDEModuleError: no such name or file, a syntax error, an error while the module runs, or no ``pde`` in it.
    """
    path = find_pde(name_or_path)
    _parse(path)
    import_deepxde()
    # unique by path, so that two modules of the same file name do not meet in sys.modules
    unique = f"pinndd_pde_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(unique, path)
    if spec is None or spec.loader is None:
        raise PDEModuleError(f"PDE module {path}: not a Python module; expected a file whose name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[unique]
        remedy = "install what it imports" if isinstance(error, ImportError) else "correct the module and try again"
        raise PDEModuleError(f"PDE module {path}{_line(error, path)}: {type(error).__name__}: {error}; {remedy}") from error
    pde = getattr(module, "pde", None)
    if not isinstance(pde, PDE):
        del sys.modules[unique]
        found = "no `pde`" if pde is None else f"`pde` of type {type(pde).__name__}"
        raise PDEModuleError(f"PDE module {path}: {found}; expected `pde = PDE(name=..., ...)` at the top level")
    return pde


def _line(error: Exception, path: Path) -> str:
    """Say which line of the module an error came from."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f", line {line}"
