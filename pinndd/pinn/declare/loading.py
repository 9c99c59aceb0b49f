"""Load modules of PDEs and of stated tasks: by name or path, or by what a file remembers of the module that it was made with."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from pinndd.module_source import ModuleSource
from pinndd.pinn.declare.dependencies import dependencies_of
from pinndd.pinn.declare.modules import (
    TABLES,
    PDEModuleError,
    all_module_files,
    checkout_of,
    checksum_of,
    docstring_of,
    find_pde,
    list_pdes,
    parse,
)
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.stated.task import StatedTask
from pinndd.user_code import place_of

__all__ = [
    "PDEModuleError",
    "checkout_of",
    "difference",
    "docstring_of",
    "find_pde",
    "line_of",
    "list_pdes",
    "load_pde",
    "load_remembered",
    "load_remembered_subject",
    "load_subject",
    "remembered",
    "remembered_module",
]

MODULE, SOURCE = "module", "source"
"""Header entries of a set: `ModuleSource.module` and `ModuleSource.checksum` of its PDE."""

_NEEDED = (
    "and a PDE is needed here; 'pinndd check', 'distill', 'study', 'evaluate', 'export' and 'plot' take tasks, one at a time"
)

WEIGHTS_IN = {"weights_in": "sizes"}
"""Header entry of a set whose weights are those of rows in units of `PDE.sizes`; older versions weighed rows as they were."""

_beside: set[str] = set()
"""Modules that lay beside a module and were imported by it."""


def load_pde(name_or_path: str | Path) -> PDE:
    """Load a PDE by packaged name or by the path of a module, which is executed.

    Modules beside it can be imported from it, as from a script.

    Args:
        name_or_path: ``"heat"``, or ``"path/to/module.py"``.

    Returns:
        The object that the module calls ``pde``; its `source` is this module.

    Raises:
        PDEModuleError: no such name or file, a syntax error, an error or `SystemExit` while the module runs, or no ``pde`` in it.
    """
    if find_pde(name_or_path).suffix == TABLES:
        raise PDEModuleError(f"{name_or_path}: this states a task of hospitals' tables, {_NEEDED}")
    return _pde(load_subject(name_or_path), name_or_path)


def load_subject(name_or_path: str | Path) -> PDE | StatedTask:
    """Load what a module defines: a PDE, or a stated task.

    Args:
        name_or_path: packaged name, or path of a module, which is executed.

    Raises:
        PDEModuleError: as for `load_pde`, or the module has neither a ``pde`` nor a ``task``, or both.
    """
    path = find_pde(name_or_path)
    return _run(path, path.read_bytes())


def remembered_module(source: ModuleSource | None) -> dict[str, str]:
    """Return the header entries by which a set finds the module again that it was made with, if there is one."""
    return {} if source is None else {MODULE: source.module, SOURCE: source.checksum}


def remembered(pde: PDE) -> dict[str, str]:
    """Return the header entries by which a set finds its PDE again, if that was made by a module, and says what its weights are."""
    return WEIGHTS_IN | remembered_module(pde.source)


def _pde(found: PDE | StatedTask, where: object) -> PDE:
    if isinstance(found, StatedTask):
        raise PDEModuleError(f"{where}: this is the stated task {found.name!r}, {_NEEDED}")
    return found


def load_remembered(header: Mapping[str, Any], file: Path | None, remedy: str = "--pde") -> PDE:
    """Load the PDE that a file remembers, see `load_remembered_subject`."""
    return _pde(load_remembered_subject(header, file, remedy), "the set" if file is None else file)


def load_remembered_subject(header: Mapping[str, Any], file: Path | None, remedy: str = "--pde") -> PDE | StatedTask:
    """Load the module that a file remembers, if that is safe: nothing else is executed.

    That is a packaged module, or one that lies where the file says; its checksum must be that of the file. Where an older version
    wrote none, a packaged module is taken, which is ours: say so with `difference`.

    Args:
        header: with the entries of `remembered`.
        file: that holds the header (None: none); where the module has moved, it is looked for beside it and in the current folder,
            and named, but not executed.
        remedy: how to give the module: ``"--pde"``, or an argument.

    Raises:
        PDEModuleError: the file does not say, or the module has moved or was edited; the message says which, and what to give.
    """
    who = "the set" if file is None else str(file)
    module, checksum = header.get(MODULE), header.get(SOURCE)
    if (ours := _packaged_without_checksum(header)) is not None:
        return _run(ours, ours.read_bytes())
    if not isinstance(module, str) or not module or not isinstance(checksum, str) or not checksum:
        raise PDEModuleError(
            f"{who} does not say with which module it was made, so none is executed: give the module of "
            f"{header.get('pde') or header.get('task') or 'its PDE'!r} with {remedy}"
        )
    packaged = all_module_files().get(module)
    path = packaged or Path(module)
    found = packaged or (path if path.is_absolute() and path.is_file() else None)
    if found is None:
        raise PDEModuleError(f"{who}: its module {module} is not there any more{_elsewhere(path, checksum, file, remedy)}")
    text = found.read_bytes()
    if checksum_of(text) != checksum:
        why = "this version of pinndd has another one" if packaged else "it was edited"
        raise PDEModuleError(
            f"{who}: its module {module} differs from the one it was made with ({why}: checksum {checksum[:8]} then, "
            f"{checksum_of(text)[:8]} now); to use it as it is now, give {remedy} {module}"
        )
    return _run(found, text)


def _packaged_without_checksum(header: Mapping[str, Any]) -> Path | None:
    """Return the packaged module that a file names which holds no checksum; None if it holds one, or names another module."""
    if header.get(SOURCE):
        return None
    named = header.get(MODULE) or header.get("pde")
    return all_module_files().get(named) if isinstance(named, str) else None


def difference(pde: PDE | StatedTask, header: Mapping[str, Any], file: Path | None, *, given: bool = True) -> str:
    """Say how a PDE may differ from the module that a file remembers; empty if it does not.

    Args:
        pde: what is used.
        header: of the file.
        file: for the message (None: there is none).
        given: whether a person gave the PDE; otherwise it is what `load_remembered` returned.
    """
    who = "the set" if file is None else str(file)
    checksum, now = header.get(SOURCE), "" if pde.source is None else pde.source.checksum
    if checksum == now:
        return ""
    if not checksum:
        used = "the one given is the same" if given else f"the packaged {pde.name!r}, which is used, is the same"
        return f"{who} does not say with which module it was made, so nobody can tell whether {used}"
    return (
        f"the module given is another than the one that {who} was made with (checksum {str(checksum)[:8]} then, {now[:8]} now); "
        "the one given is used"
    )


def edited(pde: PDE | StatedTask, header: Mapping[str, Any], file: Path | None) -> str:
    """Say that a PDE is made of another text than a file was; empty if it is not, or if nobody knows one of the two texts."""
    return difference(pde, header, file) if header.get(SOURCE) and pde.source is not None and pde.source.checksum else ""


def _elsewhere(path: Path, checksum: str, file: Path | None, remedy: str) -> str:
    """Say where a module that has moved may be."""
    folders = [Path.cwd()] if file is None else [file.resolve().parent, Path.cwd()]
    for candidate in dict.fromkeys(folder / path.name for folder in folders):
        if candidate.is_file() and candidate != path:
            now = checksum_of(candidate.read_bytes())
            same = "the same text" if now == checksum else f"another text (checksum {checksum[:8]} then, {now[:8]} now)"
            return f"; {candidate} has its name and {same}: if you trust it, give {remedy} {candidate}"
    return f": give it with {remedy}"


def _run(path: Path, text: bytes) -> PDE | StatedTask:
    """Execute exactly this text as the module at ``path``."""
    if not _only_a_task(parse(path)):
        import_deepxde()
    if path.suffix != ".py":
        raise PDEModuleError(f"module {path}: not a Python module; expected a file whose name ends in .py")
    # unique by path, so that two modules of the same file name do not meet in sys.modules
    unique = f"pinndd_pde_{path.stem}_{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(unique, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    try:
        with _importing_from(path.parent):
            # not by the loader, which may take an older text from its cache
            exec(compile(text, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[unique]
        place = place_of(error) if not isinstance(error, SyntaxError) else ""
        said = f"module {path}{line_of(error, path)}: {type(error).__name__}: {error}{place}"
        raise PDEModuleError(f"{said}; {_remedy(error)}") from error
    try:
        subject = _subject(path, module)
    except PDEModuleError:
        del sys.modules[unique]
        raise
    packaged = {file.resolve(): name for name, file in all_module_files().items()}
    source = ModuleSource(packaged.get(path, str(path)), checksum_of(text), dependencies_of(path, text))
    object.__setattr__(subject, "source", source)
    return subject


def _subject(path: Path, module: ModuleType) -> PDE | StatedTask:
    """Return the PDE or the task that a module defines."""
    pde, task = getattr(module, "pde", None), getattr(module, "task", None)
    if isinstance(pde, PDE) and isinstance(task, StatedTask):
        raise PDEModuleError(f"module {path}: it defines both `pde` and `task`; leave one of the two out")
    if isinstance(pde, PDE):
        return pde
    if isinstance(task, StatedTask):
        return task
    if pde is None and task is not None:
        raise PDEModuleError(
            f"module {path}: `task` of type {type(task).__name__}; expected `task = pinndd.StatedTask(name, data=..., ...)` at the "
            "top level"
        )
    found = "no `pde`" if pde is None else f"`pde` of type {type(pde).__name__}"
    raise PDEModuleError(
        f"module {path}: {found}; expected `pde = PDE(name=..., ...)` at the top level, or `task = StatedTask(...)`"
    )


def _only_a_task(tree: ast.Module) -> bool:
    """Whether the top level of a module names a task and no PDE, so that nobody needs DeepXDE."""
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    return "task" in names and "pde" not in names


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Let a module import what lies beside it, and nothing that lay beside another."""
    for name in _beside:
        sys.modules.pop(name, None)
    _beside.clear()
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        if str(folder) not in sys.path:
            sys.path.append(str(folder))  # for imports inside functions; behind all others, so that it hides nothing
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).resolve().is_relative_to(folder) and not name.startswith("pinndd"):
                _beside.add(name)


def _remedy(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "the module needs it"
    if isinstance(error, ModuleNotFoundError):
        return "install what it imports, or put it beside the module"
    if isinstance(error, ImportError):
        return "a module beside this one is imported by its name, without a dot"
    return "correct the module and try again"


def line_of(error: BaseException, path: Path | str) -> str:
    """Say which line of a file an error came from: ``", line 3"``, or nothing where no line of it took part."""
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == str(path) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f", line {line}"
