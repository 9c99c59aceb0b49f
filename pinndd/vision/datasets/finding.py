"""Find the files of a published data set on the disk, or download them when asked to."""

from __future__ import annotations

import os
from pathlib import Path

from pinndd.vision.datasets.published import PublishedDataset, PublishedFile

VARIABLE = "PINNDD_DATA"
"""Environment variable: a folder with data files, or with a subfolder for each data set."""


def find_files(
    name: str, published: PublishedDataset, *, folder: Path | None = None, download: bool = False
) -> tuple[Path, ...]:
    """Return the paths of all files of a set.

    The folder given is searched first, then the one that the environment variable PINNDD_DATA names, then the user's cache;
    of each, the subfolder of the set's name before the folder itself. The first that holds every file wins.

    Args:
        name: of the set.
        published: its files.
        folder: to search first.
        download: get the files if none of the places has them, into the folder given, or else into the cache.

    Raises:
        FileNotFoundError: no place has every file, and no download is wanted.
        ImportError: a download is wanted, and pooch is not installed.
        ConnectionError: the download failed.
    """
    searched = places(name, folder)
    for place in searched:
        found = [_present(place, file) for file in published.files]
        paths = tuple(path for path in found if path is not None)
        if len(paths) == len(published.files):
            return paths
    if download:
        return _downloaded(name, published, folder)
    raise FileNotFoundError(_missing(name, published, searched))


def places(name: str, folder: Path | None) -> list[Path]:
    """Return the folders to search for a set, in order."""
    roots = [] if folder is None else [Path(folder)]
    if os.environ.get(VARIABLE):
        roots.append(Path(os.environ[VARIABLE]))
    found = [place for root in roots for place in (root / name, root)]
    try:
        return [*found, _cache(name)]
    except ImportError:
        # only pooch puts files into the cache
        return found


def _cache(name: str) -> Path:
    import pooch

    return Path(pooch.os_cache("pinndd")) / name


def _present(place: Path, file: PublishedFile) -> Path | None:
    """Return the file as published, or unzipped, where there is one."""
    for path in (place / file.name, place / file.name.removesuffix(".gz")):
        if path.is_file():
            return path
    return None


def _missing(name: str, published: PublishedDataset, searched: list[Path]) -> str:
    # of several incomplete places, the one that lacks least is meant
    lacking = [[f.name for f in published.files if _present(place, f) is None] for place in searched]
    best = min(lacking, key=len, default=[file.name for file in published.files])
    where = f"; searched: {', '.join(str(place) for place in searched)}" if searched else ""
    files = "the file" if len(published.files) == 1 else f"the {len(published.files)} files"
    return (
        f"data set {name!r}: no {', '.join(best)}{where}. Put {files} from {published.url} into a "
        f"folder that folder= or the environment variable {VARIABLE} names, or say download=True"
    )


def _downloaded(name: str, published: PublishedDataset, folder: Path | None) -> tuple[Path, ...]:
    try:
        import pooch
    except ImportError as error:
        raise ImportError(f"download of {name!r} needs the package pooch: pip install 'pinndd[vision]'") from error
    target = _cache(name) if folder is None else Path(folder) / name
    paths = []
    for file in published.files:
        url = published.url + file.name
        try:
            paths.append(pooch.retrieve(url, known_hash=file.checksums[0], fname=file.name, path=target))
        # requests' errors are OSErrors; a wrong checksum is a ValueError of pooch
        except (OSError, ValueError) as error:
            raise ConnectionError(
                f"download of {url} failed ({error}): try again, or put the file into {target} yourself"
            ) from error
    return tuple(Path(path) for path in paths)
