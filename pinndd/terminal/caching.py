"""``pinndd cache``: the true solutions and trained bodies that are kept on disk."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from pinndd.pinn.solving.cache import CACHE, cache_folder, kept_files
from pinndd.terminal.errors import checking_input


def cache(clear: bool) -> None:
    """Print where true solutions and bodies are kept, how many and how large, or delete them."""
    with checking_input():
        folder = cache_folder()
        if folder is None:
            said = f"nothing is kept: {CACHE}=off, or no home folder is known; set {CACHE} to a folder"
        elif folder.exists() and not folder.is_dir():
            raise ValueError(f"{folder} is a file; expected a folder: set {CACHE} to one")
        else:
            files = kept_files(folder)
            count = f"{len(files)} {'file' if len(files) == 1 else 'files'}, {_megabytes(files)}"
            said = (
                f"{folder}: removed {count}" if clear else f"{folder}: {count} of true solutions and bodies, safe to delete (--clear)"
            )
            for file in files if clear else ():
                file.unlink(missing_ok=True)
    Console(highlight=False).print(said, soft_wrap=True, markup=False)


def _megabytes(files: list[Path]) -> str:
    return f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB"
