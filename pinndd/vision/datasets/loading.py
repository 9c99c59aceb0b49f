"""Load a named data set: the digits that scikit-learn brings, or published files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from pinndd.stated.parts import stratified_split
from pinndd.vision.datasets.dataset import Dataset, check_labels
from pinndd.vision.datasets.finding import find_files
from pinndd.vision.datasets.idx import DatasetFileError
from pinndd.vision.datasets.published import PUBLISHED, Part, PublishedDataset, check_sum, unzipped

DATASETS = ("digits", *PUBLISHED)
"""Names of the data sets."""


def load_dataset(
    name: str = "digits",
    *,
    folder: Path | None = None,
    download: bool = False,
    test_share: float = 0.3,
    seed: int = 0,
) -> Dataset:
    """Load a data set by its name.

    ``digits`` (1797 images of 8 x 8, part of scikit-learn) needs no file. ``mnist``, ``fashion-mnist`` and ``cifar-10`` are
    read from files and checked against their published checksums; `pinndd.vision.datasets.finding` says where they are
    searched for.

    Args:
        name: digits, mnist, fashion-mnist or cifar-10.
        folder: with the files, or with a subfolder of the set's name; searched first.
        download: get files that are nowhere on the disk.
        test_share: of the digits to hold out, the same of every class; the others come in two parts.
        seed: of the split of the digits.

    Raises:
        ValueError: there is no such set, or the share is not in (0, 1).
        FileNotFoundError: files are missing; the message says where to put them.
        DatasetFileError: a file is damaged, has a label out of range, or is not the published one.
        ImportError: a download is wanted, and pooch is not installed.
        ConnectionError: the download failed.
    """
    if name not in DATASETS:
        raise ValueError(
            f"unknown data set {name!r}; expected one of {', '.join(DATASETS)}, or use from_arrays for your own"
        )
    if name == "digits":
        return _digits(test_share, seed)
    published = PUBLISHED[name]
    paths = find_files(name, published, folder=folder, download=download)
    train, test = (_scaled(part, 255) for part in _read(name, published, paths))
    return Dataset.standardised(name, train, test, published.classes)


def _read(name: str, published: PublishedDataset, paths: Sequence[Path]) -> tuple[Part, Part]:
    """Return the parts as bytes, checked; the contents of the files are let go of."""
    versions = [unzipped(path) for path in paths]
    # parsed before the checksums: what is wrong inside a file says more than that it is another one
    parts = published.read([content for _, content in versions], [str(path) for path in paths])
    for (images, labels), place in zip(parts, ("training part", "test part"), strict=True):
        try:
            remedy = f"get the files in {paths[0].parent} again"
            check_labels(labels, len(images), published.classes, f"{name}, {place}", remedy)
        except ValueError as error:
            raise DatasetFileError(str(error)) from error
    for file, path, version in zip(published.files, paths, versions, strict=True):
        check_sum(file, path, version)
    return parts


def _digits(test_share: float, seed: int) -> Dataset:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images, labels = torch.tensor(bunch.images)[:, None], torch.tensor(bunch.target)
    kept, held = stratified_split(labels, test_share, torch.Generator().manual_seed(seed))
    train, test = (_scaled((images[part], labels[part]), 16) for part in (kept, held))
    return Dataset.standardised("digits", train, test, tuple("0123456789"))


def _scaled(part: Part, white: int) -> Part:
    """Return images between 0 and 1, and labels as int64."""
    return part[0].to(torch.float32).div_(white), part[1].to(torch.int64)
