"""The synthetic data set that is distilled: named tensors, each with a constraint, saved as one ``.npz``."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinndd.checkpoint import write_atomically
from pinndd.constraints import Constraint, constraint_from_json

FORMAT = "pinndd-synthetic-data"
VERSION = 1


class DataFileError(ValueError):
    """A file that is not a synthetic data set, or a damaged one."""


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
            if not bool(torch.isfinite(value.detach()).all()):
                raise ValueError(f"SyntheticData: field {name!r} holds a value that is not finite")
            worst = self.constraints[name].violation(value.detach())
            if worst > 1e-6:
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
        header = {
            "format": FORMAT,
            "version": VERSION,
            "checksum": _checksum(arrays),
            "constraints": {name: c.to_json() for name, c in self.constraints.items()},
            "header": dict(self.header),
        }
        text = np.frombuffer(json.dumps(header, sort_keys=True).encode(), dtype=np.uint8)
        with write_atomically(Path(path)) as file:
            named = {f"field.{name}": array for name, array in arrays.items()}
            np.savez(file, allow_pickle=False, __header__=text, **named)

    @classmethod
    def load(cls, path: Path | str) -> SyntheticData:
        """Read a set that `save` wrote. Nothing is unpickled.

        Raises:
            FileNotFoundError: there is no such file.
            DataFileError: the file is not a synthetic data set, is damaged, or is from a newer version.
        """
        path = Path(path)
        if not path.exists():
            raise FileNotFoundError(f"no data file {path}: distill one with 'pinndd distill', or check the path")
        try:
            # numpy does not close a file that it cannot read
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                contents = {name: archive[name] for name in archive.files}
        except (zipfile.BadZipFile, ValueError, TypeError, OSError, EOFError, KeyError) as error:
            raise DataFileError(f"{path} is damaged or not an .npz file: distill it again") from error
        try:
            header = json.loads(bytes(contents.pop("__header__")).decode())
            described = header["format"], header["version"], header["checksum"]
        except (KeyError, ValueError, TypeError) as error:
            raise DataFileError(f"{path} is not a distilled data set of pinndd (it has no header)") from error
        if described[0] != FORMAT or described[1] > VERSION:
            raise DataFileError(
                f"{path} has format {described[0]} version {described[1]}, "
                f"expected {FORMAT} up to version {VERSION}: update pinndd"
            )
        arrays = {name.removeprefix("field."): array for name, array in contents.items()}
        if _checksum(arrays) != described[2]:
            raise DataFileError(f"{path} is damaged: its contents do not match its checksum; distill it again")
        constraints = {name: constraint_from_json(c) for name, c in header["constraints"].items()}
        return cls({k: torch.from_numpy(v.copy()) for k, v in arrays.items()}, constraints, header["header"])


def _checksum(arrays: Mapping[str, np.ndarray[Any, Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
