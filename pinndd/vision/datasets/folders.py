"""Images of a user without Python: a folder per class, or an ``.npz`` with images and labels."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinndd.storage.reading import Reading
from pinndd.vision.datasets.arrays import from_arrays
from pinndd.vision.datasets.dataset import Dataset
from pinndd.vision.datasets.image_files import header_of, pixels_of, require_alike, require_memory
from pinndd.vision.datasets.pixels import as_pixels

Array = NDArray[Any]

TRAIN, TEST, VALIDATION = ("train", "training"), ("test", "testing"), ("val", "valid", "validation")
"""Names of folders that hold a part each, with a folder per class in it."""

LITTER = ("thumbs.db", "desktop.ini", "__macosx")
"""Files that systems leave in folders, beside hidden ones."""

IMAGES = {"": ("images", "x", "data", "inputs"), "train": ("train_images", "x_train", "train_x"), "val": ("val_images", "x_val")}
IMAGES["test"] = ("test_images", "x_test", "test_x")
LABELS = {"": ("labels", "y", "targets"), "train": ("train_labels", "y_train", "train_y"), "val": ("val_labels", "y_val")}
LABELS["test"] = ("test_labels", "y_test", "test_y")
"""Names of arrays, by part; of the first part as of the whole."""

TEST_SHARE = 0.3

FEWEST = {True: 2, False: 3}
"""Images that a class needs: one for each part, of which the test part is there (true) or is taken from them."""


@dataclass(frozen=True)
class OwnImages:
    """Images that somebody gave by a path.

    Attributes:
        dataset: standardised, in two parts.
        checksum: SHA-256 of names and contents of all that was read.
        split: where the test part comes from, in words.
    """

    dataset: Dataset
    checksum: str
    split: str


def read_images(path: Path, *, seed: int = 0) -> OwnImages:
    """Read a folder with a folder per class, or ``train/`` and ``test/`` with those, or an ``.npz``.

    Files are taken in the order of their names. Hidden files are left out, with a warning; nothing else is.

    Args:
        path: of the folder, or of an archive with ``images`` ``(N, C, H, W)`` or ``(N, H, W)`` and ``labels`` ``(N,)``, integers
            from 0, perhaps with ``test_images`` and ``test_labels``.
        seed: of the split, where there is no test part.

    Raises:
        ValueError: a file cannot be used, or images or labels do not fit; the message names the place and the remedy.
        MemoryError: the images do not fit into the memory.
    """
    return _folder(path, seed) if path.is_dir() else _archive(path, seed)


def _folder(root: Path, seed: int) -> OwnImages:
    parts = _parts(root)
    classes = _classes(parts)
    files = {name: [_images_in(folder / each) for each in classes] for name, folder in parts.items()}
    needed = FEWEST["test" in parts]
    for each, own in zip(classes, files["train"], strict=True):
        if len(own) < needed:
            folder = parts["train"] / each
            raise ValueError(f"{folder} has {len(own) or 'no'} image{'s' * (len(own) != 1)}, expected {needed} at least: add some")
    headers = {name: [header_of(path) for own in lists for path in own] for name, lists in files.items()}
    require_alike([header for own in headers.values() for header in own])
    arrays = {
        name: (pixels_of(headers[name]), np.repeat(np.arange(len(classes)), [len(own) for own in lists]))
        for name, lists in files.items()
    }
    folders = dict.fromkeys((root, *parts.values(), *(folder / each for folder in parts.values() for each in classes)))
    hidden = [path for folder in folders for path in _visible(folder, hidden=True)]
    if hidden:
        more = f" and {len(hidden) - 1} more" if len(hidden) > 1 else ""
        warnings.warn(f"left out, since hidden files are no images: {hidden[0]}{more}", stacklevel=2)
    everything = [path for lists in files.values() for own in lists for path in own]
    return _joined(root, arrays, classes, _checksum(root, everything), seed)


def _parts(root: Path) -> dict[str, Path]:
    """Return the folders of the parts by name; ``train`` alone is the folder itself."""
    inside = {path.name.lower(): path for path in _visible(root) if path.is_dir()}
    named = {part: next((inside[n] for n in names if n in inside), None) for part, names in _NAMES.items()}
    if named["train"] is None and named["test"] is None:
        return {"train": root}
    found = {part: path for part, path in named.items() if path is not None}
    others = [path for path in inside.values() if path not in found.values()]
    if "train" not in found or "test" not in found or others:
        odd = others[0].name if others else "no " + ("train" if "train" not in found else "test")
        raise ValueError(
            f"{root} has folders of parts ({', '.join(path.name for path in found.values())}) and {odd}: expected train and test "
            "with a folder per class in each, or the folders of the classes alone"
        )
    return found


_NAMES: Mapping[str, Sequence[str]] = {"train": TRAIN, "test": TEST, "val": VALIDATION}


def _classes(parts: Mapping[str, Path]) -> list[str]:
    """Return the names of the classes in their order: numbers by their value, else by name."""
    found: dict[str, set[str]] = {}
    for part, folder in parts.items():
        beside = [path for path in _visible(folder) if not path.is_dir()]
        if beside:
            raise ValueError(f"{beside[0]} is in no folder of a class: put it into one, or move it away")
        found[part] = {path.name for path in _visible(folder)}
        if odd := [name for name in sorted(found[part]) if not _is_text(name)]:
            raise ValueError(f"{folder}: the name {odd[0]!r} of a class is no text in UTF-8: rename it")
    train = found["train"]
    for part, names in found.items():
        if odd := sorted(names ^ train):
            where = "train" if odd[0] in train else part
            raise ValueError(
                f"the class {odd[0]!r} is in {parts[where]} and not in {parts[part if where == 'train' else 'train']}: every part "
                "needs every class"
            )
    if len(train) < 2:
        said = f"the one class {next(iter(train))!r}" if train else "no folder of a class"
        raise ValueError(f"{parts['train']} has {said}, expected a folder of images for each of two classes or more")
    return sorted(train, key=lambda name: (0, int(name), name) if name.isdecimal() else (1, 0, name))


def _images_in(folder: Path) -> list[Path]:
    found = _visible(folder)
    for path in found:
        if path.is_dir():
            raise ValueError(f"{path} is a folder in the folder of a class, expected images alone: move them up, or away")
        if not path.is_file():
            raise ValueError(f"{path} is no file, or a link to none: move it away")
    return found


def _visible(folder: Path, *, hidden: bool = False) -> list[Path]:
    """Return what is in a folder, by name, or what of it is hidden."""
    try:
        names = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise ValueError(f"{folder} cannot be read ({error.strerror}): make it readable") from error
    return [path for path in names if _is_hidden(path) == hidden]


def _is_text(name: str) -> bool:
    """Return whether every byte of the name of a file is one of a letter."""
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower() in LITTER


def _archive(path: Path, seed: int) -> OwnImages:
    reading = Reading(path, "store it with numpy.savez(file, images=images, labels=labels), arrays of numbers")
    arrays = reading.arrays()
    held = ", ".join(arrays) or "no array"
    if "__header__" in arrays:
        raise ValueError(f"{path} is a distilled set: give the images that it was distilled from")
    found: dict[str, tuple[Array, Array]] = {}
    for part in ("train", "val", "test"):
        keys = ("", part) if part == "train" else (part,)
        images, labels = (
            next((name for key in keys for name in names[key] if name in arrays), None) for names in (IMAGES, LABELS)
        )
        if (images is None) != (labels is None):
            given, lacking = (images, "labels") if labels is None else (labels, "images")
            raise ValueError(f"{path} has {given} without their {lacking}; it holds {held}: name them {_wanted(part)}")
        if images is None or labels is None:
            continue
        pixels, place = arrays.pop(images), f"{path}, {images}"
        require_memory(pixels.size)
        own = arrays.pop(labels)
        if own.ndim == 2 and own.shape[1] == 1:
            own = own[:, 0]
        values = as_pixels(pixels, place)
        if own.ndim == 0 or len(pixels) != len(own):
            raise ValueError(f"{path}: {images} has {len(pixels)} images and {labels} {own.size} labels: expected one each")
        found[part] = values, own
    if "train" not in found:
        raise ValueError(f"{path} holds {held}, expected {_wanted('train')}: rename them")
    names = _names_of(arrays.pop("classes"), path) if "classes" in arrays else None
    if arrays:
        raise ValueError(f"{path} holds {next(iter(arrays))!r} too, which is not known here: leave it out")
    if 0 in (shape := {part: len(own[0]) for part, own in found.items()}).values():
        raise ValueError(f"{path} has no image in one of its parts ({shape}): leave the part out")
    return _joined(path, found, names, hashlib.sha256(reading.content()).hexdigest(), seed)


def _names_of(classes: Array, path: Path) -> list[str]:
    """Return the names of the classes, which differ and are not empty."""
    names = [str(name) for name in classes.reshape(-1).tolist()]
    if classes.ndim != 1 or "" in names or len(set(names)) < len(names):
        raise ValueError(f"{path}: classes are {', '.join(map(repr, names[:10]))}, expected names that differ, one per class")
    return names


def _wanted(part: str) -> str:
    return "images and labels" if part == "train" else f"{part}_images and {part}_labels"


def _joined(
    path: Path, arrays: Mapping[str, tuple[Array, Array]], classes: Sequence[str] | None, checksum: str, seed: int
) -> OwnImages:
    images, labels = arrays["train"]
    if "val" in arrays:
        others, more = arrays["val"]
        _require_shape(path, "validation", others, images)
        images, labels = np.concatenate((images, others)), np.concatenate((labels, more))
        warnings.warn(f"{path}: the validation part is joined with the training part, of which a share chooses", stacklevel=2)
    test = arrays.get("test")
    if test is not None:
        _require_shape(path, "test", test[0], images)
    _require_labels(path, labels, FEWEST[test is not None])
    dataset = from_arrays(
        images, labels, test=test, test_share=TEST_SHARE, classes=classes, channels="first", name=str(path), seed=seed
    )
    share = f"{100 * TEST_SHARE:.0f} % of every class, drawn at random, are the test part"
    return OwnImages(dataset, checksum, "the test part is as given" if test is not None else share)


def _require_labels(path: Path, labels: Array, fewest: int) -> None:
    """Refuse labels that are no numbers of classes before names are made of all numbers up to the greatest."""
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(f"{path}: labels have shape {labels.shape} and type {labels.dtype}, expected integers (N,), from 0 on")
    if (odd := int(labels.min())) < 0 or (odd := int(labels.max())) > len(labels):
        raise ValueError(f"{path}: label {odd} of {len(labels)} images is out of range: number the classes from 0, no gaps")
    values, counts = np.unique(labels, return_counts=True)
    if len(values) > 1 and counts.min() < fewest:
        few = values[counts.argmin()]
        raise ValueError(f"{path}: class {few} has {counts.min()} image(s), expected {fewest} at least: add some, or merge classes")


def _require_shape(path: Path, part: str, images: Array, train: Array) -> None:
    if images.shape[1:] != train.shape[1:]:
        raise ValueError(
            f"{path}: an image of the {part} part has shape {images.shape[1:]}, one of the training part {train.shape[1:]}: bring "
            "them to one size"
        )


def _checksum(root: Path, files: Sequence[Path]) -> str:
    found = hashlib.sha256()
    for path in files:
        found.update(os.fsencode(path.relative_to(root).as_posix()) + b"\0")
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()
