"""A cell: the study of one PDE, or one seed of it, as a function from a plain specification to a run folder."""

from __future__ import annotations

import os
import time
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import msgspec

from pinndd import __version__
from pinndd.collecting import collect_no_more
from pinndd.pinn.declare.loading import MODULE, SOURCE, load_remembered
from pinndd.pinn.solving.parts import PROCESSES
from pinndd.study.plan import StudyPlan
from pinndd.study.results.run_config import hardware
from pinndd.study.results.run_folder import RunFolder
from pinndd.study.run import NoLongerNeededError, lend_a_hand, run_planned
from pinndd.surroundings import settle
from pinndd.terminal.errors import in_words, report, show_traceback_if_asked, warnings_in_lines
from pinndd.terminal.progress import ProgressBars
from pinndd.terminal.settings import Options, protocol_settings, study_settings
from pinndd.terminal.studying import show


class Message(msgspec.Struct, frozen=True):
    """What is sent as a text."""

    @property
    def json(self) -> str:
        """The text."""
        return msgspec.json.encode(self).decode()


class StudyCell(Message, frozen=True, tag="study"):
    """All that the study of one PDE depends on, as plain values.

    Attributes:
        pde: its name.
        module, checksum: where it is declared, see `pinndd.pinn.declare.pde.ModuleSource`.
        protocols: that were asked for.
        options: that were given, by name.
        folder: of the run.
        log: file for what it prints.
        resume, overwrite: what becomes of a run that is there.
        command: how to repeat it.
        asked: who asked for it and when. What was asked for at the same time is the same cell, begun again.
        version: of the package that asks.
    """

    pde: str
    module: str
    checksum: str
    protocols: list[str]
    options: dict[str, Any]
    folder: str
    log: str
    resume: bool
    overwrite: bool
    command: str
    asked: str
    version: str = __version__


class SeedCell(Message, frozen=True, tag="seed"):
    """One seed of a study that another process runs.

    Attributes:
        study: that it is a part of.
        protocol, seed: see `pinndd.study.plan.StudyPlan.shares`.
    """

    study: StudyCell
    protocol: str
    seed: str

    @property
    def name(self) -> str:
        """No two cells have the same."""
        return f"{self.study.pde}, {self.protocol} {self.seed}"

    def can_begin(self) -> bool:
        """Whether the study has begun, so that a seed that is kept stays there, and still needs it."""
        folder = RunFolder(Path(self.study.folder))
        return folder.is_of(self.study.asked) and not folder.finished(self.protocol)


class Answer(Message, frozen=True):
    """How a cell ended.

    Attributes:
        failure: empty if it did not fail.
        seconds: that it took.
        machine: see `pinndd.study.results.run_config.hardware`.
    """

    failure: str
    seconds: float
    machine: dict[str, Any] = {}


def run_on_worker(specification: str) -> str:
    """Run a cell in a process that computes cells, and keep what a study prints in its log.

    Args:
        specification: of a `StudyCell` or a `SeedCell`.

    Returns:
        An `Answer`.
    """
    cell: StudyCell | SeedCell = msgspec.json.decode(specification, type=StudyCell | SeedCell)
    settle()
    collect_no_more()  # among all that was imported
    # workers are started for every processor
    os.environ.setdefault(PROCESSES, "1")
    if isinstance(cell, SeedCell):
        return run_seed(cell).json
    log = Path(cell.log)
    log.parent.mkdir(parents=True, exist_ok=True)
    # the worker that had begun is dead
    again = log.exists() and log.read_text(encoding="utf-8", errors="replace").startswith(f"{cell.asked}\n")
    with log.open("a" if again else "w", encoding="utf-8", buffering=1) as file, redirect_stdout(file), redirect_stderr(file):
        print("begun again" if again else cell.asked)
        with warnings_in_lines():
            return run_cell(cell, again=again).json


def run_seed(cell: SeedCell) -> Answer:
    """Compute a seed of a study that another process runs.

    Whatever a person should know, a warning too, is left to that process, which computes the seed then and says it in the log.
    """
    since, study = time.monotonic(), cell.study
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        try:
            with warnings.catch_warnings():
                for kind in (UserWarning, RuntimeWarning):
                    warnings.simplefilter("error", kind)
                lend_a_hand(_plan(study), RunFolder(Path(study.folder)), study.asked, cell.protocol, cell.seed)
        except NoLongerNeededError:
            pass
        except Exception as error:
            return Answer(in_words(error), time.monotonic() - since)
    return Answer("", time.monotonic() - since)


def run_cell(cell: StudyCell, *, again: bool = False) -> Answer:
    """Run a cell in this process.

    Args:
        cell: which one.
        again: go on with what it has begun.
    """
    since = time.monotonic()
    try:
        machine = _study(cell, again)
    except Exception as error:
        failure = in_words(error)
        show_traceback_if_asked()
        report(failure)
        return Answer(failure, time.monotonic() - since)
    return Answer("", time.monotonic() - since, machine)


def _plan(cell: StudyCell) -> StudyPlan:
    if cell.version != __version__:
        raise ValueError(f"this process has pinndd {__version__}, who asks has {cell.version}: install the same")
    pde = load_remembered({"pde": cell.pde, MODULE: cell.module, SOURCE: cell.checksum}, None)
    options = Options(**cell.options)
    return StudyPlan.of(pde, cell.protocols, protocol_settings(pde, cell.protocols, options), study_settings(pde, options))


def _study(cell: StudyCell, again: bool) -> dict[str, Any]:
    plan, folder = _plan(cell), RunFolder(Path(cell.folder))
    go_on = (folder.holds_run and cell.resume) or (again and folder.is_of(cell.asked))
    if plan.device.why:
        print(plan.device.why)
    overwrite = cell.overwrite and not go_on
    with ProgressBars() as bars:
        run_planned(
            plan, folder.path, progress=bars, resume=go_on, overwrite=overwrite, command=cell.command, who=cell.asked
        )
    show(folder.outcomes(), dict(folder.config.skipped), folder.path)
    return hardware(str(folder.config.settings["device"]))
