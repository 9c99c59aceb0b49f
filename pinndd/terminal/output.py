"""Notice before any work that a file cannot be written."""

from __future__ import annotations

import tempfile
from pathlib import Path


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
