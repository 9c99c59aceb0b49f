"""Draw all pictures of a study into a folder, with a caption each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas
from matplotlib.figure import Figure
from pandas import DataFrame

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.models.solved_conditions import CONDITIONS
from pinndd.pinn.sets.collocation import INTERIOR
from pinndd.stated.parts import INPUTS, Pictures
from pinndd.stated.task import StatedTask
from pinndd.study.plots.conditions import draw_conditions, drawn_conditions
from pinndd.study.plots.curve import draw_curve
from pinndd.study.plots.errors import draw_errors
from pinndd.study.plots.fields import draw_fields
from pinndd.study.plots.history import FEW_LOOKS, draw_history, looks_at
from pinndd.study.plots.images import image_grid
from pinndd.study.plots.pareto import draw_pareto
from pinndd.study.plots.points import draw_points
from pinndd.study.plots.run_pareto import beaten_in_words, draw_run_pareto, run_points
from pinndd.study.plots.sensors import draw_placement, measured_conditions
from pinndd.study.plots.style import house_style, save_figure
from pinndd.study.plots.transfer import draw_transfer
from pinndd.study.protocols import protocol_named, words_of
from pinndd.study.protocols.parts import distance_name
from pinndd.study.results.outcome import FieldExample, Outcome
from pinndd.study.results.selection import (
    of_size,
    one_set_each,
    own_learner,
    shifts_with_sizes,
    sizes_studied,
    transfer_cells,
)
from pinndd.study.results.standing import Standing, standing
from pinndd.study.results.summary import summarise
from pinndd.study.results.table import DISTILLED, NO_SHIFT
from pinndd.study.results.words import error_name


@dataclass(frozen=True)
class Picture:
    """A picture on disk.

    Attributes:
        protocol: which protocol it belongs to; empty for one of the whole run.
        kind: ``points``, ``errors``, ``curve``, ``pareto``, ``transfer``, ``history`` or ``fields``.
        path: of the PNG.
        caption: what to see, in a sentence or two.
    """

    protocol: str
    kind: str
    path: Path
    caption: str


Drawing = tuple[str, str, str, Callable[[], Figure]]
"""kind, file name without protocol, caption, and how it is drawn."""


def draw_gallery(subject: PDE | StatedTask, outcomes: Sequence[Outcome], folder: Path) -> list[Picture]:
    """Draw every picture that makes sense for the outcomes; file names begin with the protocol.

    Args:
        subject: the PDE or the task of the study.
        outcomes: one per protocol.
        folder: where the PNGs go.
    """
    pictures: list[Picture] = []
    with house_style():
        for outcome in outcomes:
            for kind, name, caption, draw in _drawings(subject, outcome):
                path = folder / f"{outcome.protocol}-{name}.png"
                save_figure(draw(), path)
                pictures.append(Picture(outcome.protocol, kind, path, caption))
    return pictures


def draw_together(outcomes: Sequence[Outcome], folder: Path) -> list[Picture]:
    """Draw what all protocols of a run have in common: error against seconds; nothing where there are fewer than two of them.

    Args:
        outcomes: one per protocol.
        folder: where the PNG goes, as ``pareto.png``.
    """
    measured = [outcome for outcome in outcomes if len(outcome.results)]
    if len(measured) < 2:
        return []
    points = run_points([outcome.summary for outcome in measured])
    if points.empty:
        return []
    caption = (
        "All protocols and learners of this run together: error in distribution against the wall time of training per new boundary "
        "condition; a training that serves all conditions is divided by their number. Distilling is not in it, and a protocol may "
        f"know less than another. {beaten_in_words(points)}"
    ).rstrip()
    path = folder / "pareto.png"
    with house_style():
        save_figure(draw_run_pareto(points, measured[0].distance), path)
    return [Picture("", "pareto", path, caption)]


def _drawings(subject: PDE | StatedTask, outcome: Outcome) -> Iterator[Drawing]:
    summary = outcome.summary
    sizes, learner = sizes_studied(summary), own_learner(summary)
    own = one_set_each(summary[summary["learner"] == learner])
    tables = [of_size(own, size) for size in sizes] or [own]
    if isinstance(subject, PDE):
        yield from _of_pde(subject, outcome, own, tables[0])
    elif outcome.data and subject.data.pictures is not None:
        yield from _images(subject.data.pictures, outcome, tables[0])
    if len(summary):
        yield from _tables(outcome, summary, sizes)
    yield from _curve(outcome, learner)
    if summary["learner"].nunique() > 1 and len(transfer_cells(summary, worst_shift=False)):
        caption = (
            "A set distilled with one learner (rows), trained with another (columns): how many times smaller the error is than "
            "that of the best baseline of the same learner under the same shift. Below 1 the baseline is better."
        )
        yield "transfer", "transfer", caption, lambda: draw_transfer(summary, words_of(outcome.protocol))
    if any(len(history) > 1 for history in outcome.histories):
        caption = f"{_followed(subject, outcome)}{_settled(outcome.histories)}"
        yield "history", "history", caption, partial(draw_history, *_minimised(subject, outcome))
    if isinstance(subject, PDE):
        for example in outcome.examples:
            yield _fields(subject, example, tables[0])


def _matches(subject: PDE | StatedTask) -> bool:
    """Whether the outer loop lowers a criterion that matches all data, whose values are no risks."""
    return isinstance(subject, StatedTask) and hasattr(subject.hypergradient, "full")


def _followed(subject: PDE | StatedTask, outcome: Outcome) -> str:
    """The beginning of a caption: what is drawn along the outer loop."""
    asked, batches = words_of(outcome.protocol).asked, "the risk of the batches that the loop was trained on"
    if isinstance(subject, StatedTask) and subject.judge is not None:
        lowered = "" if _matches(subject) else f"; on the left {batches}, where another learner stands in for it"
        return f"Error of the learner on held-out {asked} along the outer loop, one line per seed{lowered}."
    dots = "" if _matches(subject) else f"; dots are {batches}"
    return f"Risk on held-out {asked} along the outer loop, one line per seed{dots}."


def _minimised(subject: PDE | StatedTask, outcome: Outcome) -> tuple[Sequence[Sequence[Mapping[str, float]]], str, str]:
    """Return the histories of the outer loops, the distance of their risks, which is not that of a task's tables, and the judge's."""
    if isinstance(subject, PDE):
        return outcome.histories, outcome.distance, ""
    histories = outcome.histories
    if _matches(subject):
        histories = [[{name: value for name, value in row.items() if name != "risk"} for row in history] for history in histories]
    return histories, distance_name(subject.distance), "" if subject.judge is None else distance_name(subject.measure)


def _of_pde(pde: PDE, outcome: Outcome, own: DataFrame, table: DataFrame) -> Iterator[Drawing]:
    """Where the points of a set lie, or the conditions that it consists of."""
    if outcome.data and protocol_named(outcome.protocol).placed:
        yield from _placements(pde, outcome, own)
    elif outcome.data and _has_points(pde, outcome.data[0]):
        yield _points(pde, outcome, table)
    if outcome.data and CONDITIONS in outcome.data[0] and drawn_conditions(pde):
        yield _conditions(pde, outcome, table)


def _images(pictures: Pictures, outcome: Outcome, table: DataFrame) -> Iterator[Drawing]:
    """The distilled images of the first seed, and those of the best baseline."""
    if outcome.data[0][INPUTS].shape[1] not in (1, 3):
        return
    said = words_of(outcome.protocol)
    found = standing(table, NO_SHIFT, outcome.best_baseline, said.inside, said.tested)
    beside = outcome.baseline_data
    caption = f"The distilled images of the first seed by class.{_beside(outcome, found, beside is not None)}"
    yield "points", "images", caption, partial(image_grid, outcome.data[0], pictures)
    if beside is not None:
        caption = f"For comparison: the images of {found.beside}, as many."
        title = f"{outcome.best_baseline}: {len(beside[INPUTS])} images by class"
        yield "points", "images-baseline", caption, partial(image_grid, beside, pictures, title=title)


def _tables(outcome: Outcome, summary: DataFrame, sizes: Sequence[tuple[int, int]]) -> Iterator[Drawing]:
    """Errors, one picture per size, and errors against seconds."""
    for size in sizes or (None,):
        mine = summary if size is None or len(sizes) == 1 else of_size(summary, size)
        said = words_of(outcome.protocol)
        name, on = "errors", ""
        if len(sizes) > 1 and size is not None:
            row = mine[mine["method"] == DISTILLED].iloc[0]
            name, on = f"errors-{said.total(row)}", f", at {said.total(row)} {said.unit}"
        caption = (
            f"Mean {error_name(outcome.distance)} of every method under every shift{on}, with its 95 % interval over seeds and "
            f"{said.asked}. Hollow markers see more data than the others and stand outside the comparison."
        )
        yield "errors", name, caption, partial(draw_errors, mine, said, outcome.distance)
    said = words_of(outcome.protocol)
    caption = f"Error {said.inside} against seconds: {said.seconds}. Distilling is not in them: its cost stands above."
    yield "pareto", "pareto", caption, lambda: draw_pareto(summary, said, distance=outcome.distance)


def _settled(histories: Sequence[Sequence[Mapping[str, float]]]) -> str:
    looks = looks_at(histories)
    few = f" With {looks} looks at the validation risk, whether it has settled cannot be seen."
    return few if looks < FEW_LOOKS else " Every line should end low and flat."


def _has_points(pde: PDE, data: SyntheticData) -> bool:
    return INTERIOR in data and all(c.name in data for c in pde.valued)


def _beside(outcome: Outcome, found: Standing, drawn: bool) -> str:
    """The end of a caption: which baseline is drawn beside the distilled set, or why none is."""
    if drawn:
        shown = f" Beside them: {found.beside}."
    elif found.shown and outcome.baseline_data is None:
        shown = f" They stand alone: no fixed set belongs to {found.beside}."
    else:
        shown = f" They stand alone: there is no set of {found.beside} to draw here." if found.shown else ""
    return f"{shown} {found.sentence}".rstrip()


def _points(pde: PDE, outcome: Outcome, table: DataFrame) -> Drawing:
    example = next((e for e in outcome.examples if e.shift == NO_SHIFT), next(iter(outcome.examples), None))
    baseline = outcome.baseline_data
    if baseline is not None and not _has_points(pde, baseline):
        baseline = None
    found = standing(table, NO_SHIFT, outcome.best_baseline)
    caption = (
        "The distilled points of the first seed; markers on the edges are the points of each condition"
        f"{_behind(example)}. A marker beneath another one is larger; where points of one kind coincide, their number stands "
        f"there.{_beside(outcome, found, baseline is not None)}"
    )
    return "points", "points", caption, lambda: draw_points(pde, outcome.data[0], baseline, found, example)


def _behind(example: FieldExample | None) -> str:
    if example is None:
        return ""
    return f", and the solution of one unseen condition stands behind them{f' ({example.why})' if example.why else ''}"


def _conditions(pde: PDE, outcome: Outcome, table: DataFrame) -> Drawing:
    known = outcome.baseline_data is not None and CONDITIONS in outcome.baseline_data
    baseline = outcome.baseline_data[CONDITIONS] if known and outcome.baseline_data is not None else None
    found = standing(table, NO_SHIFT, outcome.best_baseline)
    caption = (
        "The distilled boundary conditions of the first seed: the functions that are handed to the solver."
        f"{_beside(outcome, found, known)}"
    )
    chosen = outcome.data[0][CONDITIONS]
    return "points", "conditions", caption, lambda: draw_conditions(pde, chosen, baseline, found)


def _placements(pde: PDE, outcome: Outcome, own: DataFrame) -> Iterator[Drawing]:
    """One picture per number of sensors, of the first seed; the baseline is there at the number it has."""

    def count(data: SyntheticData) -> int:
        return sum(data[name].shape[0] for name in measured_conditions(pde, data))

    first: dict[int, SyntheticData] = {}
    for data in outcome.data:
        first.setdefault(count(data), data)
    for sensors, data in first.items():
        measured, baseline = measured_conditions(pde, data), outcome.baseline_data
        if baseline is not None and sum(baseline[name].shape[0] for name in measured) != sensors:
            baseline = None
        found = standing(own[own["boundary_points"] == sensors], NO_SHIFT, outcome.best_baseline if baseline else "")
        caption = f"Where the {sensors} sensors of the first seed stand.{_beside(outcome, found, baseline is not None)}"
        draw = partial(draw_placement, pde, measured, data, baseline, found)
        yield "points", f"placement-{sensors}", caption, draw


def _curve(outcome: Outcome, learner: str) -> Iterator[Drawing]:
    results = pandas.concat([outcome.results, outcome.curve]) if len(outcome.curve) else outcome.results
    own, said = results[results["learner"] == learner], words_of(outcome.protocol)
    if len(sizes_studied(own)) < 2:
        return
    summary = one_set_each(summarise(own, outcome.distance))
    if shifts_with_sizes(summary, said.size_column):
        caption = (
            f"Mean error against size, trained by {learner}; bands are 95 % intervals. Dotted lines see more data and stand "
            "outside the comparison."
        )
        yield "curve", "curve", caption, lambda: draw_curve(summary, said, outcome.distance)


def _fields(pde: PDE, example: FieldExample, table: DataFrame) -> Drawing:
    where = "in distribution" if example.shift == NO_SHIFT else f"of the shift {example.shift}"
    shown = next((name for name in example.predictions if name != DISTILLED), "")
    found = standing(table, example.shift, shown)
    why = f", {example.why}" if example.why else ""
    beside = f" Beside the distilled set: {found.beside}." if shown else ""
    caption = (
        f"One unseen boundary condition {where}{why}: solution and predictions share a colour scale, and so do the errors."
        f"{beside} {found.sentence}".rstrip()
    )
    return "fields", f"fields-{example.shift}", caption, lambda: draw_fields(pde, example, found)
