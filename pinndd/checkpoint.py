"""Write files so that nothing is ever half written, and keep the state of an outer loop for resuming."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor


class CheckpointError(ValueError):
    """A checkpoint that is damaged or belongs to another configuration."""


@contextmanager
def write_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path``; on success flush it and rename it to ``path``, on failure remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any, *, allow_nan: bool = True) -> None:
    """Write a value as indented JSON, atomically.

    Args:
        path: of the file.
        value: of JSON types.
        allow_nan: whether numbers that are not finite are written, as Python's own reader takes them.

    Raises:
        ValueError: a number is not finite, and that is not allowed.
    """
    with write_atomically(path) as file:
        file.write(json.dumps(value, indent=1, allow_nan=allow_nan).encode() + b"\n")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@dataclass(frozen=True)
class Checkpoint:
    """State of an outer loop.

    Attributes:
        configuration: what the run was started with; a checkpoint of another one is refused.
        state: JSON values (step, history, best error so far).
        tensors: named tensors (free parameters, optimiser moments, generator state).
    """

    configuration: Mapping[str, Any]
    state: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    def save(self, path: Path) -> None:
        """Write to ``path`` atomically."""
        text = json.dumps({"configuration": self.configuration, "state": self.state}, sort_keys=True)
        arrays = {f"tensor.{name}": value.detach().cpu().numpy() for name, value in self.tensors.items()}
        with write_atomically(path) as file:
            np.savez(file, allow_pickle=False, __state__=np.frombuffer(text.encode(), dtype=np.uint8), **arrays)

    @classmethod
    def load(cls, path: Path, configuration: Mapping[str, Any]) -> Checkpoint:
        """Read a checkpoint and make sure that it belongs to ``configuration``.

        Raises:
            CheckpointError: the file is damaged, or was written under another configuration (the first difference is named).
        """
        try:
            # numpy does not close a file that it cannot read
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                contents = {name: archive[name] for name in archive.files}
            described = json.loads(bytes(contents.pop("__state__")).decode())
            stored, state = described["configuration"], described["state"]
        except (zipfile.BadZipFile, ValueError, TypeError, OSError, EOFError, KeyError) as error:
            raise CheckpointError(f"checkpoint {path} is damaged ({error}): delete it to start anew") from error
        wanted = json.loads(json.dumps(configuration))
        for name in sorted(set(stored) | set(wanted)):
            if stored.get(name) != wanted.get(name):
                raise CheckpointError(
                    f"checkpoint {path} belongs to another configuration: {name} was {stored.get(name)!r} and is now "
                    f"{wanted.get(name)!r}; resume with the same settings, or delete it to start anew"
                )
        tensors = {name.removeprefix("tensor."): torch.from_numpy(v.copy()) for name, v in contents.items()}
        return cls(stored, state, tensors)
