"""``pinndd study`` and ``pinndd plot``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer
from rich.console import Console

from pinndd.pinn.declare.loading import MODULE, SOURCE, difference, load_pde, load_remembered
from pinndd.stated.task import StatedTask
from pinndd.study.plan import choose_protocols, study_device, usual_protocols
from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.words import STATED
from pinndd.study.results import words
from pinndd.study.results.benchmark import FILE, record
from pinndd.study.results.outcome import Outcome
from pinndd.study.results.run_config import RunConfig
from pinndd.study.results.run_folder import CONFIG, RunFolder
from pinndd.study.run import publish, run_study
from pinndd.terminal.errors import checking_input, options_lowered, warn, working
from pinndd.terminal.output import go_on_in_words, require_folder, table_console, writing_to
from pinndd.terminal.progress import ProgressBars
from pinndd.terminal.settings import (
    Options,
    named_protocols,
    protocol_settings,
    require_effect,
    require_use_of_device,
    study_settings,
)
from pinndd.terminal.subjects import subject_named
from pinndd.terminal.tables import comparison_table, component_table

KEPT_MEANS = "of dense: error of the dense set ÷ error of the distilled set, the share of its performance that is kept"
"""Below a table with that column."""

DRAW_AGAIN = "draw again with the same command"


def study(
    module: str,
    protocol: str | None,
    out: Path | None,
    options: Options,
    resume: bool,
    overwrite: bool,
    words_typed: Sequence[str],
    results: Path | None = None,
) -> None:
    """Run a study and print what came out; with ``results``, also put it into the results file in that folder."""
    with checking_input():
        pde = subject_named(module, options.network)
    if isinstance(pde, StatedTask):
        from pinndd.terminal.tasks import study_one

        study_one(pde, protocol, out, options, resume, overwrite, words_typed, results)
        return
    with checking_input():
        settings = study_settings(pde, options)
        path = place_of_run(pde.name, out, resume=resume, overwrite=overwrite)
        if results is not None:
            require_folder("--results", results)
        asked = named_protocols(protocol, options, usual_protocols())
        sizes = protocol_settings(pde, asked, options)
        chosen, skipped = choose_protocols(pde, asked, settings, sizes)
        require_effect(options, chosen, skipped)
        if not chosen:
            raise ValueError(f"--protocol {protocol}: {'; '.join(skipped.values())}; choose another one")
        require_use_of_device(options, chosen)
        choice = study_device(pde, chosen, settings, sizes)
        settings = replace(settings, device=choice.device)
    if choice.why:
        typer.echo(choice.why)
    command = repeated(words_typed)
    go_on = go_on_in_words(command, path / CONFIG, overwrite)
    lower = options_lowered([*(option for name in chosen for option in protocol_named(name).options), "test-conditions"])
    file = None if results is None else results / FILE
    with writing_to("--results", file), working(go_on, lower), ProgressBars() as bars:
        folder = run_study(
            pde,
            path,
            protocols=asked,
            sizes=sizes,
            settings=settings,
            progress=bars,
            resume=resume,
            overwrite=overwrite,
            command=command,
        )
        outcomes = folder.outcomes()
        if file is not None:
            record(folder, file)
    show(outcomes, dict(folder.config.skipped), folder.path)


def place_of_run(name: str, out: Path | None, *, resume: bool, overwrite: bool) -> Path:
    """Return the folder of a run, and make sure that the run may be written there.

    Args:
        name: of the PDE or task.
        out: the folder (None: ``runs/NAME``).
        resume, overwrite: what becomes of a run that is there.

    Raises:
        ValueError: it is in use, or nothing can be written there.
    """
    path = out or Path("runs") / name
    RunFolder(path).require_free(resume=resume, overwrite=overwrite)
    require_folder("--out", path)
    return path


def repeated(words_typed: Sequence[str]) -> str:
    """Return the command that repeats a run."""
    return shlex.join(["pinndd", *(w for w in words_typed if w not in ("--resume", "--overwrite"))])


def plot(path: Path, module: str | None = None) -> None:
    """Draw the pictures of a run anew and write its report anew; ``module`` is the PDE module where the run's own is not used."""
    with checking_input():
        folder = RunFolder.open(path)
        config: RunConfig = folder.config
    if list(config.protocols) == [STATED]:
        from pinndd.terminal.tasks import plot_run

        plot_run(folder, module)
        return
    with checking_input():
        stored = {"pde": config.pde, MODULE: config.module, SOURCE: config.source}
        pde = load_remembered(stored, folder.config_file) if module is None else load_pde(module)
        if pde.name != config.pde:
            raise ValueError(f"run {path} is about {config.pde!r}, --pde gives {pde.name!r}: name the module of {config.pde!r}")
        if said := difference(pde, stored, folder.config_file, given=module is not None):
            warn(said)
        if not folder.outcomes():
            raise ValueError(f"run {path} has no finished protocol yet: go on with: {config.going_on(path)}")
    with working(DRAW_AGAIN), folder.locked(), ProgressBars() as bars:
        publish(pde, folder, {}, bars)
    Console(soft_wrap=True, highlight=False).print(f"pictures: {folder.figures}\nreport:   {folder.path / 'report.html'}")


def show(outcomes: Sequence[Outcome], skipped: dict[str, str], path: Path) -> None:
    """Print the distilled sets against the best baselines, one table per protocol, and where everything is."""
    console = table_console()
    for outcome in outcomes:
        console.print(
            f"\n[bold]{outcome.protocol}[/]: error of the distilled set against the best baseline, and their ratio"
        )
        summary = outcome.summary
        console.print(comparison_table(summary))
        if summary["kept"].notna().any():
            console.print(KEPT_MEANS, soft_wrap=True, markup=False)
        if outcome.measured:
            console.print(outcome.measured, soft_wrap=True, markup=False)
        components = component_table(summary)
        if components is not None:
            console.print(f"[bold]{outcome.protocol}[/]: error of each component alone, distilled / best baseline")
            console.print(components)
    for protocol, why in skipped.items():
        console.print(f"{protocol} is left out: {why}", soft_wrap=True)
    # the time of a first look is one for all protocols
    for note in (note for outcome in outcomes[-1:] for note in outcome.notes if note.startswith(words.LEFT_OUT)):
        console.print(note, soft_wrap=True, markup=False)
    for outcome in outcomes:
        if outcome.body_seconds:
            count, total = len(outcome.body_seconds), sum(outcome.body_seconds)
            console.print(f"{outcome.protocol}: training {count} bod{'y' if count == 1 else 'ies'} took {words.seconds(total)}")
        if outcome.distill_seconds:
            mean = sum(outcome.distill_seconds) / len(outcome.distill_seconds)
            console.print(f"{outcome.protocol}: distilling took {words.seconds(mean)} per seed")
    console.print(f"report: {path / 'report.html'}", soft_wrap=True)
