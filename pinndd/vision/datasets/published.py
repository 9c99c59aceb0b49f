"""Published data sets: where they are, what their files are called, and the checksums of these.

Checksums are those of the publishers, or those that several libraries check against; for MNIST and Fashion-MNIST there is
one of the unzipped content too, since the same images are passed around zipped anew.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from pinndd.vision.datasets.cifar import parse_archive
from pinndd.vision.datasets.idx import DatasetFileError, parse_idx

Part = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class PublishedFile:
    """A file of a published set.

    Attributes:
        name: as published.
        checksums: algorithm and digest, such as ``md5:0123``: first that of the file as published, then of its content
            unzipped.
    """

    name: str
    checksums: tuple[str, ...]


@dataclass(frozen=True)
class PublishedDataset:
    """A published set.

    Attributes:
        url: that a file's name is appended to.
        files: in the order that ``read`` wants their contents.
        classes: names, by label.
        read: turns unzipped contents and the places they are from into the training and the test part: images
            ``(N, C, H, W)`` and labels ``(N,)``, both uint8.
    """

    url: str
    files: tuple[PublishedFile, ...]
    classes: tuple[str, ...]
    read: Callable[[Sequence[bytes], Sequence[str]], tuple[Part, Part]]


def read_idx_files(contents: Sequence[bytes], places: Sequence[str]) -> tuple[Part, Part]:
    """Return both parts of four IDX files: images and labels to train on, images and labels to test with.

    Raises:
        DatasetFileError: a file is damaged.
    """
    parsed = [parse_idx(content, place, axes) for content, place, axes in zip(contents, places, (3, 1, 3, 1), strict=True)]
    return (parsed[0][:, None], parsed[1]), (parsed[2][:, None], parsed[3])


def read_archive(contents: Sequence[bytes], places: Sequence[str]) -> tuple[Part, Part]:
    """Return both parts of the archive of CIFAR-10.

    Raises:
        DatasetFileError: the archive is damaged.
    """
    return parse_archive(contents[0], places[0])


def unzipped(path: Path) -> tuple[bytes, bytes]:
    """Return the bytes of a file, and its content unzipped.

    Raises:
        DatasetFileError: it is no whole gzip file.
    """
    raw = path.read_bytes()
    if path.suffix != ".gz":
        return raw, raw
    try:
        return raw, gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetFileError(f"{path} is no whole gzip file ({error}): delete it and get it again") from error


def check_sum(file: PublishedFile, path: Path, versions: Sequence[bytes]) -> None:
    """Check a file against its published checksums.

    Args:
        file: what was published.
        path: of the file, for errors.
        versions: its bytes, and its content unzipped.

    Raises:
        DatasetFileError: no version has a published checksum.
    """
    for checksum in file.checksums:
        algorithm, digest = checksum.split(":")
        # a checksum tells files apart here, it keeps no secret
        if any(hashlib.new(algorithm, version, usedforsecurity=False).hexdigest() == digest for version in versions):
            return
    raise DatasetFileError(
        f"{path} is not the published file: its checksum is none of {', '.join(file.checksums)}; delete it and get it "
        "again, or load changed data with from_arrays"
    )


_IDX_NAMES = tuple(f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))


def _idx_files(*checksums: tuple[str, str]) -> tuple[PublishedFile, ...]:
    return tuple(PublishedFile(name, sums) for name, sums in zip(_IDX_NAMES, checksums, strict=True))


PUBLISHED: dict[str, PublishedDataset] = {
    "mnist": PublishedDataset(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        _idx_files(
            (
                "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            (
                "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            (
                "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            (
                "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
        tuple("0123456789"),
        read_idx_files,
    ),
    "fashion-mnist": PublishedDataset(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        _idx_files(
            ("md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d", "md5:f4a8712d7a061bf5bd6d2ca38dc4d50a"),
            ("md5:25c81989df183df01b3e8a0aad5dffbe", "md5:9018921c3c673c538a1fc5bad174d6f9"),
            ("md5:bef4ecab320f06d8554ea6380940ec79", "md5:8181f5470baa50b63fa0f6fddb340f0a"),
            ("md5:bb300cfdad3c16e7a12a480ee83cd310", "md5:15d484375f8d13e6eb1aabb0c3f46965"),
        ),
        ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
        read_idx_files,
    ),
    "cifar-10": PublishedDataset(
        "https://www.cs.toronto.edu/~kriz/",
        (PublishedFile("cifar-10-binary.tar.gz", ("md5:c32a1d4ab5d03f1284b67883e8d87530",)),),
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        read_archive,
    ),
}
"""Published sets by their names."""
