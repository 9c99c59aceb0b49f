"""Keep the outcome of a protocol on disk, as JSON and ``.npz``, so that a study can be resumed and redrawn."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pandas import DataFrame

from pinndd.checkpoint import write_atomically
from pinndd.data import DataFileError, SyntheticData
from pinndd.study.results.outcome import FieldExample, Outcome
from pinndd.study.results.table import RELATIVE_L2, as_table, named_for_files, named_from_files

VERSION = 1


class OutcomeFileError(ValueError):
    """A stored outcome that is damaged or of a newer version."""


def save_outcome(outcome: Outcome, folder: Path) -> None:
    """Write an outcome into ``folder``; ``outcome.json`` is written last, so its presence says that all is there."""
    for k, data in enumerate(outcome.data):
        data.save(folder / f"data-{k}.npz")
    if outcome.baseline_data is not None:
        outcome.baseline_data.save(folder / "baseline.npz")
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for k, example in enumerate(outcome.examples):
        arrays[f"{k}/truth"] = example.truth.detach().cpu().numpy()
        arrays |= {} if example.rest is None else {f"{k}/rest": example.rest.detach().cpu().numpy()}
        arrays |= {f"{k}/prediction/{name}": p.detach().cpu().numpy() for name, p in example.predictions.items()}
    with write_atomically(folder / "examples.npz") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
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
    }
    text = json.dumps(_marked(description), allow_nan=False)
    with write_atomically(folder / "outcome.json") as file:
        file.write(text.encode())


def has_outcome(folder: Path) -> bool:
    """Whether a complete outcome is stored in ``folder``."""
    return (folder / "outcome.json").is_file()


def load_outcome(folder: Path) -> Outcome:
    """Read what `save_outcome` wrote.

    Raises:
        OutcomeFileError: something is damaged, missing, or of a newer version.
    """
    try:
        description = _unmarked(json.loads((folder / "outcome.json").read_text()))
        if description["version"] > VERSION:
            raise OutcomeFileError(
                f"{folder} was written by a newer pinndd (format {description['version']}, expected up to "
                f"{VERSION}): update pinndd"
            )
        return _outcome(description, folder)
    except (OSError, KeyError, TypeError, ValueError, DataFileError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, OutcomeFileError):
            raise
        raise OutcomeFileError(
            f"{folder} is damaged ({type(error).__name__}: {error}): delete that folder and resume, or start anew "
            "with --overwrite"
        ) from error


def _outcome(description: Mapping[str, Any], folder: Path) -> Outcome:
    with np.load(folder / "examples.npz", allow_pickle=False) as archive:
        arrays = {name: torch.from_numpy(archive[name]) for name in archive.files}
    examples = [
        FieldExample(
            e["shift"],
            arrays[f"{k}/truth"],
            {m: arrays[f"{k}/prediction/{m}"] for m in e["methods"]},
            # none of them is in the files of version 0.1.0
            e.get("at", {}),
            e.get("why", ""),
            arrays.get(f"{k}/rest"),
        )
        for k, e in enumerate(description["examples"])
    ]
    distance = description.get("distance", RELATIVE_L2)  # not in the files of version 0.1.0
    return Outcome(
        protocol=description["protocol"],
        results=_read(description["results"], distance),
        data=[SyntheticData.load(folder / f"data-{k}.npz") for k in range(description["sets"])],
        best_baseline=description["best_baseline"],
        baseline_data=SyntheticData.load(folder / "baseline.npz") if description["baseline_data"] else None,
        histories=description["histories"],
        distill_seconds=description["distill_seconds"],
        examples=examples,
        curve=_read(description["curve"], distance),
        settings=description["settings"],
        notes=description["notes"],
        distance=distance,
        measured=description.get("measured", ""),
        body_seconds=description.get("body_seconds", ()),
    )


def _stored(results: DataFrame, distance: str) -> dict[str, Any]:
    """Results as columns and rows: names stand once."""
    named = named_for_files(results, distance)
    return {"columns": list(named.columns), "rows": named.astype(object).to_numpy().tolist()}


def _read(stored: Mapping[str, Any], distance: str) -> DataFrame:
    rows = DataFrame(stored["rows"], columns=stored["columns"])
    return as_table(named_from_files(rows, distance))


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
