"""``pinndd evaluate``: train on a distilled set for boundary conditions that were never seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer
from pandas import DataFrame
from rich.console import Console

from pinndd.study.protocols import protocol_named
from pinndd.study.protocols.engine import evaluate as judge
from pinndd.study.protocols.engine import measured_in_words
from pinndd.study.protocols.learners import recipe_of, require_fit
from pinndd.study.protocols.parts import distance_name, require_each_once
from pinndd.study.results.summary import summarise
from pinndd.study.results.table import NO_SHIFT, RELATIVE_L2
from pinndd.study.results.writing import write_csv
from pinndd.study.verbs import evaluation_settings
from pinndd.terminal.datafile import is_of_task, open_data
from pinndd.terminal.errors import checking_input, options_lowered, working
from pinndd.terminal.output import kept_in_words, require_writable, table_console, writing_to
from pinndd.terminal.progress import ProgressBars
from pinndd.terminal.settings import Options, require_use_of_device, study_settings
from pinndd.terminal.tables import component_table, error_table

DEEPXDE_CONDITIONS = 4
"""Test conditions per shift where DeepXDE trains and nothing was said: it takes seconds for each."""


ANOTHER = "begin again with the same command and another --out"
"""How an evaluation begins again that has written its results, which it does not replace."""


def evaluate(
    path: Path,
    module: str | None,
    learner: str | None,
    shifts: Sequence[str],
    solutions: Path | None,
    out: Path | None,
    options: Options,
) -> None:
    """Evaluate a distilled set and print the errors, one line per shift."""
    if is_of_task(path):
        from pinndd.terminal.tasks import evaluate_set

        evaluate_set(path, module, learner, shifts, solutions, out, options)
        return
    with checking_input():
        require_each_once(f"--shift {' --shift '.join(shifts)}", shifts)
        file = open_data(path, module)
        protocol = protocol_named(file.protocol)
        settings = study_settings(file.pde, options)
        require_use_of_device(options, [file.protocol])
        wanted = list(shifts) or [NO_SHIFT, *file.pde.shifts]
        for shift in wanted:
            file.pde.ensemble(shift)
        settings = replace(settings, shifts=tuple(wanted))
        if learner is not None:
            require_fit(file.pde, recipe_of(learner, protocol.recipes))
        if learner == "deepxde" and options.test_conditions is None:
            settings = replace(settings, test_conditions=DEEPXDE_CONDITIONS)
        if solutions is not None and not protocol.labelled:
            raise ValueError(f"--solutions: {path} is of the protocol {file.protocol}; only solved takes solutions back")
        if solutions is not None and not solutions.exists():
            raise ValueError(f"--solutions {solutions}: there is no such file")
        if out is not None:
            require_writable("--out", out, overwrite=None)
        settings, why = evaluation_settings(protocol, file.pde, settings, file.data, learner)
    if why:
        typer.echo(why)
    kept, lower = kept_in_words(out, otherwise=ANOTHER), options_lowered(["test_conditions"])
    with writing_to("--out", out), working(kept, lower), ProgressBars() as bars:
        study = protocol.open(file.pde, settings=settings, progress=bars)
        if solutions is not None:
            study = study.with_solutions(solutions, file.data)
        results = judge(study, protocol, file.data, learner)
        if out is not None:
            write_csv(results, out, distance_name(settings.distance))
    show(results, measured_in_words(study), distance_name(settings.distance))
    if study.tests.outside:
        Console(highlight=False, soft_wrap=True).print(
            f"not tested, outside the span of the training family: {', '.join(study.tests.outside)}", markup=False
        )


def show(results: DataFrame, measured: str = "", distance: str = RELATIVE_L2) -> None:
    """Print mean error with interval, median and seconds by learner and shift, what is measured, and each component's error."""
    console, summary = table_console(), summarise(results, distance)
    console.print(error_table(summary))
    if measured:
        console.print(measured, soft_wrap=True, markup=False)
    components = component_table(summary)
    if components is not None:
        console.print(components)
