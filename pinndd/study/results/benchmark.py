"""The results of many studies in one file: summaries with all that numbers depend on, merged run by run."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec
from pandas import DataFrame

from pinndd.storage.reading import FileError, Reading
from pinndd.storage.writing import write_atomically
from pinndd.study.results.intervals import geometric_mean
from pinndd.study.results.outcome import Outcome
from pinndd.study.results.run_config import RunConfig, hardware
from pinndd.study.results.run_folder import RunFolder
from pinndd.study.results.summary import KEPT, SUMMARY_COLUMNS, UNSTORED, summary_from_json
from pinndd.study.results.table import DISTILLED
from pinndd.study.results.writing import json_records

FILE = "benchmark.json"
FORMAT = 1
_DIGITS = 5
_SIZES = ["learner", "method", "points", "shift", "distilled_with"]
_STORED = [name for name in SUMMARY_COLUMNS if name not in ("pde", "protocol", *UNSTORED)]
_LOCAL = {
    **dict.fromkeys(("--out", "--results", "--jobs", "--scheduler", "--cell", "--of"), 1),
    **dict.fromkeys(("--resume", "--overwrite"), 0),
}
"""Options that say where a run was kept, not what it computed, with the number of their values."""


class _Stored(msgspec.Struct):
    format: int
    runs: list[dict[str, Any]]


class _StoredRun(msgspec.Struct):
    """What stands in the file of a run; the tables are looked at where they become frames."""

    pde: str
    protocol: str
    command: str
    settings: dict[str, Any]
    versions: dict[str, str]
    hardware: dict[str, Any]
    source: str
    distill_seconds: list[float]
    skipped: dict[str, str]
    columns: list[str]
    rows: list[list[Any]]
    sizes: list[list[Any]] = []
    body_seconds: list[float] = []


class BenchmarkFileError(FileError):
    """A results file that is damaged or of a newer version."""


@dataclass(frozen=True, eq=False)
class BenchmarkRun:
    """What one protocol of one PDE gave.

    Attributes:
        pde, protocol: what was studied.
        command: how to repeat it.
        settings: those of the study, seeds among them.
        versions: of Python and the packages.
        hardware: processor, cores, and the device that was used.
        source: checksum of the PDE module.
        distill_seconds: wall time of distilling, one number per seed.
        skipped: protocols that make no sense for this PDE, and why.
        rows: the summary, one row per learner, method and shift (see `pinndd.study.results.summary.SUMMARY_COLUMNS`).
        sizes: errors at other sizes, with the columns ``learner, method, points, shift, distilled_with, mean, models``.
        body_seconds: wall time of training every body that the sets were distilled on; none in files of version 0.1.0.
    """

    pde: str
    protocol: str
    command: str
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    hardware: Mapping[str, Any]
    source: str
    distill_seconds: Sequence[float]
    skipped: Mapping[str, str]
    rows: DataFrame
    sizes: DataFrame = field(default_factory=lambda: DataFrame(columns=[*_SIZES, "mean", "models"]))
    body_seconds: Sequence[float] = ()

    @property
    def compared(self) -> DataFrame:
        """Rows of the distilled sets, each with the learner it was distilled with, that were compared with a baseline."""
        own = (self.rows["method"] == DISTILLED) & (self.rows["learner"] == self.rows["distilled_with"])
        return self.rows[own & self.rows["ratio"].notna()]

    @classmethod
    def of(cls, config: RunConfig, outcome: Outcome, machine: Mapping[str, Any]) -> BenchmarkRun:
        """Describe a finished protocol of a run on ``machine``."""
        return cls(
            config.pde,
            outcome.protocol,
            portable(config.command),
            {k: v for k, v in config.settings.items() if k != "shifts" or v},
            config.versions,
            machine,
            config.source,
            list(outcome.distill_seconds),
            config.skipped,
            outcome.summary,
            _sizes(outcome.curve),
            list(outcome.body_seconds),
        )


def portable(command: str) -> str:
    """Return a command without the options that say where the run was kept, and without folders of this machine."""
    kept, skip = [], 0
    for word in shlex.split(command):
        if skip:
            skip -= 1
        elif word.partition("=")[0] in _LOCAL:
            skip = 0 if "=" in word else _LOCAL[word]
        else:
            kept.append(Path(word).name if Path(word).is_absolute() else word)
    return shlex.join(kept)


def load_benchmark(path: Path) -> list[BenchmarkRun]:
    """Read a results file; one that does not exist is empty.

    Raises:
        BenchmarkFileError: it is damaged or of a newer version.
    """
    if not path.exists():
        return []
    reading = Reading(path, "move it away, or name another folder with --results", BenchmarkFileError)
    content = reading.typed(reading.json(reading.content()), _Stored)
    if content.format > FORMAT:
        raise BenchmarkFileError(f"{path} was written by a newer pinndd (format {content.format}): update pinndd")
    try:
        return [_run(reading.typed(values, _StoredRun, f"runs[{k}]"), values) for k, values in enumerate(content.runs)]
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        if isinstance(error, BenchmarkFileError):
            raise
        reading.fail(f"is damaged ({type(error).__name__}: {error})", error)


def record(folder: RunFolder, path: Path, machine: Mapping[str, Any] | None = None) -> list[BenchmarkRun]:
    """Put all finished protocols of a run into the results file ``path``, in place of what it held of them.

    Args:
        folder: of the run.
        path: of the results file.
        machine: that ran them, as `hardware` describes it (None: this one).

    Raises:
        BenchmarkFileError: the file is damaged.
    """
    config = folder.config
    machine = machine or hardware(str(config.settings.get("device", "cpu")))
    new = [BenchmarkRun.of(config, outcome, machine) for outcome in folder.outcomes()]
    names = {(r.pde, r.protocol) for r in new}
    runs = [r for r in load_benchmark(path) if (r.pde, r.protocol) not in names] + new
    save_benchmark(runs, path)
    return new


def save_benchmark(runs: Sequence[BenchmarkRun], path: Path) -> None:
    """Write a results file atomically, sorted by PDE and protocol, one line per row of a table."""
    ordered = sorted(runs, key=lambda r: (r.pde, r.protocol))
    text = json.dumps({"format": FORMAT, "runs": [_values(r) for r in ordered]}, indent=1, allow_nan=False)
    flat = re.sub(r"\[\n\s+([^\[\]{}]*?)\n\s+\]", lambda m: "[" + re.sub(r",\n\s+", ", ", m[1]) + "]", text)
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as file:
        file.write(flat.encode() + b"\n")


def mean_ratio(compared: DataFrame) -> float | None:
    """Return the geometric mean of the ratios of some rows; None where a training failed or nothing was compared."""
    ratios = compared[compared["ratio"].notna()]
    if ratios.empty or ratios["ratio"].min() <= 0:
        return None
    return geometric_mean(ratios["ratio"].tolist(), ratios["pde"].tolist()).value


def _values(run: BenchmarkRun) -> dict[str, Any]:
    # older files have neither, and stay as they are
    columns = [name for name in _STORED if name not in KEPT or run.rows[name].notna().any()]
    values = {f.name: getattr(run, f.name) for f in fields(run)} | {
        "distill_seconds": [_rounded(s) for s in run.distill_seconds],
        "body_seconds": [_rounded(s) for s in run.body_seconds],
        "rows": _lists(run.rows[columns]),
        "sizes": _lists(run.sizes),
        "columns": columns,
    }
    return values if run.body_seconds else {name: value for name, value in values.items() if name != "body_seconds"}


def _run(checked: _StoredRun, values: Mapping[str, Any]) -> BenchmarkRun:
    same = {"pde": checked.pde, "protocol": checked.protocol}
    rows = summary_from_json(same | dict(zip(checked.columns, row, strict=True)) for row in checked.rows)
    sizes = DataFrame(values.get("sizes", ()), columns=[*_SIZES, "mean", "models"])
    return BenchmarkRun(**{k: v for k, v in values.items() if k != "columns"} | {"rows": rows, "sizes": sizes})


def _sizes(curve: DataFrame) -> DataFrame:
    found = curve.groupby(_SIZES, sort=False)["error"].agg(mean=lambda e: e.mean(skipna=False), models="size")
    return found.reset_index()


def _lists(table: DataFrame) -> list[list[Any]]:
    return [[_rounded(value) for value in row.values()] for row in json_records(table)]


def _rounded(value: Any) -> Any:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
