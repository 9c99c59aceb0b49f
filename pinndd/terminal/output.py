"""Where output goes: the console of tables, and files: writable, which is noticed before any work, and with one writer each."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from pinndd.storage.locks import writing_alone
from pinndd.storage.writing import remove_leftovers
from pinndd.terminal.errors import checking_input

UNCUT = 140
"""Characters of a line where nobody's terminal says how many fit."""


def require_writable(option: str, path: Path, *, overwrite: bool | None) -> None:
    """Make sure that a file may be written.

    Args:
        option: that names it, for the message.
        path: of the file.
        overwrite: whether a file that is there may be replaced; None where the command has no ``--overwrite``.

    Raises:
        ValueError: it is a folder, exists already, or its folder cannot be written to.
    """
    if path.is_dir():
        raise ValueError(f"{option} {path} is a folder: name a file in it")
    if path.exists() and not overwrite:
        raise ValueError(f"{option} {path} exists: choose another file{', or add --overwrite' if overwrite is False else ''}")
    require_folder(option, path.parent)


def require_not_read(option: str, path: Path, *read: object) -> None:
    """Make sure that a file which is written is none of those that the command reads, which ``--overwrite`` is not meant for.

    Args:
        option: that names the file, for the message.
        path: of the file.
        read: paths of what is read; what is no file, such as a name or None, is left out.

    Raises:
        ValueError: it is one of them.
    """
    for source in read:
        if source is not None and path.is_file() and Path(str(source)).is_file() and path.samefile(str(source)):
            raise ValueError(f"{option} {path}: the command reads this file; write to another one")


def require_folder(option: str, path: Path) -> None:
    """Make sure that files may be written into a folder, or that it may be made.

    Raises:
        ValueError: no file can be made there.
    """
    folder = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    if not folder.is_dir():
        raise ValueError(f"{option} {path}: {folder} is a file, not a folder; choose another place")
    try:
        # permissions alone do not know of file systems that are read only, of quotas, or of the rights of root
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"{option} {path}: the folder {folder} may not be written to; choose another place ({error.strerror})"
        ) from error


OVERWRITING = "begin again with the same command and --overwrite"


def kept_in_words(*paths: Path | None, otherwise: str = OVERWRITING) -> Callable[[], str]:
    """Return what says which files a command has written by then, whole, and how to begin again, to whoever stops it.

    Args:
        paths: of the files that it writes; None is left out.
        otherwise: how to begin again once there are some, which the same command may refuse to replace.
    """
    before = {path: _stamp(path) for path in paths if path is not None}

    def say() -> str:
        written = [str(path) for path, was in before.items() if _stamp(path) != was]
        if not written:
            return "nothing was written; begin again with the same command"
        return f"{' and '.join(written)} {'is' if len(written) == 1 else 'are'} written; {otherwise}"

    return say


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return what is another one for every file that was written under a name."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def resumed(overwrite: bool) -> str:
    """Return how to go on with a command; whoever typed ``--overwrite`` does so in place of it, since the two exclude each other."""
    return f"go on with the same command and --resume{' in place of --overwrite' if overwrite else ''}"


def go_on_in_words(command: str, config: Path, overwrite: bool) -> Callable[[], str]:
    """Return what says to whoever stops a study what is kept by then, and how to go on.

    Args:
        command: that repeats the study.
        config: file that a study writes into its folder first.
        overwrite: whether it replaces a study, which ``--resume`` would go on with as long as it is there.
    """
    before = _stamp(config)

    def say() -> str:
        if overwrite and _stamp(config) == before:
            return f"nothing was changed in {config.parent}; begin again with: {command} --overwrite"
        return f"what is finished is kept in {config.parent}; go on with: {command} --resume"

    return say


@contextmanager
def writing_to(option: str, *paths: Path | None) -> Iterator[None]:
    """Lock files that are to be written until the work is done; one that is locked, or cannot be written, is bad input.

    Args:
        option: that names the first, for the message.
        paths: of the files; None is left out.
    """
    with ExitStack() as held:
        with checking_input():
            for path in filter(None, paths):
                held.enter_context(writing_alone(option, path))
                remove_leftovers(path)
        yield


def table_console() -> Console:
    """Return where tables are printed; a file or a pipe has no width, so columns are not cut there."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else UNCUT)
