"""``pinndd study`` and ``pinndd plot``."""

from __future__ import annotations

import hashlib
import math
import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pinndd.pinn.declare.loading import find_pde, load_pde
from pinndd.study import words
from pinndd.study.benchmark import FILE, record
from pinndd.study.outcome import DISTILLED, Outcome
from pinndd.study.plots.errors import one_set_each
from pinndd.study.run import PROTOCOLS, choose_protocols, publish, run_study
from pinndd.study.run_config import RunConfig
from pinndd.study.run_folder import RunFolder
from pinndd.study.summary import SummaryRow, summarise
from pinndd.terminal.errors import checking_input, working
from pinndd.terminal.progress import ProgressBars
from pinndd.terminal.settings import Options, study_settings


def study(
    module: str,
    protocol: str,
    out: Path | None,
    options: Options,
    resume: bool,
    overwrite: bool,
    words_typed: Sequence[str],
    results: Path | None = None,
) -> None:
    """Run a study and print what came out; with ``results``, also put it into the results file in that folder."""
    with checking_input():
        source = find_pde(module)
        pde = load_pde(module)
        settings = study_settings(pde, options)
        path = out or Path("runs") / pde.name
        RunFolder(path).require_free(resume=resume, overwrite=overwrite)
        asked = PROTOCOLS if protocol == "all" else (protocol,)
        chosen, skipped = choose_protocols(pde, asked, quick=options.quick)
        if not chosen:
            raise ValueError(f"--protocol {protocol}: {'; '.join(skipped.values())}; choose retrain or amortised")
    command = shlex.join(["pinndd", *(w for w in words_typed if w not in ("--resume", "--overwrite"))])
    resume_by = f"what is finished is kept in {path}; go on with: {command} --resume"
    with working(resume_by), ProgressBars() as bars:
        checksum = hashlib.sha256(source.read_bytes()).hexdigest()
        folder = run_study(
            pde,
            asked,
            settings,
            path,
            bars,
            resume=resume,
            overwrite=overwrite,
            command=command,
            module=module,
            source=checksum,
        )
        outcomes = folder.outcomes()
        if results is not None:
            record(folder, results / FILE)
    show(outcomes, skipped, folder.path)


def plot(path: Path) -> None:
    """Draw the pictures of a run anew and write its report anew."""
    with checking_input():
        folder = RunFolder.open(path)
        config: RunConfig = folder.config
        pde = load_pde(config.module or config.pde)
        if not folder.outcomes():
            raise ValueError(f"run {path} has no finished protocol yet: go on with 'pinndd study {config.module} --resume'")
    with working(f"draw again with: pinndd plot {path}"), ProgressBars() as bars:
        publish(pde, folder, {}, bars)
    Console(soft_wrap=True, highlight=False).print(f"pictures: {folder.figures}\nreport:   {folder.path / 'report.html'}")


def show(outcomes: Sequence[Outcome], skipped: dict[str, str], path: Path) -> None:
    """Print the distilled sets against the best baselines, a table a protocol, and where everything is."""
    console = Console(highlight=False)
    for outcome in outcomes:
        console.print(
            f"\n[bold]{outcome.protocol}[/]: error of the distilled set against the best baseline, and their ratio"
        )
        console.print(_table(outcome))
    for protocol, why in skipped.items():
        console.print(f"{protocol} is left out: {why}", soft_wrap=True)
    for outcome in outcomes:
        if outcome.distill_seconds:
            mean = sum(outcome.distill_seconds) / len(outcome.distill_seconds)
            console.print(f"{outcome.protocol}: distilling took {words.seconds(mean)} a seed")
    console.print(f"report: {path / 'report.html'}", soft_wrap=True)


def _table(outcome: Outcome) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("trained by", "conditions", "distilled", "best baseline", "ratio (95 %)"):
        table.add_column(column, no_wrap=column != "best baseline")
    rows = one_set_each(summarise(outcome.results))
    for row in rows:
        if row.method == DISTILLED:
            table.add_row(row.learner, words.shift_name(row.shift), words.percent(row.mean), *_against(row, rows))
    return table


def _against(row: SummaryRow, rows: Sequence[SummaryRow]) -> tuple[str, str]:
    baseline = next((r for r in rows if (r.learner, r.shift, r.method) == (row.learner, row.shift, row.baseline)), None)
    error = "" if baseline is None else f"{words.percent(baseline.mean)} {baseline.method}"
    colour = {True: "green", False: "red", None: "yellow"}[row.wins] if math.isfinite(row.mean) else "red"
    return error, f"[{colour}]{words.ratio(row)}[/]"
