"""Run a study: the protocols that make sense for a PDE, everything written after each."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pinndd.outer_loop import DivergedError
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.tasks.solutions import superposes
from pinndd.study.outcome import Outcome, Progress, StudySettings
from pinndd.study.plots.gallery import Picture, draw_gallery
from pinndd.study.report import write_report
from pinndd.study.run_config import RunConfig
from pinndd.study.run_folder import RunFolder

PROTOCOLS = ("retrain", "amortised", "solved")

Runner = Callable[[PDE, StudySettings, Progress], Outcome]


def choose_protocols(
    pde: PDE, asked: Sequence[str] = PROTOCOLS, *, quick: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Return the protocols that make sense for a PDE, and why the others do not.

    Args:
        pde: the PDE.
        asked: protocols to choose from.
        quick: whether this is a first look, in which a nonlinear equation of several outputs, each of whose fits is slow, gets
            the first of them only.
    """
    skipped = {}
    if quick and len(asked) > 1 and pde.outputs > 1 and not is_linear(pde):
        skipped = {
            other: f"every fit of {pde.outputs} outputs is slow, and this is a first look: ask for it with --protocol {other}"
            for other in asked[1:]
        }
    if "solved" in asked and is_linear(pde):
        skipped["solved"] = (
            f"{pde.name} is linear, and so are its boundary values in their coefficients: solving one condition a "
            "coefficient gives every solution of the family exactly, so there are no conditions to choose"
        )
    return [p for p in asked if p not in skipped], skipped


def is_linear(pde: PDE) -> bool:
    """Whether solutions are affine in the coefficients of the boundary conditions."""
    return superposes(pde, pde.ensemble())


def runner(protocol: str) -> Runner:
    """Return the function that runs one protocol (imported when it is needed)."""
    module = importlib.import_module(f"pinndd.study.{protocol}")
    found: Runner = getattr(module, f"run_{protocol}")
    return found


def run_study(
    pde: PDE,
    protocols: Sequence[str],
    settings: StudySettings,
    path: Path,
    progress: Progress,
    *,
    resume: bool = False,
    overwrite: bool = False,
    command: str = "",
    module: str = "",
    source: str = "",
    runners: Mapping[str, Runner] | None = None,
) -> RunFolder:
    """Run the protocols one after the other and write tables, pictures and the report after each.

    Args:
        pde: the PDE.
        protocols: those to run; what makes no sense for the PDE is skipped, and the report says why.
        settings: of the study.
        path: folder of the run.
        progress: called often.
        resume: continue the run in ``path``; finished protocols are not computed again.
        overwrite: replace the run in ``path``.
        command: how to repeat the run, for the report.
        module: name or path of the PDE module, to find it again when the run is redrawn.
        source: checksum of the PDE module.
        runners: functions in place of the protocols' own.

    Returns:
        The folder of the run.

    Raises:
        RunFolderError: the folder is in use.
        RunConfigError: the run to be resumed was started with other settings.
        DivergedError: an outer loop diverged; its best set is in the folder as ``data-<protocol>-diverged.npz``.
    """
    chosen, skipped = choose_protocols(pde, protocols, quick=settings.budget < 1)
    config = RunConfig.of(pde.name, chosen, settings, command, module, source, skipped)
    folder = RunFolder.start(path, config, resume=resume, overwrite=overwrite)
    drawn: dict[str, list[Picture]] = {}
    for protocol in chosen:
        if not folder.finished(protocol):
            run = (runners or {}).get(protocol) or runner(protocol)
            try:
                folder.add(run(pde, settings, progress))
            except DivergedError as error:
                error.best.save(path / f"data-{protocol}-diverged.npz")
                raise
        publish(pde, folder, drawn, progress)
    return folder


def publish(pde: PDE, folder: RunFolder, drawn: dict[str, list[Picture]], progress: Progress) -> None:
    """Write the pictures of the protocols that are not ``drawn`` yet, the tables, and the report."""
    outcomes = folder.outcomes()
    folder.write_tables(outcomes)
    for outcome in outcomes:
        if outcome.protocol not in drawn:
            progress(f"{outcome.protocol}: drawing", 0, 1, None)
            drawn[outcome.protocol] = draw_gallery(pde, [outcome], folder.figures)
            progress(f"{outcome.protocol}: drawing", 1, 1, None)
    pictures = [p for outcome in outcomes for p in drawn[outcome.protocol]]
    write_report(pde, folder.config, outcomes, pictures, folder.path / "report.html")
