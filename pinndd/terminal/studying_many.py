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
from pinndd.study.protocols.parts import require_each_once
from pinndd.study.results import words
from pinndd.study.results.benchmark import FILE, load_benchmark, mean_ratio, record
from pinndd.study.results.run_folder import RunFolder
from pinndd.study.run import choose_protocols, usual_protocols
from pinndd.terminal.cells import Answer, StudyCell, run_cell, run_on_worker
from pinndd.terminal.errors import FAILED, checking_input, report, working
from pinndd.terminal.output import require_folder, resumed, writing_to
from pinndd.terminal.progress import ProgressBars
from pinndd.terminal.settings import Options, named_protocols, protocol_settings, study_settings

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
    """Study several PDEs; one that fails is reported, the others go on, and the exit code is 1 in the end.

    Args:
        modules: names or paths (empty: every packaged PDE).
        protocol: one, or ``all``.
        out: folder of the runs, one below it for each PDE (None: ``runs/all``).
        options: of every study.
        resume: go on with the runs that are there.
        overwrite: replace them.
        place: where they run.
        results: folder of the results file (None: see `results_file`).
    """
    out = (out or Path("runs/all")).absolute() if place.scheduler else out or Path("runs/all")
    with checking_input():
        place.require_sense()
        require_each_once(f"studies of {', '.join(modules)}", modules)
        # of one PDE nothing goes into the file of the repository unasked
        file = results_file(out if results is None and len(modules) == 1 else results, out, options)
        load_benchmark(file)
        require_folder("--results", file.parent)
        require_folder("--out", out)
        share = place.share(modules or [name for name, _ in list_pdes()])
        plan = _plan(share, protocol, out, options, resume, overwrite, here=place.scheduler is None)
    if place.several:
        # so that none of those that take longest is left alone at the end
        plan.cells.sort(key=lambda cell: plan.hardness[cell.pde], reverse=True)
    for line in plan.skipped:
        typer.echo(line)
    for line in plan.failed:
        report(line)
    # shares of one benchmark write into one file, each when it has something to write
    with writing_to("--results", None if place.cell else file):
        failed = [*plan.failed, *_run(plan, place, options, out, file)]
    typer.echo(f"results: {file}")
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
        hardness: what grows with the time that a study takes, by the name of its PDE.
    """

    cells: list[StudyCell] = field(default_factory=list)
    hardness: dict[str, tuple[bool, int, int]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def _plan(
    modules: Sequence[str], protocol: str | None, out: Path, options: Options, resume: bool, overwrite: bool, *, here: bool
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
            chosen, skipped = choose_protocols(pde, asked, study_settings(pde, options, here=here), sizes)
        except ValueError as error:
            plan.failed.append(f"{module}: {error}")
            continue
        if not chosen:
            plan.skipped.append(f"{pde.name} is left out: {'; '.join(skipped.values())}")
            continue
        if any(pde.name == cell.pde for cell in plan.cells):
            raise ValueError(f"two of the modules define a PDE named {pde.name!r}: their runs need different names")
        folder = RunFolder(out / pde.name)
        folder.require_free(resume=resume, overwrite=overwrite)
        named = ["--protocol", protocol] if protocol else []
        source = pde.source
        assert source is not None  # it was loaded from a module
        plan.hardness[pde.name] = _hardness(pde)
        plan.cells.append(
            StudyCell(
                pde=pde.name,
                module=source.module,
                checksum=source.checksum,
                protocols=asked,
                options=msgspec.to_builtins(options),
                folder=str(folder.path),
                log=str(out / f"{pde.name}.log"),
                resume=resume,
                overwrite=overwrite,
                command=shlex.join(["pinndd", "study", module, *named, *_typed(options), "--out", str(folder.path)]),
                asked=who,
            )
        )
    if not plan.cells:
        raise ValueError("; ".join([*plan.failed, *plan.skipped]))
    return plan


def _hardness(pde: PDE) -> tuple[bool, int, int]:
    """Rank a PDE by what a study of it takes: fits of nonlinear equations, of several components, in many dimensions take longest."""
    return not pointwise_residual(pde).is_linear(), pde.output_count, pde.box.dimension


def _run(plan: _Plan, place: Place, options: Options, out: Path, file: Path) -> list[str]:
    """Run the cells and return the names of those that failed; what is finished is in the results file."""
    failed: list[str] = []
    done = 0
    go_on = f"what is finished is kept in {file} and in the run folders; {resumed(any(cell.overwrite for cell in plan.cells))}"
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
            if folder.holds_run:
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
            run_on_workers(plan.cells, place, options, out, say, begin, end)
    return failed


def run_on_workers(
    cells: Sequence[StudyCell],
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
        count = min(place.jobs or 1, len(cells))
        # together, no more processes than processors compute true solutions
        each = str(max(1, process_count() // count))
        environment = {PROCESSES: each, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
        connected = local_workers(count, needs, environment, dashboard=find_spec("bokeh") is not None)
    by_name = {cell.pde: cell for cell in cells}

    def ended(how: Ended) -> None:
        cell = by_name[how.cell.name]
        end(cell, Answer(how.failure, how.seconds) if how.failure else msgspec.json.decode(how.answer, type=Answer))

    with ExitStack() as held:
        with checking_input():
            client = held.enter_context(connected)
        if place.scheduler or find_spec("bokeh"):
            say(f"dashboard: {client.dashboard_link}")
        run_cells(
            client,
            run_on_worker,
            [Cell(cell.pde, cell.json) for cell in cells],
            needs,
            lambda cell: begin(by_name[cell.name]),
            ended,
            lambda: say("no worker has joined yet: waiting"),
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
