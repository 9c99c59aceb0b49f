"""``pinndd study --all``: studies of several PDEs, each a process of its own, and one file with their results."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import typer

from pinndd.pinn.declare.loading import checkout_of, find_pde, list_pdes, load_pde
from pinndd.study.results import words
from pinndd.study.results.benchmark import FILE, load_benchmark, mean_ratio, record
from pinndd.study.results.run_folder import RunFolder
from pinndd.study.run import choose_protocols, usual_protocols
from pinndd.study.run_many import Finished, Job, run_many
from pinndd.terminal.errors import FAILED, checking_input, report, working
from pinndd.terminal.output import require_folder, writing_to
from pinndd.terminal.progress import ProgressBars
from pinndd.terminal.settings import Options, named_protocols, protocol_settings, study_settings

_SINGULAR = {"judges": "judge"}
"""Options that are typed once per value."""


def study_many(
    modules: Sequence[str],
    protocol: str | None,
    out: Path | None,
    options: Options,
    resume: bool,
    overwrite: bool,
    jobs: int,
    results: Path | None,
) -> None:
    """Study several PDEs; one that fails is reported, the others go on, and the exit code is 1 in the end.

    Args:
        modules: names or paths (empty: every packaged PDE).
        protocol: one, or ``all``.
        out: folder of the runs, one below it for each PDE (None: ``runs/all``).
        options: of every study.
        resume: go on with the runs that are there.
        overwrite: replace them.
        jobs: how many studies run at the same time.
        results: folder of the results file (None: see `results_file`).
    """
    out = out or Path("runs/all")
    with checking_input():
        if jobs < 1:
            raise ValueError(f"--jobs {jobs}: expected a whole number from 1 on")
        file = results_file(results, out, options)
        load_benchmark(file)
        require_folder("--results", file.parent)
        require_folder("--out", out)
        plan = _plan(modules or [name for name, _ in list_pdes()], protocol, out, options, resume, overwrite)
    for line in plan.skipped:
        typer.echo(line)
    for line in plan.failed:
        report(line)
    with writing_to("--results", file):
        failed = [*plan.failed, *_run(plan, jobs, file)]
    typer.echo(f"results: {file}")
    if failed:
        report(f"{len(failed)} of {len(plan.jobs) + len(plan.failed)} studies failed; repeat with --resume when corrected")
        raise typer.Exit(FAILED)


def results_file(folder: Path | None, out: Path, options: Options) -> Path:
    """Return the results file: that of the repository if it is the current folder, unless this is a quick look; else the runs'."""
    here = checkout_of(Path.cwd())
    if folder is None:
        folder = out if here is None or options.quick else here / "benchmarks" / "results"
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--results {folder}: this is a file; expected a folder, {FILE} is written into it")
    return folder / FILE


@dataclass
class _Plan:
    """What is to be run, what makes no sense, and what cannot be run."""

    jobs: list[Job] = field(default_factory=list)
    folders: dict[str, Path] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def _plan(modules: Sequence[str], protocol: str | None, out: Path, options: Options, resume: bool, overwrite: bool) -> _Plan:
    """Look at every module and folder before anything runs.

    Raises:
        ValueError: there is no such PDE, a folder is in use, two PDEs have the same name, or nothing is left to run.
    """
    plan = _Plan()
    asked = named_protocols(protocol, options, usual_protocols())
    for module in modules:
        find_pde(module)  # a misspelt name stops everything, a module that fails only its own study
        try:
            pde = load_pde(module)
            sizes = protocol_settings(pde, asked, options)
            chosen, skipped = choose_protocols(pde, asked, study_settings(pde, options), sizes)
        except ValueError as error:
            plan.failed.append(f"{module}: {error}")
            continue
        if not chosen:
            plan.skipped.append(f"{pde.name} is left out: {'; '.join(skipped.values())}")
            continue
        if pde.name in plan.folders:
            raise ValueError(f"two of the modules define a PDE named {pde.name!r}: their runs need different names")
        folder = RunFolder(out / pde.name)
        folder.require_free(resume=resume, overwrite=overwrite)
        again = ["--resume"] if resume and folder.holds_run else ["--overwrite"] if overwrite else []
        named = ["--protocol", protocol] if protocol else []
        words_typed = ["study", module, *named, *_typed(options), "--out", str(folder.path), *again]
        plan.folders[pde.name] = folder.path
        plan.jobs.append(Job(pde.name, [sys.executable, "-m", "pinndd", *words_typed], out / f"{pde.name}.log"))
    if not plan.jobs:
        raise ValueError("; ".join([*plan.failed, *plan.skipped]))
    return plan


def _run(plan: _Plan, jobs: int, file: Path) -> list[str]:
    """Run the studies and return the names of those that failed; what is finished is in the results file."""
    failed: list[str] = []
    done = 0
    go_on = f"what is finished is kept in {file} and in the run folders; go on with the same command and --resume"
    with working(go_on), ProgressBars() as bars:

        def say(text: str) -> None:
            bars.console.print(text, highlight=False, markup=False, soft_wrap=True)

        def end(ended: Finished) -> None:
            nonlocal done
            done += 1
            name, folder = ended.job.name, RunFolder(plan.folders[ended.job.name])
            found = record(folder, file) if folder.holds_run else []
            gains = [f"{r.protocol} {words.significant(m)}" for r in found if (m := mean_ratio(r.compared)) is not None]
            how = "finished" if ended.code == 0 else f"FAILED ({ended.last_words}; see {ended.job.log})"
            gain = f"; mean ratio {words.listed(gains)}" if gains else ""
            say(f"{name}: {how} after {words.seconds(ended.seconds)}{gain}")
            if ended.code:
                failed.append(name)
            bars("studies", done, len(plan.jobs), None)

        bars("studies", 0, len(plan.jobs), None)
        run_many(plan.jobs, jobs, lambda job: say(f"{job.name}: begins: {shlex.join(['pinndd', *job.command[3:]])}"), end)
    return failed


def _typed(options: Options) -> Iterator[str]:
    """Write options as they are typed, without those that were not given."""
    for option in fields(options):
        value = getattr(options, option.name)
        name = f"--{_SINGULAR.get(option.name, option.name).replace('_', '-')}"
        if value is True:
            yield name
        elif option.name in _SINGULAR:
            for each in value:
                yield from (name, str(each))
        elif value is not None and value is not False:
            yield from (name, str(value))
