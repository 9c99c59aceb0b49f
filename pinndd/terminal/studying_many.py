"""``pinndd study --all``: studies of several PDEs, each a cell of its own, and one file with their results."""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, fields
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from pinndd.pinn.declare.loading import checkout_of, find_pde, list_pdes, load_pde
from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.solving.parts import PROCESSES, process_count
from pinndd.storage.locks import writing_alone
from pinndd.study.plan import StudyPlan, choose_protocols, usual_protocols
from pinndd.study.protocols.parts import require_each_once
from pinndd.study.results import words
from pinndd.study.results.benchmark import FILE, load_benchmark, mean_ratio, record
from pinndd.study.results.run_folder import RunFolder
from pinndd.terminal.cells import Answer, SeedCell, StudyCell, run_cell, run_on_worker
from pinndd.terminal.errors import FAILED, checking_input, report, working
from pinndd.terminal.output import require_folder, resumed, writing_to
from pinndd.terminal.progress import ProgressBars
from pinndd.terminal.settings import (
    Options,
    named_protocols,
    protocol_settings,
    require_effect,
    require_use_of_device,
    study_settings,
)
from pinndd.terminal.studying import show
from pinndd.terminal.subjects import subject_named

if TYPE_CHECKING:
    from distributed import Client

    from pinndd.study.workers import Ended

_SINGULAR = {"judges": "judge"}
"""Options that are typed once per value."""

RECORDING = 60.0
"""Seconds that a share waits for another one to have written the results file."""


@dataclass(frozen=True)
class Place:
    """Where cells run: in worker processes here, on the workers of a scheduler, or a share of them in this process.

    Attributes:
        jobs: worker processes here (None: one).
        scheduler: address of a scheduler whose workers are used.
        cell, of: which share of how many.
    """

    jobs: int | None = None
    scheduler: str | None = None
    cell: int | None = None
    of: int | None = None

    @property
    def typed(self) -> str:
        """The option that says where, as it was typed."""
        if self.scheduler is not None:
            return f"--scheduler {self.scheduler}"
        return f"--jobs {self.jobs}" if self.cell is None else f"--cell {self.cell}"

    @property
    def several(self) -> bool:
        """Whether cells may run at the same time."""
        return self.scheduler is not None or (self.jobs or 1) > 1

    def require_sense(self) -> None:
        """Make sure that the options go together.

        Raises:
            ValueError: they do not.
        """
        if self.jobs is not None and self.jobs < 1:
            raise ValueError(f"--jobs {self.jobs}: expected a whole number from 1 on")
        if (self.cell is None) != (self.of is None):
            given, other = (f"--of {self.of}", "--cell K") if self.cell is None else (f"--cell {self.cell}", "--of M")
            raise ValueError(f"{given}: {other} is missing; the two say which share of the studies this is")
        if self.jobs is not None and self.scheduler is not None:
            raise ValueError(f"--jobs {self.jobs} excludes --scheduler, whose workers were started already: choose one")
        if self.cell is not None and self.of is not None:
            if self.jobs is not None or self.scheduler is not None:
                raise ValueError("--cell runs in this process and excludes --jobs and --scheduler: choose one")
            if not 1 <= self.cell <= self.of:
                raise ValueError(f"--cell {self.cell}: expected a whole number from 1 to {self.of}, as --of {self.of} says")

    def share(self, modules: Sequence[str]) -> list[str]:
        """Return the modules whose cells run in this place.

        Raises:
            ValueError: there are fewer modules than shares.
        """
        if self.cell is None or self.of is None:
            return list(modules)
        if self.of > len(modules):
            raise ValueError(f"--of {self.of}: there are {len(modules)} studies, so expected at most {len(modules)} shares")
        return list(modules[self.cell - 1 :: self.of])


@dataclass(frozen=True)
class Runs:
    """Where the folders of runs lie.

    Attributes:
        parent: the folder of them, and of their logs.
        only: name of the folder where there is but one run (empty: each has the name of its PDE).
    """

    parent: Path
    only: str = ""

    @classmethod
    def of(cls, modules: Sequence[str], out: Path | None, *, shared: bool) -> Runs:
        """Place the runs of some modules.

        Args:
            modules: names or paths (empty: every packaged PDE).
            out: folder of the runs (None: ``runs/all``), or of the run of a single module (None: below ``runs``).
            shared: whether processes that stand elsewhere write there.

        Raises:
            ValueError: the single module is none.
        """
        single = len(modules) == 1
        out = out or Path("runs") / (load_pde(modules[0]).name if single else "all")
        out = out.absolute() if shared or not out.name else out
        return cls(out.parent, out.name) if single else cls(out)

    def folder(self, name: str) -> Path:
        """Return the folder of the run of a PDE."""
        return self.parent / (self.only or name)

    def log(self, name: str) -> Path:
        """Return the file for what is printed meanwhile."""
        folder = self.folder(name)
        return folder.with_name(f"{folder.name}.log")


def study_many(
    modules: Sequence[str],
    protocol: str | None,
    out: Path | None,
    options: Options,
    resume: bool,
    overwrite: bool,
    place: Place,
    results: Path | None,
) -> None:
    """Study several PDEs, or one whose seeds are shared; if one fails, the others go on, and the exit code is 1 in the end.

    Args:
        modules: names or paths (empty: every packaged PDE).
        protocol: one, or ``all``.
        out: folder of the runs, one below it for each PDE (None: ``runs/all``); of one PDE that of its run (None: ``runs/PDE``).
        options: of every study.
        resume: go on with the runs that are there.
        overwrite: replace them.
        place: where they run.
        results: folder of the results file (None: see `results_file`; of one PDE, none).
    """
    with checking_input():
        place.require_sense()
        require_each_once(f"studies of {', '.join(modules)}", modules)
        if len(modules) == 1 and not isinstance(subject_named(modules[0]), PDE):
            raise ValueError(f"{place.typed}: the study of a stated task is a single piece of work: leave it out")
        runs = Runs.of(modules, out, shared=place.scheduler is not None)
        file = None if len(modules) == 1 and results is None else results_file(results, runs.parent, options)
        if file is not None:
            load_benchmark(file)
            require_folder("--results", file.parent)
        require_folder("--out", runs.parent)
        share = place.share(modules or [name for name, _ in list_pdes()])
        plan = _plan(share, protocol, runs, options, resume, overwrite, place)
    if place.several:
        # so that none of those that take longest is left alone at the end
        plan.cells.sort(key=lambda cell: plan.hardness[cell.pde], reverse=True)
    for line in plan.skipped:
        typer.echo(line)
    for line in plan.failed:
        report(line)
    # shares of one benchmark write into one file, each when it has something to write
    with writing_to("--results", None if place.cell else file):
        failed = [*plan.failed, *_run(plan, place, options, runs, file)]
    if file is not None:
        typer.echo(f"results: {file}")
    if len(modules) == 1 and not (failed or place.cell):
        folder = RunFolder(runs.folder(plan.cells[0].pde))
        show(folder.outcomes(), dict(folder.config.skipped), folder.path)
    if failed:
        report(f"{len(failed)} of {len(plan.cells) + len(plan.failed)} studies failed; repeat with --resume when corrected")
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
    """What is to be run, what makes no sense, and what cannot be run.

    Attributes:
        shares: what other processes can compute of the cells.
        hardness: what grows with the time that a study takes, by the name of its PDE.
    """

    cells: list[StudyCell] = field(default_factory=list)
    shares: list[SeedCell] = field(default_factory=list)
    hardness: dict[str, tuple[bool, int, int]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def _plan(
    modules: Sequence[str], protocol: str | None, runs: Runs, options: Options, resume: bool, overwrite: bool, place: Place
) -> _Plan:
    """Look at every module and folder before anything runs.

    Raises:
        ValueError: there is no such PDE, a folder is in use, two PDEs have the same name, or nothing is left to run.
    """
    plan = _Plan()
    asked = named_protocols(protocol, options, usual_protocols())
    who = f"asked by process {os.getpid()} on {socket.gethostname()} at {datetime.now():%Y-%m-%d %H:%M:%S.%f}"
    for module in modules:
        find_pde(module)  # a misspelt name stops everything, a module that fails only its own study
        try:
            pde = load_pde(module)
            sizes = protocol_settings(pde, asked, options)
            settings = study_settings(pde, options, here=place.scheduler is None)
            chosen, skipped = choose_protocols(pde, asked, settings, sizes)
            shares = list(StudyPlan.of(pde, asked, sizes, settings).shares()) if chosen and place.several else []
            if runs.only:
                require_effect(options, chosen, skipped)
                require_use_of_device(options, chosen)
        except ValueError as error:
            if runs.only:
                raise
            plan.failed.append(f"{module}: {error}")
            continue
        if not chosen:
            plan.skipped.append(f"{pde.name} is left out: {'; '.join(skipped.values())}")
            continue
        if any(pde.name == cell.pde for cell in plan.cells):
            raise ValueError(f"two of the modules define a PDE named {pde.name!r}: their runs need different names")
        folder = RunFolder(runs.folder(pde.name))
        folder.require_free(resume=resume, overwrite=overwrite)
        named = ["--protocol", protocol] if protocol else []
        source = pde.source
        assert source is not None  # it was loaded from a module
        plan.hardness[pde.name] = _hardness(pde)
        cell = StudyCell(
            pde=pde.name,
            module=source.module,
            checksum=source.checksum,
            protocols=asked,
            options=msgspec.to_builtins(options),
            folder=str(folder.path),
            log=str(runs.log(pde.name)),
            resume=resume,
            overwrite=overwrite,
            command=shlex.join(["pinndd", "study", module, *named, *_typed(options), "--out", str(folder.path)]),
            asked=who,
        )
        plan.cells.append(cell)
        plan.shares += [SeedCell(cell, *share) for share in shares]
    if not plan.cells:
        raise ValueError("; ".join([*plan.failed, *plan.skipped]))
    if runs.only and (place.jobs or 1) > 1 and not plan.shares:
        raise ValueError(
            f"{place.typed}: processes share the seeds of a study, and this one is a single piece of work"
            f"{', since a first look stops by its own clock' if options.quick else ''}: leave it out"
            f"{'' if options.quick else ', or ask for more seeds with --seeds'}"
        )
    return plan


def _hardness(pde: PDE) -> tuple[bool, int, int]:
    """Rank a PDE by what a study of it takes: fits of nonlinear equations, of several components, in many dimensions take longest."""
    return not pointwise_residual(pde).is_linear(), pde.output_count, pde.box.dimension


def _run(plan: _Plan, place: Place, options: Options, runs: Runs, file: Path | None) -> list[str]:
    """Run the cells and return the names of those that failed; what is finished is in the results file."""
    failed: list[str] = []
    done = 0
    kept = "the run folders" if file is None else f"{file} and in the run folders"
    go_on = f"what is finished is kept in {kept}; {resumed(any(cell.overwrite for cell in plan.cells))}"
    if place.scheduler:
        go_on += f" when the cells that run on {place.scheduler} have ended"
    with working(go_on), ProgressBars() as bars:

        def say(text: str) -> None:
            bars.console.print(text, highlight=False, markup=False, soft_wrap=True)

        def begin(cell: StudyCell) -> None:
            say(f"{cell.pde}: begins: {cell.command}")

        def end(cell: StudyCell, answer: Answer) -> None:
            nonlocal done
            done += 1
            folder = RunFolder(Path(cell.folder))
            found = []
            if folder.holds_run and file is not None:
                with writing_alone("--results", file if place.cell else None, RECORDING):
                    found = record(folder, file, answer.machine or None)
            gains = [f"{r.protocol} {words.significant(m)}" for r in found if (m := mean_ratio(r.compared)) is not None]
            log = "" if place.cell else f"; see {cell.log}"
            how = f"FAILED ({answer.failure}{log})" if answer.failure else "finished"
            gain = f"; mean ratio {words.listed(gains)}" if gains else ""
            say(f"{cell.pde}: {how} after {words.seconds(answer.seconds)}{gain}")
            if answer.failure:
                failed.append(cell.pde)
            bars("studies", done, len(plan.cells), None)

        bars("studies", 0, len(plan.cells), None)
        if place.cell:
            for cell in plan.cells:
                begin(cell)
                end(cell, run_cell(cell))
        else:
            run_on_workers(plan, place, options, runs.parent, say, begin, end)
    return failed


def run_on_workers(
    plan: _Plan,
    place: Place,
    options: Options,
    out: Path,
    say: Callable[[str], None],
    begin: Callable[[StudyCell], None],
    end: Callable[[StudyCell, Answer], None],
) -> None:
    """Run cells on the workers of a cluster."""
    # Dask takes most of a second to import
    from pinndd.study.workers import GPU, Cell, local_workers, run_cells, workers_of

    needs = GPU if (options.device or "cpu").startswith("cuda") else {}
    connected: AbstractContextManager[Client]
    if place.scheduler:
        out.mkdir(parents=True, exist_ok=True)
        connected = workers_of(place.scheduler, needs, out)
    else:
        count = min(place.jobs or 1, len(plan.cells) + len(plan.shares))
        # together, no more processes than processors compute true solutions
        each = str(max(1, process_count() // count))
        environment = {PROCESSES: each, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
        connected = local_workers(count, needs, environment, dashboard=find_spec("bokeh") is not None)
    by_name = {cell.pde: cell for cell in plan.cells}
    shares = {share.name: share for share in plan.shares}

    def started(cell: Cell) -> None:
        if not cell.helps:
            begin(by_name[cell.name])

    def ended(how: Ended) -> None:
        answer = Answer(how.failure, how.seconds) if how.failure else msgspec.json.decode(how.answer, type=Answer)
        if not how.cell.helps:
            end(by_name[how.cell.name], answer)
        elif answer.failure:
            say(f"{how.cell.name}: FAILED elsewhere ({answer.failure}): its study computes it")

    with ExitStack() as held:
        with checking_input():
            client = held.enter_context(connected)
        if place.scheduler or find_spec("bokeh"):
            say(f"dashboard: {client.dashboard_link}")
        run_cells(
            client,
            run_on_worker,
            [*(Cell(cell.pde, cell.json) for cell in plan.cells), *(Cell(s.name, s.json, s.study.pde) for s in plan.shares)],
            needs,
            started,
            ended,
            lambda: say("no worker has joined yet: waiting"),
            lambda cell: shares[cell.name].can_begin(),
        )


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
