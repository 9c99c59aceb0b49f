"""What distilling costs, and when it has paid for itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pandas import DataFrame

from pinndd.study.protocols import protocol_named
from pinndd.study.results import words
from pinndd.study.results.selection import has_size
from pinndd.study.results.table import DISTILLED, NO_SHIFT, first_row


@dataclass(frozen=True)
class Cost:
    """The account of a distilled set with one learner, in distribution.

    Attributes:
        learner: that trains on the set.
        distill_seconds: mean wall time of distilling.
        distilled: its row of the summary.
        match: the row of the fastest other method, of any size, with at most the same error; None if none that was run
            reaches it.
        conditions: number of boundary conditions after which distilling has paid in time; infinite where it never does in
            time alone, None where nothing that was run matches the error.
        who: the learner, and the size of the set where several were studied.
    """

    learner: str
    distill_seconds: float
    distilled: Any
    match: Any
    conditions: float | None
    who: str

    @property
    def sentence(self) -> str:
        """The account in words."""
        if self.match is None or self.conditions is None:
            return (
                f"With {self.who} no other method that was run reaches {words.percent(self.distilled.mean)}, at any size: "
                "how soon it pays in time is not known, in error it pays from the first boundary condition."
            )
        match, said = self.match, protocol_named(self.distilled.protocol).words
        other = f"{match.method}, {_size(match)}"
        if said.total(match) <= said.total(self.distilled):
            return f"With {self.who} it does not pay: {other}, has at most the same error and needs no distilling."
        times = (
            f"the fastest other way to that error ({other}) takes {words.seconds(match.seconds)} of training per boundary "
            f"condition against {words.seconds(self.distilled.seconds)}"
        )
        if math.isinf(self.conditions):
            return (
                f"With {self.who} it never pays in time alone: {times}. It pays where points cost more than time: measured "
                "boundary values, solver runs, a set that many share."
            )
        return f"With {self.who} it has paid after {math.ceil(self.conditions)} boundary conditions: {times}."


def cost_of(
    summary: DataFrame, learner: str, distill_seconds: Sequence[float], size: tuple[int, int] | None = None
) -> Cost | None:
    """Return the account for one learner, or None if it did not train on the distilled set.

    Args:
        summary: of one protocol, of all sizes that were run (with the curve, if there is one).
        learner: that trains on the set.
        distill_seconds: of every seed.
        size: interior and boundary points of the set, where several were studied (None: the first).
    """
    mine = summary[(summary["learner"] == learner) & (summary["shift"] == NO_SHIFT)]
    sets = mine[mine["method"] == DISTILLED]
    distilled = first_row(sets if size is None else sets[has_size(sets, size)])
    if distilled is None or not distill_seconds:
        return None
    total = sum(distill_seconds) / len(distill_seconds)
    who = learner if size is None else f"{learner} on {protocol_named(distilled.protocol).words.size_of(distilled)}"
    reached = _reached(mine, distilled).sort_values(["seconds", "total"], kind="stable")
    match = first_row(reached) if math.isfinite(distilled.mean) else None
    if match is None:
        return Cost(learner, total, distilled, None, None, who)
    saved = match.seconds - distilled.seconds
    return Cost(learner, total, distilled, match, total / saved if saved > 0 else math.inf, who)


def worth_in_points(summary: DataFrame, distilled: Any) -> Any:
    """Return the row of the smallest other set with at most the error of ``distilled``, under the same shift and learner.

    Args:
        summary: of one protocol, of all sizes that were run.
        distilled: a row of it.

    Returns:
        A row of the summary, or None.
    """
    same = summary[(summary["learner"] == distilled.learner) & (summary["shift"] == distilled.shift)]
    return first_row(_reached(same, distilled).sort_values("total", kind="stable"))


def judge_sentence(summary: DataFrame, learner: str, judge: str = "deepxde") -> str:
    """Say how long the independent judge trains, and whether it reaches the error of the distilled set with its own learner.

    Args:
        summary: of one protocol.
        learner: that the set was distilled with.
        judge: its name among the learners.
    """
    inside = summary[summary["shift"] == NO_SHIFT]
    own = first_row(inside[(inside["learner"] == learner) & (inside["method"] == DISTILLED)])
    judged = inside[(inside["learner"] == judge) & np.isfinite(inside["mean"])]
    if own is None or judged.empty or learner == judge:
        return ""
    reached = judged[judged["mean"] <= own.mean]
    said = "does not reach that error" if reached.empty else "reaches that error"
    chosen = judged.sort_values("mean", kind="stable") if reached.empty else reached.sort_values("seconds", kind="stable")
    best = first_row(chosen)
    return (
        f"A new boundary condition takes {words.seconds(own.seconds)} with {learner} on the distilled set, for an error of "
        f"{words.percent(own.mean)}. DeepXDE's own Model {said}: on {best.method} with {_size(best)} it trains for "
        f"{words.seconds(best.seconds)} and ends at {words.percent(best.mean)}."
    )


def _reached(rows: DataFrame, distilled: Any) -> DataFrame:
    """The other methods with at most the same error, and the ``total`` of their points."""
    counted = list(protocol_named(distilled.protocol).words.counted)
    reached: DataFrame = rows[(rows["method"] != DISTILLED) & (rows["mean"] <= distilled.mean)]
    return reached.assign(total=reached[counted].sum(axis=1))


def _size(row: Any) -> str:
    said = protocol_named(row.protocol).words
    return f"{' + '.join(str(getattr(row, name)) for name in said.counted)} {said.unit}"
