"""Keep what takes long to compute on disk, by a key of all that it depends on; every file is safe to delete."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from pinndd.pinn.solving.telling import tell
from pinndd.storage.locks import computing_alone
from pinndd.storage.reading import FileError, Reading
from pinndd.storage.writing import write_arrays

CACHE = "PINNDD_CACHE"
"""Environment variable: the folder; ``off`` for none."""

LEAST_SECONDS = 1.0
"""What took less to compute is not kept."""

PATIENCE = 3600.0
"""Seconds to wait for a process that computes the same."""

_KEY = "__key__"
_OURS = re.compile(r"[0-9a-f]{64}\.npz|\.[0-9a-f]{64}\.npz\..*\.tmp")

Arrays = dict[str, np.ndarray[Any, Any]]


def cache_folder() -> Path | None:
    """Return the folder of kept results, which need not exist; None if there is none.

    It is what the environment variable `CACHE` names, else the user's folder for caches. There is none where the variable is
    ``off``, and where no home folder is known.
    """
    named = os.environ.get(CACHE, "")
    if named.lower() == "off":
        return None
    try:
        folder = Path(named).expanduser().absolute() if named else platformdirs.user_cache_path("pinndd")
    except RuntimeError:  # no home folder
        return None
    return folder if folder.is_absolute() else None


def kept_files(folder: Path) -> list[Path]:
    """Return the files that `remembered` wrote into a folder, in which others may lie too."""
    return sorted(path for path in folder.iterdir() if _OURS.fullmatch(path.name)) if folder.is_dir() else []


def remembered(
    key: str,
    compute: Callable[[], Arrays],
    shapes: Mapping[str, tuple[int, ...]],
    possible: Callable[[Arrays], bool] = lambda arrays: True,
) -> Arrays:
    """Return what was computed before under a key, or compute it and keep it.

    What is read is bit for bit what was computed. A file that is damaged or holds something else is computed anew and replaced.
    That nothing can be kept is no error. Of several processes that need the same one computes it, and the others wait for its file;
    where files cannot be locked, each computes it, and the later file replaces the other.

    Args:
        key: SHA-256 of all that the result depends on, in hexadecimal digits.
        compute: returns arrays by name, float64.
        shapes: of these arrays.
        possible: whether the values of arrays could have been computed; what is not is computed anew.
    """
    folder = cache_folder()
    file = None if folder is None else folder / f"{key}.npz"
    found = None if file is None else _read(file, key, shapes)
    if found is not None and possible(found):
        return found
    if file is None:
        return compute()
    with computing_alone("cache", file, _tell_of_waiting, PATIENCE) as waited:
        found = _read(file, key, shapes) if waited else None
        if found is not None and possible(found):
            return found
        start = time.perf_counter()
        computed = compute()
        if time.perf_counter() - start >= LEAST_SECONDS:
            _write(file, key, computed)
    return computed


def _tell_of_waiting() -> None:
    tell("another process computes the same: waiting", 0, 1)


def _read(file: Path, key: str, shapes: Mapping[str, tuple[int, ...]]) -> Arrays | None:
    try:
        contents = Reading(file, "delete it").arrays()
    except FileError:
        return None
    stored = contents.pop(_KEY, None)
    fits = {name: (array.shape, array.dtype) for name, array in contents.items()}
    wanted = {name: (tuple(shape), np.dtype(np.float64)) for name, shape in shapes.items()}
    same = stored is not None and stored.dtype.kind == "U" and stored.tolist() == key
    return contents if same and fits == wanted else None


def _write(file: Path, key: str, arrays: Arrays) -> None:
    try:
        write_arrays(file, {_KEY: np.array(key), **arrays})
    except OSError:
        return  # no place, or not ours to write to
