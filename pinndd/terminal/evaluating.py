"""``pinndd evaluate``: train on a distilled set for boundary conditions that were never seen."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.table import Table

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.study import words
from pinndd.study.outcome import Progress, Result, StudySettings
from pinndd.study.run_folder import write_csv
from pinndd.study.summary import summarise
from pinndd.terminal.datafile import open_data
from pinndd.terminal.errors import checking_input, working
from pinndd.terminal.progress import ProgressBars
from pinndd.terminal.settings import Options, study_settings

DEEPXDE_CONDITIONS = 4
"""Test conditions a shift where DeepXDE trains and nothing was said: it takes seconds for each."""

FUNCTIONS = {
    "retrain": ("pinndd.study.retrain", "evaluate_retrain"),
    "amortised": ("pinndd.study.amortised", "evaluate_amortised"),
    "solved": ("pinndd.study.solved_evaluation", "evaluate_solved"),
}


class Evaluator(Protocol):
    """Trains on one set, for one protocol: one result a boundary condition and shift."""

    def __call__(
        self,
        pde: PDE,
        data: SyntheticData,
        settings: StudySettings,
        progress: Progress,
        learner: str | None = None,
    ) -> Sequence[Result]: ...


class SolutionsEvaluator(Protocol):
    """Fits the conditioned models of the solved protocol to solutions that somebody else computed."""

    def __call__(
        self,
        pde: PDE,
        data: SyntheticData,
        solutions: Path,
        settings: StudySettings,
        progress: Progress,
        learner: str | None = None,
    ) -> Sequence[Result]: ...


def evaluator(protocol: str) -> Evaluator:
    """Return the function that evaluates for a protocol (imported when it is needed)."""
    module, name = FUNCTIONS[protocol]
    found: Evaluator = getattr(importlib.import_module(module), name)
    return found


def solutions_evaluator() -> SolutionsEvaluator:
    """Return the function that takes solved fields back (imported when it is needed)."""
    from pinndd.study.solved_evaluation import evaluate_solutions

    return evaluate_solutions


def evaluate(
    path: Path,
    module: str | None,
    learner: str | None,
    shifts: Sequence[str],
    solutions: Path | None,
    out: Path | None,
    options: Options,
) -> None:
    """Evaluate a distilled set and print the errors, a line a shift."""
    with checking_input():
        file = open_data(path, module)
        settings = study_settings(file.pde, options)
        wanted = list(shifts) or ["none", *file.pde.shifts]
        for shift in wanted:
            file.pde.ensemble(shift)
        settings = replace(settings, shifts=tuple(wanted))
        if learner == "deepxde" and options.test_conditions is None:
            settings = replace(settings, test_conditions=DEEPXDE_CONDITIONS)
        if solutions is not None and file.protocol != "solved":
            raise ValueError(f"--solutions: {path} is of the protocol {file.protocol}; only solved takes solutions back")
        if solutions is not None and not solutions.exists():
            raise ValueError(f"--solutions {solutions}: there is no such file")
        if out is not None and out.exists():
            raise ValueError(f"--out {out} exists: choose another file")
    with working(f"begin again with: pinndd evaluate {path}"), ProgressBars() as bars:
        if solutions is not None:
            found = solutions_evaluator()(file.pde, file.data, solutions, settings, bars, learner=learner)
        else:
            found = evaluator(file.protocol)(file.pde, file.data, settings, bars, learner=learner)
        results = [r for r in found if r.shift in wanted]
        if out is not None:
            write_csv(results, out)
    show(results)


def show(results: Sequence[Result]) -> None:
    """Print mean error with interval, median and seconds by learner and shift."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("trained by", "conditions", "mean error", "95 %", "median", "models", "time of one"):
        table.add_column(column, no_wrap=True)
    for row in summarise(results):
        cells = (words.percent(row.mean), words.interval(row), words.percent(row.median))
        table.add_row(row.learner, words.shift_name(row.shift), *cells, str(row.models), words.seconds(row.seconds))
    # a file or a pipe has no width: columns are not cut there
    width = None if sys.stdout.isatty() else 120
    Console(highlight=False, width=width).print(table)
