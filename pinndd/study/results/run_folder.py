"""The folder of a run: what is in it, who may write to it, and how it is continued."""

from __future__ import annotations

import hashlib
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas

from pinndd.storage.locks import lock_of, writing_alone
from pinndd.storage.reading import digest_of
from pinndd.storage.writing import is_leftover, write_atomically, write_json
from pinndd.study.results.kept_seeds import KeptSeeds
from pinndd.study.results.outcome import Outcome
from pinndd.study.results.outcome_files import has_outcome, load_outcome, save_outcome
from pinndd.study.results.run_config import RunConfig, RunConfigError, versions
from pinndd.study.results.summary import summarise, summary_to_json
from pinndd.study.results.table import RELATIVE_L2, as_table
from pinndd.study.results.writing import write_csv

CONFIG = "config.toml"
SENSITIVITY = "sensitivity.csv"
"""Risks of sets that were distilled for one variant of a stated task and evaluated under another."""

SUMS = "SHA256SUMS"
"""Checksums of the tables and sets, as ``sha256sum --check`` reads them."""


SEEDS = "seeds"
"""Folder of what single seeds of a protocol found, below that of its state."""


class RunFolderError(ValueError):
    """A folder that a run may not write to, or that holds no run."""


@dataclass(frozen=True)
class RunFolder:
    """A folder with ``config.toml``, ``data.npz``, ``results.csv``, ``summary.json``, ``SHA256SUMS``, ``figures/``, ``report.html``.

    What is needed to resume and to redraw is kept under ``state/``, one folder per protocol.
    """

    path: Path

    @classmethod
    def start(cls, path: Path, config: RunConfig, *, resume: bool = False, overwrite: bool = False) -> RunFolder:
        """Begin a run in ``path``, or continue one.

        Raises:
            RunFolderError: the folder is in use and neither ``resume`` nor ``overwrite`` is asked for, or it holds
                something else than a run.
            RunConfigError: the run to be resumed was started with other settings.
        """
        folder = cls(path)
        folder.require_free(resume=resume, overwrite=overwrite)
        stored = RunConfig.load(path / CONFIG) if folder.holds_run and resume else None
        if stored is not None:
            stored.require_same(config, path)
            folder._report_changes()
        if folder.holds_run and (stored is None or stored.replacing):
            # what the folder is for is said first: who is killed in the middle of clearing can go on
            replace(config, replacing=True).save(path / CONFIG)
            folder._clear()
        for left in filter(is_leftover, path.rglob(".*")):
            if SEEDS not in left.relative_to(path).parts:  # where other processes may be writing
                left.unlink(missing_ok=True)
        config.save(path / CONFIG)
        return folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who writes to the folder, which is made if need be.

        Raises:
            LockedError: another process is writing to it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with writing_alone("run folder", self.path):
            yield

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open the folder of a run to read it.

        Raises:
            RunFolderError: there is no run in it.
        """
        folder = cls(path)
        if path.is_file():
            raise RunFolderError(f"{path} is a file, and a run is a folder: name the one that 'pinndd study' wrote")
        if not path.is_dir():
            raise RunFolderError(f"run folder {path} does not exist: start a run with 'pinndd study PDE --out {path}'")
        if not folder.holds_run:
            raise RunFolderError(
                f"folder {path} holds no run ({CONFIG} is missing): name the folder that 'pinndd study' wrote"
            )
        folder._report_changes()
        return folder

    @property
    def holds_run(self) -> bool:
        """Whether a run was started here."""
        return (self.path / CONFIG).is_file()

    def require_free(self, *, resume: bool, overwrite: bool) -> None:
        """Make sure that a run may start here.

        Raises:
            RunFolderError: see `start`.
        """
        if resume and overwrite:
            raise RunFolderError("--resume and --overwrite exclude each other: choose one")
        if self.path.exists() and not self.path.is_dir():
            raise RunFolderError(f"run folder {self.path} is a file: choose another with --out")
        if not self.path.exists() or all(p == lock_of(self.path) or is_leftover(p) for p in self.path.iterdir()):
            return
        if not self.holds_run:
            raise RunFolderError(f"folder {self.path} holds files that are no run: choose another with --out")
        if not (resume or overwrite):
            raise RunFolderError(
                f"run folder {self.path} is in use: continue that run with --resume, replace it with --overwrite, or choose "
                "another with --out"
            )

    @property
    def config(self) -> RunConfig:
        """What the run was started with."""
        return RunConfig.load(self.path / CONFIG)

    @property
    def config_file(self) -> Path:
        """Where that is kept."""
        return self.path / CONFIG

    @property
    def figures(self) -> Path:
        """Folder of the pictures."""
        return self.path / "figures"

    def finished(self, protocol: str) -> bool:
        """Whether a protocol is complete."""
        return has_outcome(self._state(protocol))

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes of all finished protocols, in the order in which they were asked for."""
        config = self.config
        return [load_outcome(self._state(p), config.identity) for p in config.protocols if self.finished(p)]

    def is_of(self, who: str) -> bool:
        """Whether the run that is there was begun, or is gone on with, by whoever asked for it so; see `RunConfig.asked`."""
        try:
            config = self.config if self.holds_run else None
        except (RunConfigError, OSError):
            return False
        return config is not None and config.asked == who and not config.replacing

    def seeds(self, protocol: str) -> KeptSeeds:
        """Return what single seeds of a protocol found that is not finished: those of this run, with these versions of packages."""
        identity = self.config.identity
        return KeptSeeds(self._state(protocol) / SEEDS / digest_of([identity, versions()])[:16], identity)

    def forget_seeds(self, protocol: str) -> None:
        """Remove what is kept of the seeds of a protocol that is finished."""
        if self.finished(protocol):
            shutil.rmtree(self._state(protocol) / SEEDS, ignore_errors=True)

    def add(self, outcome: Outcome) -> None:
        """Keep the outcome of a protocol, in place of those of its seeds, and write the tables anew."""
        save_outcome(outcome, self._state(outcome.protocol), self.config.identity)
        self.forget_seeds(outcome.protocol)
        self.write_tables(self.outcomes())

    def write_tables(self, outcomes: Sequence[Outcome]) -> None:
        """Write the distilled sets, ``results.csv``, ``curve.csv`` (if there is a curve), ``summary.json``, and their checksums."""
        (self.path / SUMS).unlink(missing_ok=True)
        with_data = [o for o in outcomes if o.data]
        for k, outcome in enumerate(with_data):
            if k == 0:
                outcome.data[0].save(self.path / "data.npz")
            if len(with_data) > 1:
                outcome.data[0].save(self.path / f"data-{outcome.protocol}.npz")
        distance = outcomes[0].distance if outcomes else RELATIVE_L2  # one per run: it is a setting
        results = as_table(pandas.concat([as_table(()), *(o.results for o in outcomes)]))
        write_csv(results, self.path / "results.csv", distance)
        curves = [o.curve for o in outcomes if len(o.curve)]
        if curves:
            write_csv(pandas.concat(curves), self.path / "curve.csv", distance)
        summary = pandas.concat([o.summary for o in outcomes]) if outcomes else summarise(results)
        write_json(self.path / "summary.json", summary_to_json(summary), allow_nan=False)
        lines = [f"{_sha256(path)}  {path.name}\n" for path in self._tables()]
        with write_atomically(self.path / SUMS) as file:
            file.write("".join(lines).encode())

    def _tables(self) -> list[Path]:
        names = ("results.csv", "curve.csv", "summary.json", SENSITIVITY)
        return [*(p for name in names if (p := self.path / name).is_file()), *sorted(self.path.glob("data*.npz"))]

    def _report_changes(self) -> None:
        """Warn of tables that are not as they were written; they are written anew from the states of the protocols."""
        known = (self.path / SUMS).read_bytes().decode(errors="replace").splitlines() if (self.path / SUMS).is_file() else []
        sums = {name: found for found, _, name in (line.partition("  ") for line in known)}
        for path in self._tables() if known else ():
            if sums.get(path.name) != _sha256(path):
                warnings.warn(f"{path} was changed after it was written; it is written anew from {self.path / 'state'}", stacklevel=3)

    def _state(self, protocol: str) -> Path:
        return self.path / "state" / protocol

    def _clear(self) -> None:
        """Remove what runs write but for the configuration, and nothing else."""
        for name in ("state", "figures"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        files = (SUMS, "results.csv", "curve.csv", "summary.json", SENSITIVITY, "report.html")
        for file in (*(self.path / name for name in files), *self.path.glob("data*.npz")):
            file.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
