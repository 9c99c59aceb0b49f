"""The synthetic data set that is distilled: named tensors, each with a constraint, saved as one ``.npz``."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from pinndd.constraints import Constraint, constraint_from_json
from pinndd.storage.reading import Array, FileError, Reading, digest_of
from pinndd.storage.writing import write_arrays

FORMAT = "pinndd-synthetic-data"
VERSION = 2


class DataFileError(FileError):
    """A file that is not a synthetic data set, or a damaged one."""


class _Described(msgspec.Struct):
    """What stands in the file beside the fields. In version 1 the checksum is that of the fields alone."""

    format: str
    version: Annotated[int, msgspec.Meta(ge=1)]
    checksum: str
    constraints: dict[str, dict[str, Any]]
    header: dict[str, Any]


@dataclass(frozen=True)
class SyntheticData:
    """A synthetic data set: named tensors and the constraint of each.

    Attributes:
        fields: the tensors.
        constraints: one for each field.
        header: what is needed to evaluate the set again: protocol, learner and its settings, seeds (JSON values only).

    Examples:
        >>> import torch
        >>> from pinndd import Box, Fixed, SyntheticData
        >>> fields = {"points": torch.tensor([[0.2], [0.7]]), "targets": torch.ones(2, 1)}
        >>> data = SyntheticData(fields, {"points": Box((0,), (1,)), "targets": Fixed()})
        >>> data.learnable
        ('points',)
        >>> data.with_header(protocol="mine").header
        {'protocol': 'mine'}
    """

    fields: Mapping[str, Tensor]
    constraints: Mapping[str, Constraint]
    header: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if set(self.fields) != set(self.constraints):
            odd = sorted(set(self.fields) ^ set(self.constraints))
            raise ValueError(f"SyntheticData: every field needs one constraint; {odd} has only one of the two")
        for name, value in self.fields.items():
            if refusal := self.constraints[name].refusal(value):
                raise ValueError(f"SyntheticData: field {name!r} {refusal}")
            if not bool(torch.isfinite(value.detach()).all()):
                raise ValueError(f"SyntheticData: field {name!r} holds a value that is not finite")
            worst = self.constraints[name].violation(value.detach())
            if not worst <= 1e-6:
                raise ValueError(f"SyntheticData: field {name!r} violates {self.constraints[name]} by {worst:.3g}")

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.fields:
            raise KeyError(f"no field {name!r}; expected one of {', '.join(self.fields)}")
        return self.fields[name]

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    @property
    def learnable(self) -> tuple[str, ...]:
        """Names of the fields that the outer loop changes."""
        return tuple(name for name, constraint in self.constraints.items() if constraint.learnable)

    def with_fields(self, fields: Mapping[str, Tensor]) -> SyntheticData:
        """Return the set with some fields replaced."""
        return replace(self, fields={**self.fields, **fields})

    def with_header(self, **entries: Any) -> SyntheticData:
        """Return the set with entries added to its header."""
        return replace(self, header={**self.header, **entries})

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> SyntheticData:
        """Return the set on another device, or in another floating dtype."""
        return replace(self, fields={k: v.to(device, dtype) for k, v in self.fields.items()})

    def save(self, path: Path | str) -> None:
        """Write the set to ``path`` as ``.npz`` with a JSON header, atomically."""
        arrays = {name: value.detach().cpu().numpy() for name, value in self.fields.items()}
        described = {
            "format": FORMAT,
            "version": VERSION,
            "constraints": {name: c.to_json() for name, c in self.constraints.items()},
            "header": dict(self.header),
        }
        text = json.dumps({**described, "checksum": digest_of(described, arrays)}, sort_keys=True)
        named = {f"field.{name}": array for name, array in arrays.items()}
        write_arrays(Path(path), {"__header__": np.frombuffer(text.encode(), dtype=np.uint8), **named})

    @classmethod
    def load(cls, path: Path | str) -> SyntheticData:
        """Read a set that `save` wrote. Nothing is unpickled.

        A file of version 1, whose checksum is that of the fields alone, is read with a warning.

        Raises:
            FileNotFoundError: there is no such file.
            DataFileError: the file is not a synthetic data set, is damaged, or is from a newer version; a field is of a type or shape,
                or holds values, that its constraint does not allow.
        """
        path = Path(path)
        if not path.exists():
            raise FileNotFoundError(f"no data file {path}: distill one with 'pinndd distill', or check the path")
        if path.is_dir():
            sets = [str(each) for each in sorted(path.glob("*.npz"))]
            raise DataFileError(f"{path} is a folder, and a set is a file: {f'name {sets[0]}' if sets else 'name the .npz file'}")
        reading = Reading(path, "distill it again", DataFileError)
        arrays = reading.arrays()
        if "__state__" in arrays:
            raise DataFileError(
                f"{path} is the state of a distillation that was interrupted, and no set yet: go on with the same "
                "'pinndd distill' and --resume"
            )
        if "__header__" not in arrays or arrays["__header__"].dtype != np.uint8:
            reading.fail("is not a distilled data set of pinndd (it has no header)")
        parsed = reading.json(arrays.pop("__header__").tobytes())
        described = reading.typed(parsed, _Described, "header")
        if described.format != FORMAT or described.version > VERSION:
            raise DataFileError(
                f"{path} has format {described.format} version {described.version}, "
                f"expected {FORMAT} up to version {VERSION}: update pinndd"
            )
        if odd := sorted(name for name in arrays if not name.startswith("field.")):
            reading.fail(f"holds an array {odd[0]!r}, which is no field")
        fields = {name.removeprefix("field."): array for name, array in arrays.items()}
        if _checksum(parsed, fields) != described.checksum:
            reading.fail("is damaged: its contents do not match its checksum")
        constraints = {name: _constraint(reading, name, c) for name, c in described.constraints.items()}
        tensors = {name: _tensor(reading, name, array) for name, array in fields.items()}
        try:
            found = cls(tensors, constraints, described.header)
        except (ValueError, RuntimeError) as error:
            reading.fail(f"holds no set that can be used ({error})", error)
        if described.version == 1:
            warnings.warn(
                f"{path} was written by pinndd 0.2.0 or before: its checksum is that of the points alone, so nobody can tell whether "
                "its header was changed",
                stacklevel=2,
            )
        return found


def _checksum(parsed: Mapping[str, Any], fields: Mapping[str, Array]) -> str:
    if parsed["version"] == 1:
        return _checksum_of_fields(fields)
    return digest_of({name: value for name, value in parsed.items() if name != "checksum"}, fields)


def _checksum_of_fields(fields: Mapping[str, Array]) -> str:
    """The checksum of files of version 1."""
    digest = hashlib.sha256()
    for name in sorted(fields):
        array = np.ascontiguousarray(fields[name])
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _constraint(reading: Reading, name: str, description: Mapping[str, Any]) -> Constraint:
    try:
        return constraint_from_json(description)
    except (ValueError, TypeError, OverflowError) as error:
        reading.fail(f"has a constraint of {name!r} that is none ({error})", error)


def _tensor(reading: Reading, name: str, array: Array) -> Tensor:
    try:
        return torch.from_numpy(array)
    except (TypeError, ValueError) as error:
        reading.fail(f"holds the field {name!r} of type {array.dtype}, expected an ordinary number, such as float64", error)
