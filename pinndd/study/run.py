"""Run a study: the protocols that make sense for a PDE, everything written after each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pinndd.devices import AUTO, PROCESSOR, Choice
from pinndd.module_source import ModuleSource
from pinndd.outer_loop import DivergedError
from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.solving.telling import Progress, quiet, telling
from pinndd.pinn.solving.truth import seconds_per_condition
from pinndd.stated.task import StatedTask
from pinndd.study.plots.gallery import Picture, draw_gallery, draw_together
from pinndd.study.protocols import NAMES, protocol_named
from pinndd.study.protocols.allowance import Allowance
from pinndd.study.protocols.engine import run
from pinndd.study.protocols.learners import require_fit
from pinndd.study.protocols.parts import require_each_once, unknown
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.protocols.work import counts_asked
from pinndd.study.report.page import write_report
from pinndd.study.results.outcome import Outcome
from pinndd.study.results.run_config import RunConfig
from pinndd.study.results.run_folder import RunFolder

Runner = Callable[[PDE, Any, StudySettings, Progress, Allowance], Outcome]
"""Runs one protocol at a size."""

ENOUGH = 0.5
"""Part of the time of a first look after which no other protocol begins."""

FURTHER_SOLVES = 200
"""Conditions that each protocol but the first solves, about: none begins whose solutions would take what is left of a first look."""


def usual_protocols() -> list[str]:
    """Return the protocols that a study runs where none is named."""
    return [name for name in NAMES if protocol_named(name).usual]


def choose_protocols(
    pde: PDE,
    asked: Sequence[str] | None = None,
    settings: StudySettings | None = None,
    sizes: Mapping[str, Any] | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Return the protocols that make sense for a PDE, and why the others do not.

    Args:
        pde: the PDE.
        asked: protocols to choose from (None: those that a study runs by itself).
        settings: of the study; in a first look a nonlinear equation of several outputs, each of whose fits is slow, gets the first
            protocol only.
        sizes: settings of single protocols, by name.

    Raises:
        UnknownNameError: there is no such protocol.
        UnknownNameError: a learner that none of them has.
        ValueError: a judge that none of the protocols has, or that fits the PDE in none; or a protocol is named twice.
    """
    asked, settings = usual_protocols() if asked is None else asked, settings or StudySettings()
    require_each_once(f"protocols {', '.join(asked)}", asked)
    _require_learners(asked, settings)
    skipped: dict[str, str] = {}
    for name in asked:
        protocol = protocol_named(name)
        size = (sizes or {}).get(name) or protocol.default_size(pde)
        reason = protocol.refusal(pde, size, fitted_settings(pde, name, settings, asked))
        if reason:
            skipped[name] = reason
    chosen = [name for name in asked if name not in skipped]
    if settings.quick and pde.output_count > 1 and not pointwise_residual(pde).is_linear():
        for other in chosen[1:]:
            skipped[other] = (
                f"every fit of {pde.output_count} outputs is slow, and this is a first look: ask for it with --protocol {other}"
            )
    chosen = [name for name in chosen if name not in skipped]
    if chosen:
        _require_judging(pde, chosen, skipped, settings)
    return chosen, skipped


def fitted_settings(pde: PDE, name: str, settings: StudySettings, among: Sequence[str]) -> StudySettings:
    """Return the settings without the judges, and the repetition at other sizes, that only others of the protocols have.

    Args:
        pde: the PDE, which a judge must fit.
        name: of the protocol.
        settings: of the study.
        among: all protocols of the study.
    """
    protocol = protocol_named(name)
    if settings.judges is not None:
        settings = replace(settings, judges=[judge for judge in settings.judges if not _unfit(pde, judge, name)])
    if settings.curve and any(protocol_named(other).curve for other in among):
        settings = replace(settings, curve=protocol.curve)
    return settings


def study_device(pde: PDE, protocols: Sequence[str], settings: StudySettings, sizes: Mapping[str, Any]) -> Choice:
    """Choose the device of a study: a GPU where that is worth it for one of its protocols.

    Args:
        pde: the PDE.
        protocols: that make sense for it.
        settings: of the study.
        sizes: settings of single protocols, by name.
    """
    if settings.device != AUTO:
        return Choice(settings.device)
    found = []
    for name in protocols:
        protocol = protocol_named(name)
        if not protocol.processor:
            learner = settings.learner if settings.learner in protocol.recipes else None
            size = sizes.get(name) or protocol.default_size(pde)
            found.append(protocol.choice(pde, counts_asked(size), replace(settings, learner=learner)))
    return next((choice for choice in found if choice.device != PROCESSOR), found[0] if found else Choice(PROCESSOR))


def _require_learners(asked: Sequence[str], settings: StudySettings) -> None:
    able_to_distill = dict.fromkeys(name for each in asked for name in protocol_named(each).recipes)
    if settings.learner is not None and settings.learner not in able_to_distill:
        raise unknown("learner", settings.learner, able_to_distill)
    having = {name: protocol_named(name).recipes for name in NAMES}
    for judge in settings.judges or ():
        able = [name for name, recipes in having.items() if judge in recipes]
        if not able:
            raise unknown("judge", judge, dict.fromkeys(r for recipes in having.values() for r in recipes))
        if not set(able) & set(asked):
            verb = "has" if len(able) == 1 else "have"
            raise ValueError(
                f"judge {judge!r}: the protocol {' or '.join(asked)} has none of that name; {' and '.join(able)} {verb} it"
            )


def _unfit(pde: PDE, judge: str, name: str) -> str:
    """Return why a learner does not judge in a protocol, or an empty text."""
    recipes = protocol_named(name).recipes
    if judge not in recipes:
        return f"the protocol {name} has no learner of that name"
    try:
        require_fit(pde, recipes[judge])
    except ValueError as error:
        return f"in the protocol {name}, {error}"
    return ""


def _require_judging(pde: PDE, chosen: Sequence[str], skipped: Mapping[str, str], settings: StudySettings) -> None:
    """Make sure that every judge that was named judges in one of the protocols that are run.

    Raises:
        ValueError: one does not; the message says why.
    """
    for judge in settings.judges or ():
        if all(_unfit(pde, judge, name) for name in chosen):
            having = [name for name in (*chosen, *skipped) if judge in protocol_named(name).recipes]
            reasons = [_unfit(pde, judge, name) or f"the protocol {name} is left out, since {skipped[name]}" for name in having]
            raise ValueError(f"judge {judge!r}: {'; '.join(reasons)}")


def run_protocol(pde: PDE, name: str, size: Any, settings: StudySettings, progress: Progress, allowance: Allowance) -> Outcome:
    """Run one protocol."""
    protocol = protocol_named(name)
    with telling(progress):
        return run(protocol.open(pde, size, settings, progress, replace(allowance, settled={})), protocol)


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
        resume: continue the run in ``path``; finished protocols are not computed again.
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
    path, settings, sizes = Path(path), settings or StudySettings(), dict(sizes or {})
    chosen, skipped = choose_protocols(pde, protocols, settings, sizes)
    if not chosen:
        raise ValueError("; ".join(f"protocol {name}: {why}" for name, why in skipped.items()))
    sizes = {name: sizes.get(name) or protocol_named(name).default_size(pde) for name in chosen}
    settings = replace(settings, device=study_device(pde, chosen, settings, sizes).device)
    made_by = pde.source or ModuleSource("", "")
    config = RunConfig.of(pde.name, chosen, settings, command, made_by.module, made_by.checksum, skipped, sizes)
    RunFolder(path).require_free(resume=resume, overwrite=overwrite)
    with RunFolder(path).locked():
        folder = RunFolder.start(path, config, resume=resume, overwrite=overwrite)
        _run_all(pde, folder, config, sizes, settings, progress, runners or {})
    return folder


def _run_all(
    pde: PDE,
    folder: RunFolder,
    config: RunConfig,
    sizes: Mapping[str, Any],
    settings: StudySettings,
    progress: Progress,
    runners: Mapping[str, Runner],
) -> None:
    allowance = Allowance(settings.seconds)
    drawn: dict[str, list[Picture]] = {}
    skipped, chosen = dict(config.skipped), list(config.protocols)
    for k, name in enumerate(chosen):
        if not folder.finished(name):
            if k and (why := _beyond(pde, name, allowance)):
                skipped[name] = why
                remaining = [p for p in folder.config.protocols if p != name]
                replace(config, protocols=remaining, skipped=skipped).save(folder.config_file)
                publish(pde, folder, drawn, progress)  # the report says what was left out
                continue
            try:
                if name in runners:
                    outcome = runners[name](pde, sizes[name], settings, progress, allowance)
                else:
                    mine = fitted_settings(pde, name, settings, chosen)
                    outcome = run_protocol(pde, name, sizes[name], mine, progress, allowance)
            except DivergedError as error:
                raise kept(error, folder, name) from error
            folder.add(outcome)
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
