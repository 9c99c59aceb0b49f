"""Keep the outcome of a protocol on disk, as JSON and ``.npz``, so that a study can be resumed and redrawn."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import torch
from pandas import DataFrame
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.storage.reading import Array, FileError, Reading, digest, digest_of
from pinndd.storage.writing import write_arrays, write_atomically
from pinndd.study.results.outcome import FieldExample, Outcome
from pinndd.study.results.table import RELATIVE_L2, as_table, named_for_files, named_from_files

VERSION = 2
"""Version 1, of pinndd 0.2.0 and before, has no checksums."""


Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
EXAMPLES, DESCRIPTION = "examples.npz", "outcome.json"


class OutcomeFileError(FileError):
    """A stored outcome that is damaged, of a newer version, or of a run with other settings."""


class _Table(msgspec.Struct):
    columns: list[str]
    rows: list[list[Any]]


class _Example(msgspec.Struct):
    shift: str
    methods: list[str]
    # not in the files of version 0.1.0
    at: dict[str, float] = {}
    why: str = ""


class _Description(msgspec.Struct):
    """What stands in ``outcome.json``; entries with a default are not in files of every version."""

    version: Count
    protocol: str
    results: _Table
    curve: _Table
    sets: Count
    best_baseline: str
    baseline_data: bool
    histories: list[list[dict[str, int | float]]]
    distill_seconds: list[Seconds]
    examples: list[_Example]
    settings: dict[str, Any]
    notes: list[str]
    distance: str = RELATIVE_L2
    measured: str = ""
    body_seconds: list[Seconds] = []
    run: str = ""
    files: dict[str, str] = {}
    checksum: str = ""


def save_outcome(outcome: Outcome, folder: Path, run: str = "") -> None:
    """Write an outcome into ``folder``; ``outcome.json`` is written last, so its presence says that all is there.

    Args:
        outcome: of a protocol.
        folder: that is made if need be.
        run: hash of the settings that it belongs to, `RunConfig.identity`.
    """
    for k, data in enumerate(outcome.data):
        data.save(folder / f"data-{k}.npz")
    if outcome.baseline_data is not None:
        outcome.baseline_data.save(folder / "baseline.npz")
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for k, example in enumerate(outcome.examples):
        arrays[f"{k}/truth"] = example.truth.detach().cpu().numpy()
        arrays |= {} if example.rest is None else {f"{k}/rest": example.rest.detach().cpu().numpy()}
        arrays |= {f"{k}/prediction/{name}": p.detach().cpu().numpy() for name, p in example.predictions.items()}
    write_arrays(folder / EXAMPLES, arrays)
    description = {
        "version": VERSION,
        "protocol": outcome.protocol,
        "distance": outcome.distance,
        "measured": outcome.measured,
        "results": _stored(outcome.results, outcome.distance),
        "curve": _stored(outcome.curve, outcome.distance),
        "sets": len(outcome.data),
        "best_baseline": outcome.best_baseline,
        "baseline_data": outcome.baseline_data is not None,
        "histories": [[dict(row) for row in history] for history in outcome.histories],
        "distill_seconds": list(outcome.distill_seconds),
        "body_seconds": list(outcome.body_seconds),
        "examples": [
            {"shift": e.shift, "methods": list(e.predictions), "at": dict(e.at), "why": e.why} for e in outcome.examples
        ],
        "settings": dict(outcome.settings),
        "notes": list(outcome.notes),
        "run": run,
        "files": {name: digest((folder / name).read_bytes()) for name in _files(len(outcome.data), outcome.baseline_data is not None)},
    }
    marked = _marked(description)
    text = json.dumps({**marked, "checksum": digest_of(marked)}, allow_nan=False)
    with write_atomically(folder / DESCRIPTION) as file:
        file.write(text.encode())


def has_outcome(folder: Path) -> bool:
    """Whether a complete outcome is stored in ``folder``."""
    return (folder / DESCRIPTION).is_file()


def load_outcome(folder: Path, run: str = "") -> Outcome:
    """Read what `save_outcome` wrote. That of version 0.2.0 and before, which has no checksums, is read with a warning.

    Args:
        folder: of the outcome.
        run: hash of the settings that it must belong to (empty: any).

    Raises:
        OutcomeFileError: something is damaged, missing, of a newer version, or of a run with other settings.
    """
    reading = Reading(folder / DESCRIPTION, "delete its folder and resume, or start anew with --overwrite", OutcomeFileError)
    parsed = reading.json(reading.content())
    if isinstance(parsed, dict) and isinstance(version := parsed.get("version"), int) and version > VERSION:
        raise OutcomeFileError(
            f"{folder} was written by a newer pinndd (format {version}, expected up to {VERSION}): update pinndd"
        )
    try:
        described = reading.typed(_unmarked(parsed), _Description)
        if described.version > 1 and described.checksum != digest_of({k: v for k, v in parsed.items() if k != "checksum"}):
            reading.fail("is damaged: its contents do not match its checksum")
        _require_files(reading, described)
        if described.run and run and described.run != run:
            reading.fail("belongs to other settings than those in config.toml")
        with warnings.catch_warnings():
            # one word about the folder instead of one about every set
            if described.version == 1:
                warnings.simplefilter("ignore", UserWarning)
            found = _outcome(described, folder)
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
        if isinstance(error, OutcomeFileError):
            raise
        reading.fail(f"is damaged ({type(error).__name__}: {error})", error)
    if described.version == 1:
        warnings.warn(
            f"{folder} was written by pinndd 0.2.0 or before: it has no checksums, so nobody can tell whether it was changed",
            stacklevel=2,
        )
    return found


def _files(sets: int, baseline: bool) -> list[str]:
    """Names of the files beside the description."""
    return [*(f"data-{k}.npz" for k in range(sets)), *["baseline.npz"] * baseline, EXAMPLES]


def _require_files(reading: Reading, described: _Description) -> None:
    folder, needed = reading.path.parent, _files(described.sets, described.baseline_data)
    if described.version > 1 and set(described.files) != set(needed):
        reading.fail("is damaged: it names other files than it has")
    for name in needed:
        content = Reading(folder / name, reading.remedy, OutcomeFileError).content()
        if described.version > 1 and digest(content) != described.files[name]:
            Reading(folder / name, reading.remedy, OutcomeFileError).fail("is damaged: it does not match its checksum")


def _outcome(described: _Description, folder: Path) -> Outcome:
    reading = Reading(folder / EXAMPLES, "delete its folder and resume, or start anew with --overwrite", OutcomeFileError)
    arrays = {name: _field(reading, name, array) for name, array in reading.arrays().items()}
    examples = [
        FieldExample(
            e.shift, arrays[f"{k}/truth"], {m: arrays[f"{k}/prediction/{m}"] for m in e.methods}, e.at, e.why, arrays.get(f"{k}/rest")
        )
        for k, e in enumerate(described.examples)
    ]
    for k, example in enumerate(examples):
        if any(field.shape != example.truth.shape for field in example.predictions.values()):
            reading.fail(f"has predictions {k} of another shape than the truth, {list(example.truth.shape)}")
    return Outcome(
        protocol=described.protocol,
        results=_read(described.results, described.distance),
        data=[SyntheticData.load(folder / f"data-{k}.npz") for k in range(described.sets)],
        best_baseline=described.best_baseline,
        baseline_data=SyntheticData.load(folder / "baseline.npz") if described.baseline_data else None,
        histories=described.histories,
        distill_seconds=described.distill_seconds,
        examples=examples,
        curve=_read(described.curve, described.distance),
        settings=described.settings,
        notes=described.notes,
        distance=described.distance,
        measured=described.measured,
        body_seconds=described.body_seconds,
    )


def _field(reading: Reading, name: str, array: Array) -> Tensor:
    if array.dtype.kind != "f" or not 1 <= array.ndim <= 3:
        reading.fail(f"has the field {name!r} of shape {list(array.shape)} and type {array.dtype}, expected 1 to 3 axes of float")
    return torch.from_numpy(array)


def _stored(results: DataFrame, distance: str) -> dict[str, Any]:
    """Results as columns and rows: names stand once."""
    named = named_for_files(results, distance)
    return {"columns": list(named.columns), "rows": named.astype(object).to_numpy().tolist()}


def _read(stored: _Table, distance: str) -> DataFrame:
    table = as_table(named_from_files(DataFrame(stored.rows, columns=stored.columns), distance))
    for name in ("points", "boundary_points", "episode", "error", "seconds"):
        if (table[name] < 0).any():
            raise ValueError(f"column {name!r} has a negative entry")
    return table


def _marked(value: Any) -> Any:
    """Write everything as JSON, which has no NaN and no infinity; settings may hold tuples and tensors."""
    if isinstance(value, Mapping):
        return {str(k): _marked(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_marked(v) for v in value]
    if isinstance(value, torch.Tensor | np.ndarray | np.generic):
        return _marked(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return float(value["float"]) if list(value) == ["float"] else {k: _unmarked(v) for k, v in value.items()}
    return [_unmarked(v) for v in value] if isinstance(value, list) else value
