"""Draw all pictures of a study into a folder, with a caption each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.models.solved_conditions import CONDITIONS
from pinndd.pinn.sets.collocation import INTERIOR
from pinndd.study.outcome import DISTILLED, NO_SHIFT, FieldExample, Outcome
from pinndd.study.plots.conditions import draw_conditions, drawn_conditions
from pinndd.study.plots.curve import draw_curve, shifts_with_sizes
from pinndd.study.plots.errors import draw_errors, one_set_each
from pinndd.study.plots.fields import draw_fields
from pinndd.study.plots.history import draw_history
from pinndd.study.plots.pareto import draw_pareto
from pinndd.study.plots.points import draw_points
from pinndd.study.plots.style import house_style, save_figure
from pinndd.study.plots.transfer import draw_transfer, transfer_cells
from pinndd.study.summary import summarise


@dataclass(frozen=True)
class Picture:
    """A picture on disk.

    Attributes:
        protocol: which protocol it belongs to.
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


def draw_gallery(pde: PDE, outcomes: Sequence[Outcome], folder: Path) -> list[Picture]:
    """Draw every picture that makes sense for the outcomes; file names begin with the protocol.

    Args:
        pde: the PDE of the study.
        outcomes: one a protocol.
        folder: where the PNGs go.
    """
    pictures: list[Picture] = []
    with house_style():
        for outcome in outcomes:
            for kind, name, caption, draw in _drawings(pde, outcome):
                path = folder / f"{outcome.protocol}-{name}.png"
                save_figure(draw(), path)
                pictures.append(Picture(outcome.protocol, kind, path, caption))
    return pictures


def own_learner(outcome: Outcome) -> str:
    """Learner that the sets were distilled with; where it did not judge, the first that did."""
    judged = list(dict.fromkeys(r.learner for r in outcome.results))
    return next(
        (r.distilled_with for r in outcome.results if r.method == DISTILLED and r.distilled_with in judged), judged[0]
    )


def _drawings(pde: PDE, outcome: Outcome) -> Iterator[Drawing]:
    rows = summarise(outcome.results)
    if outcome.data and _has_points(pde, outcome.data[0]):
        yield _points(pde, outcome)
    if outcome.data and CONDITIONS in outcome.data[0] and drawn_conditions(pde):
        yield _conditions(pde, outcome)
    if rows:
        yield (
            "errors",
            "errors",
            "Mean relative L2 error of every method under every shift, with its 95 % interval over seeds and boundary "
            "conditions. Hollow black markers see more data than the others and stand outside the comparison.",
            lambda: draw_errors(rows),
        )
        yield (
            "pareto",
            "pareto",
            "Error in distribution against the wall time of one training. Distilling itself is not in these "
            "seconds: its cost "
            "stands above.",
            lambda: draw_pareto(rows),
        )
    yield from _curve(outcome)
    if len({r.learner for r in rows}) > 1 and transfer_cells(rows, worst_shift=False):
        yield (
            "transfer",
            "transfer",
            "A set distilled with one learner (rows), trained with another (columns): how many times smaller the "
            "error is than "
            "that of the best tuned baseline of the same learner. Below 1 the baseline is better.",
            lambda: draw_transfer(rows),
        )
    if any(len(history) > 1 for history in outcome.histories):
        yield (
            "history",
            "history",
            "Risk on held-out boundary conditions along the outer loop, a line a seed; dots are the risk of the "
            "batches that "
            "the loop was trained on.",
            lambda: draw_history(outcome.histories),
        )
    for example in outcome.examples:
        yield _fields(pde, example)


def _has_points(pde: PDE, data: SyntheticData) -> bool:
    return INTERIOR in data and all(c.name in data for c in pde.valued)


def _points(pde: PDE, outcome: Outcome) -> Drawing:
    example = next((e for e in outcome.examples if e.shift == NO_SHIFT), next(iter(outcome.examples), None))
    baseline = outcome.baseline_data
    if baseline is not None and not _has_points(pde, baseline):
        baseline = None
    caption = (
        f"The distilled points of the first seed and those of {outcome.best_baseline}, the best tuned baseline; "
        "markers on the "
        "edges are the points of each condition. The solution of one unseen condition stands behind them."
    )
    return "points", "points", caption, lambda: draw_points(pde, outcome.data[0], baseline, outcome.best_baseline, example)


def _conditions(pde: PDE, outcome: Outcome) -> Drawing:
    known = outcome.baseline_data is not None and CONDITIONS in outcome.baseline_data
    baseline = outcome.baseline_data[CONDITIONS] if known and outcome.baseline_data is not None else None
    caption = (
        f"The distilled boundary conditions of the first seed and those of {outcome.best_baseline}, the best tuned "
        "baseline: the functions that are handed to the solver."
    )
    chosen = outcome.data[0][CONDITIONS]
    return "points", "conditions", caption, lambda: draw_conditions(pde, chosen, baseline, outcome.best_baseline)


def _curve(outcome: Outcome) -> Iterator[Drawing]:
    if not outcome.curve:
        return
    learner = own_learner(outcome)
    rows = one_set_each(summarise(r for r in (*outcome.results, *outcome.curve) if r.learner == learner))
    caption = (
        f"Mean error against size, trained by {learner}; the band is the 95 % interval of the distilled set. Dotted lines "
        "see more data."
    )
    if shifts_with_sizes(rows):
        yield "curve", "curve", caption, lambda: draw_curve(rows, outcome.protocol)


def _fields(pde: PDE, example: FieldExample) -> Drawing:
    where = "in distribution" if example.shift == NO_SHIFT else f"of the shift {example.shift}"
    caption = f"One unseen boundary condition {where}: solution and predictions share a colour scale, and so do the errors."
    return "fields", f"fields-{example.shift}", caption, lambda: draw_fields(pde, example)
