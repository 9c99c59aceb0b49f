"""Read the binary version of CIFAR-10: records of a label and 3 x 32 x 32 bytes. Nothing is pickled.

Source: Krizhevsky (2009), Learning multiple layers of features from tiny images.
"""

from __future__ import annotations

import io
import tarfile

import torch
from torch import Tensor

from pinndd.vision.datasets.idx import DatasetFileError

FOLDER = "cifar-10-batches-bin"
TRAIN = tuple(f"data_batch_{k}.bin" for k in range(1, 6))
TEST = ("test_batch.bin",)

SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32


def parse_batch(content: bytes, place: str) -> tuple[Tensor, Tensor]:
    """Return the images and the labels of one batch.

    Args:
        content: of the file.
        place: name of the file, for errors.

    Returns:
        ``(N, 3, 32, 32)`` and ``(N,)``, uint8.

    Raises:
        DatasetFileError: the file is empty, or does not hold whole records.
    """
    if not content or len(content) % RECORD:
        raise DatasetFileError(
            f"{place} has {len(content)} bytes, expected whole records of {RECORD}: delete it and get it again"
        )
    records = torch.frombuffer(bytearray(content), dtype=torch.uint8).reshape(-1, RECORD)
    return records[:, 1:].reshape(-1, *SHAPE), records[:, 0]


def parse_archive(content: bytes, place: str) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return images and labels of both parts of the unzipped archive.

    Args:
        content: of the archive.
        place: name of the archive, for errors.

    Returns:
        The training and the test part, ``(N, 3, 32, 32)`` and ``(N,)`` each, uint8.

    Raises:
        DatasetFileError: it is no archive, lacks a batch, or one is damaged.
    """
    try:
        # read in place: nothing of an archive from elsewhere is written to the disk
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            parts = tuple(_part(archive, names, place) for names in (TRAIN, TEST))
    except tarfile.TarError as error:
        raise DatasetFileError(f"{place} is no whole tar archive ({error}): delete it and get it again") from error
    return parts[0], parts[1]


def _part(archive: tarfile.TarFile, names: tuple[str, ...], place: str) -> tuple[Tensor, Tensor]:
    batches = []
    for name in names:
        member = f"{FOLDER}/{name}"
        try:
            file = archive.extractfile(member)
        except KeyError:
            file = None
        if file is None:
            raise DatasetFileError(f"{place} holds no file {member}, expected the binary version of CIFAR-10: get that one")
        batches.append(parse_batch(file.read(), f"{place}, {member}"))
    return torch.cat([images for images, _ in batches]), torch.cat([labels for _, labels in batches])
