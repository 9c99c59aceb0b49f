"""Run a study of a stated task into a folder, and what the set owes to its task, distance and risk."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pinndd.module_source import ModuleSource
from pinndd.outer_loop import DivergedError
from pinndd.pinn.solving.telling import Progress, quiet
from pinndd.stated.parts import softened
from pinndd.stated.task import StatedTask
from pinndd.study.cross_table import CrossTable, sensitivity
from pinndd.study.plots.gallery import Picture
from pinndd.study.plots.style import house_style, save_figure
from pinndd.study.protocols.words import STATED
from pinndd.study.results.run_config import RunConfig
from pinndd.study.results.run_folder import SENSITIVITY, RunFolder
from pinndd.study.results.writing import write_csv
from pinndd.study.run import kept, publish
from pinndd.study.stated.checks import require_usable
from pinndd.study.stated.engine import StatedSettings, baseline_sets, run_stated

SENSITIVITY_EPISODES = 64
"""Test episodes of a table of sensitivity."""

TABLE = "table.csv"
"""The distilled set of the first seed, where a task says how it is kept."""

DISTILLED_FOR = "distilled for"
"""First column of its file."""


def run_task(
    task: StatedTask,
    path: Path | str,
    *,
    settings: StatedSettings | None = None,
    progress: Progress = quiet,
    resume: bool = False,
    overwrite: bool = False,
    command: str = "",
) -> RunFolder:
    """Study a stated task and write tables, pictures and the report.

    Args:
        task: the task.
        path: folder of the run.
        settings: see `StatedSettings`.
        progress: called often.
        resume: continue the run in ``path``, in the middle of an outer loop too.
        overwrite: replace the run in ``path``.
        command: how to repeat the run, for the report.

    Returns:
        The folder of the run.

    Raises:
        ValueError: the task cannot be used.
        RunFolderError, LockedError, RunConfigError, DivergedError: as for `run_study`.
    """
    settings = settings or StatedSettings()
    RunFolder(Path(path)).require_free(resume=resume, overwrite=overwrite)
    require_ready(task, settings)
    return run_ready(task, Path(path), settings, progress=progress, resume=resume, overwrite=overwrite, command=command)


def require_ready(task: StatedTask, settings: StatedSettings) -> None:
    """Make sure that a task can be studied, which trains every learner on a small set.

    Raises:
        ValueError: it cannot.
    """
    if settings.sensitivity:
        require_variants(task)
    sized = settings.applied_to(task)
    require_usable(sized, sized.size)


def run_ready(
    task: StatedTask, path: Path, settings: StatedSettings, *, progress: Progress, resume: bool, overwrite: bool, command: str
) -> RunFolder:
    """Study a task that is known to be ready, see `run_task`."""
    made_by = task.source or ModuleSource("", "")
    config = RunConfig.of(task.name, [STATED], settings, command, made_by.module, made_by.checksum)
    with RunFolder(path).locked():
        folder = RunFolder.start(path, config, resume=resume, overwrite=overwrite)
        if not folder.finished(STATED):
            try:
                outcome = run_stated(task, settings, progress=progress, checkpoints=folder.path / "state" / "loops", resume=resume)
            except DivergedError as error:
                raise kept(error, folder, STATED) from error
            if settings.sensitivity:
                table = task_sensitivity(settings.applied_to(task), progress)
                write_csv(table.risks.reset_index(names=DISTILLED_FOR), folder.path / SENSITIVITY)
            folder.add(outcome)
        publish_task(task, folder, progress)
    return folder


def task_sensitivity(task: StatedTask, progress: Progress = quiet) -> CrossTable:
    """Distill for every variant of a task that its module names, and evaluate every set under each.

    Args:
        task: with alternatives; its own part stands first, as ``stated``.
        progress: called with every set.

    Raises:
        ValueError: the module names none.
    """
    require_variants(task)
    tasks = {name: make(task.data.train) for name, make in task.tasks.items()}
    problem, sets = task.problem(), baseline_sets(task, 0)
    start = softened(next(iter(sets.values())), task.smoothing)
    return sensitivity(
        problem,
        start,
        hypergradient=task.estimator,
        tasks={"stated": problem.task, **tasks} if tasks else None,
        distances={"stated": task.distance, **task.distances} if task.distances else None,
        risks={"stated": task.risk, **task.risks} if task.risks else None,
        settings=task.outer,
        episodes=SENSITIVITY_EPISODES,
        progress=lambda name, done, total: progress(f"{task.name}: sensitivity, {name}", done, total, None),
    )


def require_variants(task: StatedTask) -> None:
    """Make sure that a task names something to compare with.

    Raises:
        ValueError: it does not.
    """
    if not (task.tasks or task.distances or task.risks):
        raise ValueError(
            f"--sensitivity: task {task.name!r} names no other tasks, distances or risks: give it tasks=, distances= or risks= by name"
        )


def publish_task(task: StatedTask, folder: RunFolder, progress: Progress) -> None:
    """Write the pictures, the tables and the report of a study of a task anew, and the set as the task keeps it."""
    if task.keep is not None:
        for outcome in folder.outcomes():
            task.keep(outcome.data[0], folder.path / TABLE)
    publish(task, folder, {}, progress, _drawn_sensitivity(folder))


def stored_sensitivity(folder: RunFolder) -> CrossTable | None:
    """Return what a run found of the variants of its task, without the sets; None where it did not look at them."""
    file = folder.path / SENSITIVITY
    return CrossTable(pd.read_csv(file, index_col=DISTILLED_FOR), {}) if file.is_file() else None


def _drawn_sensitivity(folder: RunFolder) -> list[Picture]:
    table = stored_sensitivity(folder)
    if table is None:
        return []
    path = folder.figures / f"{STATED}-sensitivity.png"
    with house_style():
        save_figure(table.plot(), path)
    caption = (
        "Sets that were distilled for one variant of the task (rows), evaluated under another (columns): risk ÷ risk of the set that "
        f"was distilled for the column. Above 1 a set is worse than the one that was made for it. The numbers stand in {SENSITIVITY}."
    )
    return [Picture(STATED, "sensitivity", path, caption)]
