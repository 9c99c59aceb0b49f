"""Read files that somebody else may have changed: every size is compared with that of the file, every value with its type."""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import tomllib
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec
import numpy as np

Array = np.ndarray[Any, Any]
T = TypeVar("T")

DEEPEST = 64
"""Levels of JSON or TOML that are read."""

EXPANSION = 100
"""Times its own size that a compressed archive may take in memory, beside `ROOM`. pinndd compresses none; others may."""

ROOM = 2**24
"""Bytes that a compressed archive may take in any case."""

_END, _MANY = b"PK\x05\x06", 0xFFFF
"""Begin of the record that ends an archive, and the number that stands there for more entries than it can hold."""

_SHOWN = 60


class FileError(ValueError):
    """A file that is damaged or holds something else than it should; the message names file, field and remedy."""


@dataclass(frozen=True)
class Reading:
    """One file that is being read.

    Attributes:
        path: of the file.
        remedy: what the user should do if it cannot be used, such as ``distill it again``.
        error: raised then.
    """

    path: Path
    remedy: str
    error: type[FileError] = FileError

    def fail(self, what: str, cause: BaseException | None = None) -> NoReturn:
        """Raise an error that says what is wrong and what to do."""
        raise self.error(f"{self.path} {what}: {self.remedy}") from cause

    def content(self) -> bytes:
        """Return the bytes of the file.

        Raises:
            FileError: it cannot be read.
        """
        try:
            if not self.path.is_file():
                self.fail("is missing" if not self.path.exists() else "is no file")
            return self.path.read_bytes()
        except (OSError, MemoryError) as error:
            self.fail(f"cannot be read ({getattr(error, 'strerror', None) or error})", error)

    def json(self, text: bytes) -> Any:
        """Parse JSON; names that stand twice and nesting deeper than `DEEPEST` are refused.

        Raises:
            FileError: it is no such JSON.
        """
        try:
            found = json.loads(text.decode(), object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            self.fail(f"is damaged (its JSON: {_short(error)})", error)
        return self._shallow(found)

    def toml(self, text: bytes) -> Any:
        """Parse TOML.

        Raises:
            FileError: it is none.
        """
        try:
            found = tomllib.loads(text.decode())
        except (ValueError, RecursionError) as error:
            self.fail(f"is damaged (its TOML: {_short(error)})", error)
        return self._shallow(found)

    def typed(self, value: Any, kind: type[T], where: str = "") -> T:
        """Return parsed JSON as a value of a type whose fields and ranges are declared (`msgspec.convert`).

        Args:
            value: parsed.
            kind: a `msgspec.Struct`, or another type that msgspec knows.
            where: the value stands in the file, for the message.

        Raises:
            FileError: a field is missing or of another type, or out of range; it is named.
        """
        try:
            return msgspec.convert(value, kind)
        except (msgspec.ValidationError, RecursionError, OverflowError) as error:
            what, _, place = str(error).partition(" - at `$")
            place = f"{where}{place.rstrip('`')}".strip(".").replace("`", "")
            self.fail(f"is no such file: {f'{place}: ' if place else ''}{what.replace('`', '')}{_found(value, place, where)}", error)

    def arrays(self) -> dict[str, Array]:
        """Return the arrays of an ``.npz``. Nothing is unpickled, and no more is allocated than the file can hold.

        Raises:
            FileError: it is no archive, or damaged, or one of its arrays declares another size than the file has for it.
        """
        content = self.content()
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                members = archive.infolist()
                self._require_all(len(members), content)
                self._require_sizes(members, len(content))
                return {
                    info.filename.removesuffix(".npy"): self._array(info.filename, archive.read(info))
                    for info in members
                    # numpy before 2.2 stores its own option beside the arrays
                    if info.filename != "allow_pickle.npy"
                }
        except self.error:
            raise
        except Exception as error:
            # the parsers of two libraries, at bytes of anybody: whatever they raise means the same
            self.fail(f"is damaged or not an .npz file ({type(error).__name__}: {_short(error)})", error)

    def _require_all(self, count: int, content: bytes) -> None:
        """Compare the entries that were found with the number at the end of an archive: zipfile stops early at a wrong length."""
        end = content.rfind(_END)
        written = int.from_bytes(content[end + 10 : end + 12], "little")
        if count != written < _MANY:
            self.fail(f"is damaged: it has {written} arrays, of which {count} were found")

    def _require_sizes(self, members: Sequence[zipfile.ZipInfo], size: int) -> None:
        names = [info.filename for info in members]
        if len(set(names)) < len(names):
            self.fail(f"holds two arrays of one name, {next(n for n in names if names.count(n) > 1)!r}")
        compressed = any(info.compress_type != zipfile.ZIP_STORED for info in members)
        declared = sum(info.file_size for info in members)
        if declared > (EXPANSION * size + ROOM if compressed else size):
            self.fail(f"declares {declared} bytes of arrays and has {size}")

    def _array(self, name: str, content: bytes) -> Array:
        file = io.BytesIO(content)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            version = np.lib.format.read_magic(file)
            if version not in ((1, 0), (2, 0)):
                self.fail(f"holds {name!r} in version {version} of the .npy format, expected 1.0 or 2.0")
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
        if dtype.kind not in "biufcSU":
            self.fail(f"holds {name!r} of type {dtype}, which is no number: nothing is unpickled")
        declared, there = math.prod(shape) * dtype.itemsize, len(content) - file.tell()
        if min(shape, default=0) < 0 or declared != there:
            self.fail(f"holds {name!r}, which declares the shape {shape} of {dtype}, {declared} bytes, and has {there}")
        flat = np.frombuffer(content, dtype, math.prod(shape), file.tell()).copy()
        return flat.reshape(shape, order="F" if fortran else "C")

    def _shallow(self, value: Any) -> Any:
        level, depth = [value], 0
        while level:
            if depth > DEEPEST:
                self.fail(f"is nested deeper than {DEEPEST} levels")
            inner = [v.values() if isinstance(v, dict) else v for v in level if isinstance(v, dict | list)]
            level, depth = [each for values in inner for each in values], depth + 1
        return value


def as_numbers(reading: Reading, name: str, array: Array) -> Array:
    """Return an array of a user as float64.

    Raises:
        FileError: its entries are no real numbers.
    """
    if array.dtype.kind not in "biuf":
        reading.fail(f"holds {name!r} of type {array.dtype}, expected real numbers")
    return array.astype(np.float64)


def digest(*parts: bytes) -> str:
    """Return the SHA-256 of some bytes, the length of each part with it, in hexadecimal digits."""
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.hexdigest()


def digest_of(value: Any, arrays: Mapping[str, Array] | None = None) -> str:
    """Return a SHA-256 of JSON values and of arrays with their names, types and shapes."""
    parts = [json.dumps(value, sort_keys=True).encode()]
    for name, array in sorted((arrays or {}).items()):
        parts += [f"{name}|{array.dtype.str}|{array.shape}".encode(), np.ascontiguousarray(array).tobytes()]
    return digest(*parts)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(n for n in names if names.count(n) > 1)!r} stands twice")
    return found


def _found(value: Any, place: str, where: str) -> str:
    """Say which value stands at a place, if that is one value."""
    for name in filter(None, place.removeprefix(where).split(".")):
        if not isinstance(value, Mapping) or name not in value:
            return ""
        value = value[name]
    return "" if isinstance(value, Mapping) else f", found {_short(repr(value))}"


def _short(what: object) -> str:
    text = re.sub(r"\s+", " ", str(what))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
