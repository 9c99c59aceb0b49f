"""One self-contained page about a run: verdict, tables, pictures, costs."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from jinja2 import Environment, StrictUndefined, Template
from pandas import DataFrame

from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.stated.task import StatedTask
from pinndd.storage.writing import write_atomically
from pinndd.study.plots.gallery import Picture
from pinndd.study.protocols import words_of
from pinndd.study.report.closed_form import closed_form_sentence
from pinndd.study.report.cost import Cost, cost_of, judge_sentence
from pinndd.study.report.examples import ExampleTable, example_table
from pinndd.study.report.verdict import Verdict, verdict
from pinndd.study.results import words
from pinndd.study.results.outcome import Outcome
from pinndd.study.results.run_config import RunConfig
from pinndd.study.results.selection import SIZE, frontier, of_size, one_set_each, own_learner, sizes_studied, transfer_cells
from pinndd.study.results.summary import comparisons, component_means, summarise
from pinndd.study.results.table import DISTILLED, NO_SHIFT, rows_of


@dataclass(frozen=True)
class LearnerSection:
    """What the page says about one learner and size.

    Attributes:
        title: who trained on what.
        comparisons: rows of `comparisons`, one per shift.
        shifts: those of the columns of the second table.
        methods: its rows: name, whether it is a ceiling, and the row of the summary, or None, under every shift.
        best: the lowest mean under every shift at equal terms.
        components: columns of the comparisons with the errors of components alone, by their names.
    """

    title: str
    comparisons: Sequence[Any]
    shifts: Sequence[str]
    methods: Sequence[tuple[str, bool, Sequence[Any]]]
    best: Mapping[str, float]
    components: Mapping[str, str]


@dataclass(frozen=True)
class Setting:
    """A row of the table of what was tuned.

    Attributes:
        of: whose it is: learner and seed.
        name: of the setting, behind that of the method it belongs to.
        value: in words.
    """

    of: str
    name: str
    value: str


@dataclass(frozen=True)
class ProtocolSection:
    """What the page says about one protocol."""

    name: str
    plainly: str
    title: str
    error: str
    measured: str
    verdict: Verdict
    learners: Sequence[LearnerSection]
    pictures: Mapping[str, Sequence[tuple[str, str]]]
    costs: Sequence[Cost]
    judge: str
    distill_seconds: Sequence[float]
    body_seconds: Sequence[float]
    training: Sequence[Any]
    transfer: Sequence[Any]
    settings: Sequence[Setting]
    notes: Sequence[str]
    examples: ExampleTable | None


def write_report(
    subject: PDE | StatedTask, config: RunConfig, outcomes: Sequence[Outcome], pictures: Sequence[Picture], path: Path
) -> None:
    """Write the page, with all pictures inside it, atomically.

    Args:
        subject: PDE or task of the study.
        config: of the run.
        outcomes: one per protocol.
        pictures: those of `draw_gallery` and `draw_together`.
        path: such as ``runs/heat/report.html``.
    """
    page = _template().render(
        subject=subject,
        about=_about(subject, config),
        config=config,
        together=[(_data_uri(p.path), p.caption) for p in pictures if not p.protocol],
        sections=[
            section(o, [p for p in pictures if p.protocol == o.protocol], _plainly(subject, o, outcomes), _examples(subject, o))
            for o in outcomes
        ],
        words=words_of(outcomes[0].protocol if outcomes else config.protocols[0]),
        pending=[p for p in config.protocols if p not in {o.protocol for o in outcomes}],
    )
    with write_atomically(path) as file:
        file.write(page.encode(errors="surrogateescape"))


@cache
def _template() -> Template:
    """Return the page to be filled in: compiling it takes longer than that."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "mean": words.mean,
        "interval": words.interval,
        "seconds": words.seconds,
        "significant": words.significant,
        "ratio": words.ratio,
        "kept": words.kept,
        "counts": words.counts,
        "shift": words.shift_name,
        "component": words.component_cell,
    }
    source = resources.files("pinndd.study.report").joinpath("report.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(source)


def section(
    outcome: Outcome, pictures: Sequence[Picture], plainly: str = "", examples: ExampleTable | None = None
) -> ProtocolSection:
    """Put together what the page says about one protocol; ``plainly`` is what another protocol of the run does better."""
    rows = outcome.summary
    single = one_set_each(rows)
    all_sizes = single
    if len(outcome.curve):
        all_sizes = one_set_each(summarise(pandas.concat([outcome.results, outcome.curve]), outcome.distance))
    learner, sizes = own_learner(rows), sizes_studied(rows)
    pairs = [(name, size) for name in rows["learner"].unique() for size in sizes or (None,)]
    costs = [
        cost_of(all_sizes, name, outcome.distill_seconds, size if len(sizes) > 1 else None, outcome.body_seconds)
        for name, size in pairs
    ]
    embedded: dict[str, list[tuple[str, str]]] = {}
    for picture in pictures:
        embedded.setdefault(picture.kind, []).append((_data_uri(picture.path), picture.caption))
    return ProtocolSection(
        name=outcome.protocol,
        plainly=plainly,
        title=words_of(outcome.protocol).title,
        error=words.error_name(outcome.distance),
        measured=outcome.measured,
        verdict=Verdict("Nothing was measured.", (), ()) if rows.empty else verdict(single, learner, all_sizes),
        learners=[_learner(single, name, size, len(sizes) > 1) for name, size in pairs],
        pictures=embedded,
        costs=[c for c in costs if c is not None],
        judge=judge_sentence(all_sizes, learner),
        distill_seconds=outcome.distill_seconds,
        body_seconds=outcome.body_seconds,
        training=_training(single),
        transfer=[row for worst in (False, True) for row in rows_of(transfer_cells(rows, worst_shift=worst))],
        settings=[row for name, value in outcome.settings.items() for row in _settings(name, value)],
        notes=[*outcome.notes, *_repeated(single)],
        examples=examples,
    )


def _examples(subject: PDE | StatedTask, outcome: Outcome) -> ExampleTable | None:
    return example_table(subject, outcome.data[0]) if isinstance(subject, StatedTask) and outcome.data else None


def _about(subject: PDE | StatedTask, config: RunConfig) -> str:
    """What was studied, and how often."""
    seeds = int(config.settings["seeds"])
    often = f"{seeds} distillation seed{'s' if seeds != 1 else ''}"
    if isinstance(subject, StatedTask):
        return f"Study of distilled data for a stated task: {subject.name}, {often}, {subject.data.count} training examples."
    return (
        f"Study of distilled data for physics-informed neural networks: PDE {subject.name}, {often}, "
        f"{config.settings['test_conditions']} test conditions per shift."
    )


def _plainly(subject: PDE | StatedTask, outcome: Outcome, outcomes: Sequence[Outcome]) -> str:
    """What the retrain protocol of the same run does better and faster than the amortised one."""
    retrain = next((o for o in outcomes if o.protocol == "retrain"), None)
    if outcome.protocol != "amortised" or retrain is None or isinstance(subject, StatedTask):
        return ""
    linear = pointwise_residual(subject).is_linear()
    return closed_form_sentence(outcome.summary, retrain.summary, linear=linear)


def _learner(summary: DataFrame, learner: str, size: tuple[int, int] | None, several: bool) -> LearnerSection:
    mine = summary[summary["learner"] == learner]
    mine = mine if size is None else of_size(mine, size) if several else mine
    shifts, key = mine["shift"].unique().tolist(), ["method", *SIZE, "ceiling"]
    at = {(*(getattr(row, name) for name in key), row.shift): row for row in rows_of(mine)}
    names = sorted(rows_of(mine[key].drop_duplicates()), key=lambda row: (row.ceiling, row.method != DISTILLED))
    methods = [
        (
            f"{row.method} ({words.counts(row)})" if row.ceiling else row.method,
            row.ceiling,
            [at.get((*row, shift)) for shift in shifts],
        )
        for row in names
    ]
    best = {str(s): float(m) for s, m in mine[~mine["ceiling"]].groupby("shift")["mean"].min().items()}
    compared = list(rows_of(comparisons(mine)))
    on = f" on {words_of(compared[0].protocol).size_of(compared[0])}" if several and compared else ""
    return LearnerSection(f"Trained by {learner}{on}", compared, shifts, methods, best, component_means(summary))


def _training(summary: DataFrame) -> list[Any]:
    """Rows in distribution, fastest first, with ``fastest``: whether nothing else errs less in as little time.

    Of the baselines, the best ones and the fastest ones stand there.
    """
    inside = summary[(summary["shift"] == NO_SHIFT) & np.isfinite(summary["mean"])]
    ordered = inside.sort_values(["seconds", "mean"], kind="stable")
    marked = ordered.assign(fastest=ordered.index.isin(frontier(inside).index))
    told = marked["method"].isin([DISTILLED, *inside["baseline"]])
    return list(rows_of(marked[marked["fastest"] | marked["ceiling"] | told]))


def _data_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _settings(of: str, value: Any, *path: str) -> Iterator[Setting]:
    """One row per plain value, however deep it stands: ``sobol: weight`` of ``ridge, seed 0``."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _settings(of, inner, *path, str(name))
    else:
        yield Setting(of, ": ".join(path), _plain(value))


def _repeated(summary: DataFrame) -> list[str]:
    """Sentences on test conditions that are alike: the intervals know no more than those that differ."""
    rows = [row for row in rows_of(summary) if row.method == DISTILLED and words.repeats(row)]
    return [
        f"{_place(row).capitalize()}, trained by {row.learner}: the {row.conditions} {words_of(row.protocol).tested} give only "
        f"{words.repeats(row)}{words_of(row.protocol).alike}; the interval rests on no more than that."
        for row in rows
    ]


def _place(row: Any) -> str:
    return words.shift_name(row.shift, words_of(row.protocol).inside)


def _plain(value: Any) -> str:
    """A setting for people; several numbers are listed."""
    if isinstance(value, list | tuple):
        return ", ".join(_plain(v) for v in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
