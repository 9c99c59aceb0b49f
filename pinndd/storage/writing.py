"""Write files so that nothing is ever half written."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np


@contextmanager
def write_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path``; on success flush it and rename it to ``path``, on failure remove it.

    Raises:
        OSError: there is no room, or the folder may not be written to; it names ``path``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _naming(path):
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with _naming(path):
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files that a process which was killed left while it wrote ``path``, which nobody else may be writing."""
    for left in path.parent.glob(f".{_literal(path.name)}.*.tmp"):
        left.unlink(missing_ok=True)


def is_leftover(path: Path) -> bool:
    """Whether a file is a temporary one of `write_atomically`."""
    return path.name.startswith(".") and path.suffix == ".tmp"


def write_json(path: Path, value: Any, *, allow_nan: bool = True) -> None:
    """Write a value as indented JSON, atomically.

    Args:
        path: of the file.
        value: of JSON types.
        allow_nan: whether numbers that are not finite are written, as Python's own reader takes them.

    Raises:
        ValueError: a number is not finite, and that is not allowed.
    """
    with write_atomically(path) as file:
        file.write(json.dumps(value, indent=1, allow_nan=allow_nan).encode() + b"\n")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write arrays as ``.npz``, not compressed, atomically; equal arrays give equal files.

    Raises:
        ValueError: an array holds Python objects, which would have to be pickled.
    """
    with write_atomically(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an error of the operating system name the file that was to be written, also where it names none or a temporary one."""
    try:
        yield
    except OSError as error:
        temporary = error.filename is None or Path(str(error.filename)).name.startswith(f".{path.name}.")
        if error.errno is None or not temporary:
            raise
        raise type(error)(error.errno, error.strerror, str(path)) from error


def _literal(name: str) -> str:
    """A name as `Path.glob` takes it literally."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
