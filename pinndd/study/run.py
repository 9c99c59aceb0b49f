"""Run a study: protocols one after the other, everything written after each; or lend a hand with one of its seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pinndd.outer_loop import DivergedError
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.solving.telling import Progress, quiet, telling
from pinndd.pinn.solving.truth import seconds_per_condition
from pinndd.stated.task import StatedTask
from pinndd.study.plan import StudyPlan
from pinndd.study.plots.gallery import Picture, draw_gallery, draw_together
from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.allowance import Allowance
from pinndd.study.protocols.engine import further_seeds, run
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.report.page import write_report
from pinndd.study.results.kept_seeds import NOT_KEPT, KeptSeeds
from pinndd.study.results.outcome import Outcome
from pinndd.study.results.run_config import RunConfig
from pinndd.study.results.run_folder import RunFolder

Runner = Callable[[PDE, Any, StudySettings, Progress, Allowance], Outcome]
"""Runs one protocol at a size."""

ENOUGH = 0.5
"""Part of the time of a first look after which no other protocol begins."""

FURTHER_SOLVES = 200
"""Conditions that each protocol but the first solves, about: none begins whose solutions would take what is left of a first look."""


class NoLongerNeededError(Exception):
    """What somebody lends a hand with is done."""


def run_protocol(
    pde: PDE,
    name: str,
    size: Any,
    settings: StudySettings,
    progress: Progress,
    allowance: Allowance,
    kept: KeptSeeds = NOT_KEPT,
) -> Outcome:
    """Run one protocol."""
    protocol = protocol_named(name)
    with telling(progress):
        return run(protocol.open(pde, size, settings, progress, replace(allowance, settled={})), protocol, kept)


def lend_a_hand(plan: StudyPlan, folder: RunFolder, who: str, protocol: str, seed: str) -> None:
    """Compute a share of a study that another process runs, and keep it where that one looks for it.

    Nothing is computed where that study has it, or has other settings, as on a machine with another device. What diverges here
    diverges in that process too, which says so.

    Args:
        plan: of the study.
        folder: of the run.
        who: asked for the run, and when.
        protocol, seed: from `StudyPlan.shares`.

    Raises:
        NoLongerNeededError: the study has finished the protocol meanwhile, or another run has taken its place.
    """

    def unless_done(what: str, done: int, total: int, error: float | None) -> None:
        if folder.finished(protocol) or not folder.is_of(who):
            raise NoLongerNeededError(f"{protocol} is finished")

    if folder.config.identity != plan.config().identity:
        return
    seeds = further_seeds(plan.opened(protocol, unless_done), folder.seeds(protocol))
    try:
        with suppress(DivergedError), telling(unless_done):
            next(each for each in seeds if each.name == seed).lend_a_hand()
    finally:
        if folder.is_of(who):
            folder.forget_seeds(protocol)


def run_study(
    pde: PDE,
    path: Path | str,
    *,
    protocols: Sequence[str] | None = None,
    sizes: Mapping[str, Any] | None = None,
    settings: StudySettings | None = None,
    progress: Progress = quiet,
    resume: bool = False,
    overwrite: bool = False,
    command: str = "",
    runners: Mapping[str, Runner] | None = None,
) -> RunFolder:
    """Run protocols one after the other and write tables, pictures and the report after each.

    Args:
        pde: the PDE.
        path: folder of the run.
        protocols: those to run (None: all that make sense); what makes no sense for the PDE is skipped, and the report says why.
        sizes: settings of single protocols, by name, such as ``{"retrain": RetrainSettings(points=100)}``.
        settings: those that all protocols have.
        progress: called often.
        resume: continue the run in ``path``; finished protocols and seeds are not computed again.
        overwrite: replace the run in ``path``.
        command: how to repeat the run, for the report.
        runners: functions in place of the engine, by protocol.

    Returns:
        The folder of the run.

    Raises:
        ValueError: no protocol that was asked for makes sense for the PDE.
        RunFolderError: the folder holds a run, or something else.
        LockedError: another process is writing to the folder.
        RunConfigError: the run to be resumed was started with other settings.
        DivergedError: an outer loop diverged; its best set is in the folder as ``data-<protocol>-diverged.npz``.
    """
    plan = StudyPlan.of(pde, protocols, sizes or {}, settings or StudySettings())
    return run_planned(
        plan, Path(path), progress=progress, resume=resume, overwrite=overwrite, command=command, runners=runners
    )


def run_planned(
    plan: StudyPlan,
    path: Path,
    *,
    progress: Progress = quiet,
    resume: bool = False,
    overwrite: bool = False,
    command: str = "",
    who: str = "",
    runners: Mapping[str, Runner] | None = None,
) -> RunFolder:
    """Run a study whose plan is settled, see `run_study`.

    Args:
        who: asked for it and when, where other processes lend a hand.
    """
    config = plan.config(command, who)
    RunFolder(path).require_free(resume=resume, overwrite=overwrite)
    with RunFolder(path).locked():
        folder = RunFolder.start(path, config, resume=resume, overwrite=overwrite)
        _run_all(plan, folder, config, progress, runners or {})
    return folder


def _run_all(
    plan: StudyPlan, folder: RunFolder, config: RunConfig, progress: Progress, runners: Mapping[str, Runner]
) -> None:
    pde, settings, sizes = plan.pde, plan.settings, plan.sizes
    allowance = Allowance(settings.seconds)
    drawn: dict[str, list[Picture]] = {}
    skipped = dict(plan.skipped)
    for k, name in enumerate(plan.protocols):
        if not folder.finished(name):
            if k and (why := _beyond(pde, name, allowance)):
                skipped[name] = why
                remaining = [p for p in folder.config.protocols if p != name]
                replace(config, protocols=remaining, skipped=skipped).save(folder.config_file)
                publish(pde, folder, drawn, progress)  # the report says what was left out
                continue
            # what a first look drops depends on its clock, and is not kept with the seeds
            seeds = NOT_KEPT if settings.seconds is not None else folder.seeds(name)
            try:
                if name in runners:
                    outcome = runners[name](pde, sizes[name], settings, progress, allowance)
                else:
                    outcome = run_protocol(pde, name, sizes[name], plan.fitted(name), progress, allowance, seeds)
            except DivergedError as error:
                raise kept(error, folder, name) from error
            folder.add(outcome)
        folder.forget_seeds(name)
        publish(pde, folder, drawn, progress)


def _beyond(pde: PDE, name: str, allowance: Allowance) -> str:
    """Return why a further protocol does not fit into the time of a first look, or an empty text."""
    if not allowance.affords(f"the protocol {name}", ENOUGH):
        return "the time of a first look was spent: go on with --resume, or study without --quick"
    if allowance.seconds is not None and FURTHER_SOLVES * (each := seconds_per_condition(pde)) > allowance.left:
        return f"a true solution takes {each:.2g} s, too long for a first look at it: go on with --resume, or study without --quick"
    return ""


def kept(error: DivergedError, folder: RunFolder, name: str) -> DivergedError:
    """Save the best set of an outer loop that diverged, and return the error that says where."""
    path = folder.path / f"data-{name}-diverged.npz"
    error.best.save(path)
    return DivergedError(f"{error} (kept as {path})", error.best)


def publish(
    subject: PDE | StatedTask,
    folder: RunFolder,
    drawn: dict[str, list[Picture]],
    progress: Progress,
    further: Sequence[Picture] = (),
) -> None:
    """Write the pictures of the protocols that are not ``drawn`` yet, the tables, and the report with ``further`` pictures."""
    outcomes = folder.outcomes()
    folder.write_tables(outcomes)
    for outcome in outcomes:
        if outcome.protocol not in drawn:
            progress(f"{outcome.protocol}: drawing", 0, 1, None)
            drawn[outcome.protocol] = draw_gallery(subject, [outcome], folder.figures)
            progress(f"{outcome.protocol}: drawing", 1, 1, None)
    pictures = [p for outcome in outcomes for p in drawn[outcome.protocol]]
    pictures += draw_together(outcomes, folder.figures)
    pictures += further
    write_report(subject, folder.config, outcomes, pictures, folder.path / "report.html")
