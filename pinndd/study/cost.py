"""What distilling costs, and when it has paid for itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pinndd.study import words
from pinndd.study.outcome import DISTILLED, NO_SHIFT
from pinndd.study.summary import SummaryRow


@dataclass(frozen=True)
class Cost:
    """The account of a distilled set with one learner, in distribution.

    Attributes:
        learner: that trains on the set.
        distill_seconds: mean wall time of distilling.
        distilled: its row.
        match: the fastest other method, of any size, with at most the same error; None if none that was run reaches it.
        conditions: number of boundary conditions after which distilling has paid in time; infinite where it never does in
            time alone, None where nothing that was run matches the error.
    """

    learner: str
    distill_seconds: float
    distilled: SummaryRow
    match: SummaryRow | None
    conditions: float | None

    @property
    def sentence(self) -> str:
        """The account in words."""
        if self.match is None or self.conditions is None:
            return (
                f"With {self.learner} no other method that was run reaches {words.percent(self.distilled.mean)}, "
                "at any size: "
                "how soon it pays in time is not known, in error it pays from the first boundary condition."
            )
        match, other = self.match, f"{self.match.method}, {self.match.points} + {self.match.boundary_points} points"
        if _size(match) <= _size(self.distilled):
            return f"With {self.learner} it does not pay: {other}, has at most the same error and needs no distilling."
        times = f"the fastest other way to that error ({other}) takes {words.seconds(match.seconds)} a training"
        times += f" against {words.seconds(self.distilled.seconds)}"
        if math.isinf(self.conditions):
            return (
                f"With {self.learner} it never pays in time alone: {times}. It pays where points cost more than "
                "time: measured "
                "boundary values, solver runs, a set that many share."
            )
        return f"With {self.learner} it has paid after {math.ceil(self.conditions)} boundary conditions: {times}."


def cost_of(rows: Sequence[SummaryRow], learner: str, distill_seconds: Sequence[float]) -> Cost | None:
    """Return the account for one learner, or None if it did not train on the distilled set.

    Args:
        rows: of one protocol, of all sizes that were run (with the curve, if there is one).
        learner: that trains on the set.
        distill_seconds: of every seed.
    """
    mine = [r for r in rows if r.learner == learner and r.shift == NO_SHIFT]
    distilled = next((r for r in mine if r.method == DISTILLED), None)
    if distilled is None or not distill_seconds:
        return None
    total = sum(distill_seconds) / len(distill_seconds)
    matches = [r for r in mine if r.method != DISTILLED and r.mean <= distilled.mean]
    if not matches or not math.isfinite(distilled.mean):
        return Cost(learner, total, distilled, None, None)
    match = min(matches, key=lambda r: (r.seconds, _size(r)))
    saved = match.seconds - distilled.seconds
    return Cost(learner, total, distilled, match, total / saved if saved > 0 else math.inf)


def worth_in_points(rows: Sequence[SummaryRow], distilled: SummaryRow) -> SummaryRow | None:
    """Return the smallest other set with at most the error of ``distilled``, under the same shift and learner."""
    matches = [
        r
        for r in rows
        if (r.learner, r.shift) == (distilled.learner, distilled.shift)
        and r.method != DISTILLED
        and r.mean <= distilled.mean
    ]
    return min(matches, key=_size, default=None)


def judge_sentence(rows: Sequence[SummaryRow], learner: str, judge: str = "deepxde") -> str:
    """Say how long the independent judge trains, and whether it reaches the error of the distilled set with its own learner.

    Args:
        rows: of one protocol.
        learner: that the set was distilled with.
        judge: its name among the learners.
    """
    own = next((r for r in rows if (r.learner, r.method, r.shift) == (learner, DISTILLED, NO_SHIFT)), None)
    judged = [r for r in rows if r.learner == judge and r.shift == NO_SHIFT and math.isfinite(r.mean)]
    if own is None or not judged or learner == judge:
        return ""
    reached = [r for r in judged if r.mean <= own.mean]
    best = min(reached, key=lambda r: r.seconds) if reached else min(judged, key=lambda r: r.mean)
    outcome = "reaches that error" if reached else "does not reach that error"
    return (
        f"A new boundary condition takes {words.seconds(own.seconds)} with {learner} on the distilled set, for an error of "
        f"{words.percent(own.mean)}. DeepXDE's own Model {outcome}: on {best.method} with {best.points} + "
        f"{best.boundary_points} "
        f"points it trains for {words.seconds(best.seconds)} and ends at {words.percent(best.mean)}."
    )


def _size(row: SummaryRow) -> int:
    return row.points + row.boundary_points
