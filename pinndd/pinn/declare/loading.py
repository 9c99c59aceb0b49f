"""Load PDE modules by name or path."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path

from pinndd.pinn.declare.modules import PDEModuleError, checkout_of, docstring_of, find_pde, list_pdes, parse
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.jets.deepxde import import_deepxde

__all__ = ["PDEModuleError", "checkout_of", "docstring_of", "find_pde", "line_of", "list_pdes", "load_pde"]


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
    parse(path)
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
        raise PDEModuleError(f"PDE module {path}{line_of(error, path)}: {type(error).__name__}: {error}; {remedy}") from error
    pde = getattr(module, "pde", None)
    if not isinstance(pde, PDE):
        del sys.modules[unique]
        found = "no `pde`" if pde is None else f"`pde` of type {type(pde).__name__}"
        raise PDEModuleError(f"PDE module {path}: {found}; expected `pde = PDE(name=..., ...)` at the top level")
    return pde


def line_of(error: BaseException, path: Path | str) -> str:
    """Say which line of a file an error came from: ``", line 3"``, or nothing where no line of it took part."""
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == str(path) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f", line {line}"
