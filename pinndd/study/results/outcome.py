"""What a protocol of a study returns: results of trained models, the distilled sets, and what the figures need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.study.results.table import RELATIVE_L2, as_table

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class FieldExample:
    """Solution and predictions of one boundary condition on a grid, for a picture.

    Attributes:
        shift: family of the boundary condition.
        truth: ``(n, m)`` over the first coordinate (rows) and the second (columns), or ``(n,)`` where there is but one; for
            a PDE of several outputs ``(n, m, outputs)``. NaN outside the domain.
        predictions: method name to a field like the truth: the distilled set, and the best baseline under this shift.
        at: the coordinates that are held fixed, where there are more than two.
        why: why this condition is shown, a clause for the caption.
        rest: a field like the truth, of which errors are relative to the deviation (None: zero).
    """

    shift: str
    truth: Tensor
    predictions: Mapping[str, Tensor]
    at: Mapping[str, float] = field(default_factory=dict)
    why: str = ""
    rest: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """Everything that one protocol of a study found.

    Attributes:
        protocol: ``retrain``, ``amortised``, ``solved`` or ``sensors``.
        results: a table of results (see `pinndd.study.results.table.COLUMNS`), at the sizes studied.
        data: the distilled set of every seed; the first is the one that is saved as ``data.npz``. Of every size in turn,
            where several were studied.
        best_baseline: name of the best baseline in distribution: the lowest mean over the test conditions among the methods
            of equal size that are no ceilings. Empty where none was run.
        baseline_data: its data set (None: it has no fixed one).
        histories: outer-loop history of every seed (see `pinndd.outer_loop.Distillation`).
        distill_seconds: wall time of distilling, one number per seed.
        examples: fields for pictures, one per shift.
        curve: as ``results``, for other numbers of points (error against size).
        settings: what was tuned and to which value (weights of the baselines, feature scale), for the report.
        notes: sentences for the report: what the numbers mean, what fell short.
        distance: name of the distance in which errors are measured.
        body_seconds: wall time of training every body that the sets were distilled on and that judges them; none for learners
            without bodies.
        measured: what the distance is taken of, a sentence or two; empty where it is u itself.
    """

    protocol: str
    results: DataFrame
    data: Sequence[SyntheticData]
    best_baseline: str
    baseline_data: SyntheticData | None
    histories: Sequence[Sequence[Mapping[str, float]]]
    distill_seconds: Sequence[float]
    examples: Sequence[FieldExample]
    curve: DataFrame = field(default_factory=lambda: as_table(()))
    settings: Mapping[str, object] = field(default_factory=dict)
    notes: Sequence[str] = ()
    distance: str = RELATIVE_L2
    measured: str = ""
    body_seconds: Sequence[float] = ()

    @cached_property
    def summary(self) -> DataFrame:
        """The results by learner, shift, method and size (see `pinndd.study.results.summary.summarise`), computed once."""
        from pinndd.study.results.summary import summarise

        return summarise(self.results, self.distance)
