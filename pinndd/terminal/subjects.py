"""What a command is about: a module of a PDE or of a stated task, or images or tables of hospitals, which need none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pinndd.module_source import ModuleSource
from pinndd.pinn.declare.loading import MODULE, SOURCE, PDEModuleError, load_remembered_subject, load_subject
from pinndd.pinn.declare.modules import TABLES, all_module_files, find_pde
from pinndd.pinn.declare.pde import PDE
from pinndd.stated.naming import task_name
from pinndd.stated.task import StatedTask


def subject_named(name: str, network: str | None = None) -> PDE | StatedTask:
    """Load what a person named.

    Args:
        name: of a packaged module, or the path of one, of a folder of images, of an ``.npz`` with images, or of a TOML file of
            hospitals.
        network: of images (None: the usual one).

    Raises:
        ValueError: there is no such thing, or it cannot be used.
    """
    path = images_at(name)
    if path is not None:
        return _of_images(path, network)
    if network is not None:
        raise ValueError(f"--network {network}: it is for images, and {name} is a module, which says what trains on its set")
    return _of_module(name)


def remembered_subject(header: Mapping[str, Any], file: Path) -> PDE | StatedTask:
    """Load what a set or a run remembers, if that is safe, see `pinndd.pinn.declare.loading.load_remembered_subject`.

    Images are read, not executed; `pinndd.pinn.declare.loading.difference` tells whether they have changed.
    """
    place = header.get(MODULE)
    if isinstance(place, str) and Path(place).is_absolute() and (path := images_at(place)) is not None:
        return _of_images(path, _network(header))
    if isinstance(place, str) and place.endswith(TABLES):
        return _remembered_tables(Path(place), str(header.get(SOURCE)), file)
    return load_remembered_subject(header, file)


def again(name: str, header: Mapping[str, Any]) -> PDE | StatedTask:
    """Load what a person names for a set or a run that exists: images with the network that it remembers."""
    return subject_named(name, _network(header)) if images_at(name) is not None else _of_module(name)


def images_at(name: str) -> Path | None:
    """Return the path of images, if that is what a name means; packaged modules come first."""
    path = Path(os.path.expanduser(name))
    if name.replace("-", "_") in all_module_files() or not (path.is_dir() or (path.suffix == ".npz" and path.is_file())):
        return None
    return path.resolve()


def _network(header: Mapping[str, Any]) -> str | None:
    """Return the network of images, as a set remembers it."""
    network = header.get("learner")
    return network if isinstance(network, str) else None


def _of_module(name: str) -> PDE | StatedTask:
    """Load what a module defines, or what a TOML file of hospitals states."""
    path = find_pde(name)
    return _of_tables(path) if path.suffix == TABLES else load_subject(name)


def _remembered_tables(path: Path, checksum: str, file: Path) -> StatedTask:
    """Read a TOML file of hospitals, if it and the tables that it names are as they were.

    Raises:
        PDEModuleError: they are not.
    """
    if not (path.is_absolute() and path.is_file()):
        raise PDEModuleError(f"{file}: its file {path} is not there any more: give it with --pde")
    found = _of_tables(path)
    now = "" if found.source is None else found.source.checksum
    if now != checksum:
        raise PDEModuleError(
            f"{file}: {path}, or a table that it names, differs from the one it was made with (checksum {checksum[:8]} then, "
            f"{now[:8]} now); to use it as it is now, give --pde {path}"
        )
    return found


def _of_tables(path: Path) -> StatedTask:
    from pinndd.study.medical.tables.building import load_tables

    return load_tables(path)


def _of_images(path: Path, network: str | None) -> StatedTask:
    from pinndd.vision.datasets.folders import read_images
    from pinndd.vision.stating import image_task

    found = read_images(path)
    count = len(found.dataset.train_labels) + len(found.dataset.test_labels)
    title = f"{count} images of {len(found.dataset.classes)} classes in {path.name}; {found.split}"
    name = task_name(path.stem if path.is_file() else path.name, "images")
    task = image_task(found.dataset, name, network=network, title=title)
    object.__setattr__(task, "source", ModuleSource(str(path), found.checksum))
    return task
