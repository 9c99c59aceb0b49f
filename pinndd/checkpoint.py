"""Keep the state of an outer loop for resuming."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np
import torch
from torch import Tensor

from pinndd.storage.comparing import differences
from pinndd.storage.reading import Array, FileError, Reading, digest_of
from pinndd.storage.writing import write_arrays

S = TypeVar("S", bound=msgspec.Struct)

Layout = tuple[Sequence[int | None], torch.dtype]
"""Shape, with None for a length that is not known before, and dtype of a tensor."""

_REMEDY = "delete it to start anew"


class CheckpointError(FileError):
    """A checkpoint that is damaged or belongs to another configuration."""


class _Stored(msgspec.Struct):
    configuration: dict[str, Any]
    state: dict[str, Any]
    # none in files of version 0.2.0 and before
    checksum: str = ""


@dataclass(frozen=True)
class Checkpoint(Generic[S]):
    """State of an outer loop.

    Attributes:
        configuration: what the run was started with; a checkpoint of another one is refused.
        state: numbers (step, history, best error so far).
        tensors: named tensors (free parameters, optimiser moments, generator state).
    """

    configuration: Mapping[str, Any]
    state: S
    tensors: Mapping[str, Tensor]

    def save(self, path: Path) -> None:
        """Write to ``path`` atomically."""
        described = {"configuration": self.configuration, "state": _finite(msgspec.to_builtins(self.state))}
        arrays = {f"tensor.{name}": value.detach().cpu().numpy() for name, value in self.tensors.items()}
        text = json.dumps({**described, "checksum": digest_of(described, arrays)}, sort_keys=True)
        write_arrays(path, {"__state__": np.frombuffer(text.encode(), dtype=np.uint8), **arrays})

    @classmethod
    def load(
        cls, path: Path, configuration: Mapping[str, Any], state: type[S], tensors: Mapping[str, Layout]
    ) -> Checkpoint[S]:
        """Read a checkpoint and make sure that it belongs to ``configuration``.

        Args:
            path: of the file.
            configuration: of the run that goes on.
            state: type of its numbers, whose fields and ranges are checked.
            tensors: shape and dtype of every tensor that the run needs, by name.

        Raises:
            CheckpointError: the file is damaged, a number or a tensor is missing or unfit, or it was written under another
                configuration (what differs is named).
        """
        reading, stored, arrays = _read(path)
        numbers = reading.typed(stored.state, state, "state")
        found = {name.removeprefix("tensor."): array for name, array in arrays.items()}
        if odd := sorted(set(found) ^ set(tensors)):
            reading.fail(f"has {'no' if odd[0] in tensors else 'an unknown'} tensor {odd[0]!r}")
        _require_same(path, stored.configuration, configuration)
        return cls(stored.configuration, numbers, {n: _tensor(reading, n, a, tensors[n]) for n, a in found.items()})


def require_checkpoint(path: Path, known: Mapping[str, Any], state: type[msgspec.Struct]) -> Mapping[str, Any]:
    """Make sure that a checkpoint is whole and agrees with what is known of its configuration before any work.

    Returns:
        All of its configuration.

    Args:
        path: of the file.
        known: part of the configuration.
        state: type of its numbers.

    Raises:
        CheckpointError: it is damaged, or was written under another configuration (what differs is named).
    """
    reading, stored, _ = _read(path)
    reading.typed(stored.state, state, "state")
    _require_same(path, _part(stored.configuration, known), known)
    return stored.configuration


def _read(path: Path) -> tuple[Reading, _Stored, dict[str, Array]]:
    reading = Reading(path, _REMEDY, CheckpointError)
    arrays = reading.arrays()
    if "__state__" not in arrays or arrays["__state__"].dtype != np.uint8:
        reading.fail("is no checkpoint of pinndd (it has no state)")
    parsed = reading.json(arrays.pop("__state__").tobytes())
    stored = reading.typed(parsed, _Stored)
    described = {"configuration": stored.configuration, "state": stored.state}
    if stored.checksum and stored.checksum != digest_of(described, arrays):
        reading.fail("is damaged: its contents do not match its checksum")
    return reading, stored, arrays


def _tensor(reading: Reading, name: str, array: Array, layout: Layout) -> Tensor:
    shape, dtype = layout
    wanted = torch.empty(0, dtype=dtype).numpy().dtype
    fits = len(shape) == array.ndim and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits or array.dtype != wanted:
        said = ", ".join("any" if n is None else str(n) for n in shape)
        reading.fail(f"has the tensor {name!r} of shape {list(array.shape)} and type {array.dtype}, expected [{said}] and {wanted}")
    if np.isnan(array).any():
        reading.fail(f"has the tensor {name!r} with a value that is no number")
    return torch.from_numpy(array)


def _require_same(path: Path, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    if said := differences(stored, json.loads(json.dumps(wanted))):
        raise CheckpointError(f"checkpoint {path} belongs to other settings: {said}; resume with the same settings, or {_REMEDY}")


def _part(stored: Any, known: Any) -> Any:
    """Return what is stored under the names that are known, and None where they are not in it."""
    if not isinstance(known, Mapping) or not isinstance(stored, Mapping):
        return stored
    return {name: _part(stored.get(name), value) for name, value in known.items()}


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: what is not finite is left out, and read as the default of its field."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items() if not isinstance(v, float) or np.isfinite(v)}
    return [_finite(v) for v in value] if isinstance(value, list) else value
