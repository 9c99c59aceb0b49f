"""What distilling costs, and when it has paid for itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pandas import DataFrame

from pinndd.study.protocols import words_of
from pinndd.study.results import words
from pinndd.study.results.selection import has_size
from pinndd.study.results.table import DENSE, DISTILLED, NO_SHIFT, first_row, rows_of


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
        body_seconds: wall time of training the bodies that the set was distilled on, which counts as distilling.
        needed: points that the best other sets need for the same error; None where there are no others.
    """

    learner: str
    distill_seconds: float
    distilled: Any
    match: Any
    conditions: float | None
    who: str
    body_seconds: float = 0.0
    needed: PointsNeeded | None = None

    @property
    def sentence(self) -> str:
        """The account in words."""
        if self.match is None or self.conditions is None:
            return (
                f"With {self.who} no other method that was run reaches {words.mean(self.distilled)}, at any size: "
                f"how soon it pays in time is not known, in error it pays from the first {words_of(self.distilled.protocol).each}."
            )
        match, said = self.match, words_of(self.distilled.protocol)
        other = f"{match.method}, {_size(match)}"
        if said.total(match) <= said.total(self.distilled):
            return f"With {self.who} it does not pay: {other}, has at most the same error and needs no distilling."
        times = (
            f"the fastest other way to that error ({other}) takes {words.seconds(match.seconds)} of training per "
            f"{said.each} against {words.seconds(self.distilled.seconds)}"
        )
        if math.isinf(self.conditions):
            return (
                f"With {self.who} it never pays in time alone: {times}. It pays where {said.one}s cost more than time: "
                f"{said.saved}."
            )
        bodies = f" (training the bodies, {words.seconds(self.body_seconds)}, counts as distilling)" if self.body_seconds else ""
        return f"With {self.who} it has paid after {math.ceil(self.conditions)} {said.each}s{bodies}: {times}."


@dataclass(frozen=True)
class PointsNeeded:
    """What the error of a distilled set takes in points without distilling.

    Attributes:
        points: their number: between two sizes that were run; an upper bound where the smallest is good enough, and a lower bound
            where the largest is not.
        distilled: row of the distilled set.
        below: row of the largest size with a larger error (None: there is none).
        above: row of the smallest size with at most the error (None: there is none).
    """

    points: float
    distilled: Any
    below: Any
    above: Any

    @property
    def times(self) -> float:
        """The number over that of the distilled set."""
        return self.points / words_of(self.distilled.protocol).total(self.distilled)

    @property
    def sentence(self) -> str:
        """The number in words."""
        said, points = words_of(self.distilled.protocol), round(self.points)
        how = "more than " if self.above is None else "at most " if self.below is None else "about "
        times = f", {words.significant(self.times)} times as many" if self.times > 1 and self.below is not None else ""
        ends = [f"{row.method} with {row.total} has {words.mean(row)}" for row in (self.below, self.above) if row is not None]
        return (
            f"With {self.distilled.learner}, {words.mean(self.distilled)} takes {how}{points} {said.unit} without distilling"
            f"{times}: {words.listed(ends)}."
        )


def cost_of(
    summary: DataFrame,
    learner: str,
    distill_seconds: Sequence[float],
    size: tuple[int, int] | None = None,
    body_seconds: Sequence[float] = (),
) -> Cost | None:
    """Return the account for one learner, or None if it did not train on the distilled set.

    Args:
        summary: of one protocol, of all sizes that were run (with the curve, if there is one).
        learner: that trains on the set.
        distill_seconds: of every seed.
        size: interior and boundary points of the set, where several were studied (None: the first).
        body_seconds: of every body that the set was distilled on; all of them count as distilling, although whoever trains the same
            learner on other points needs one too.
    """
    mine = summary[(summary["learner"] == learner) & (summary["shift"] == NO_SHIFT)]
    sets = mine[mine["method"] == DISTILLED]
    distilled = first_row(sets if size is None else sets[has_size(sets, size)])
    if distilled is None or not distill_seconds:
        return None
    bodies = sum(body_seconds)
    total, needed = sum(distill_seconds) / len(distill_seconds), points_needed(mine, distilled)
    who = learner if size is None else f"{learner} on {words_of(distilled.protocol).size_of(distilled)}"
    reached = _reached(mine, distilled).sort_values(["seconds", "total"], kind="stable")
    match = first_row(reached) if math.isfinite(distilled.mean) else None
    if match is None:
        return Cost(learner, total, distilled, None, None, who, bodies, needed)
    saved = match.seconds - distilled.seconds
    return Cost(learner, total, distilled, match, (total + bodies) / saved if saved > 0 else math.inf, who, bodies, needed)


def points_needed(summary: DataFrame, distilled: Any) -> PointsNeeded | None:
    """Return how many points the best sets that nobody distilled need for the error of ``distilled``, same learner and shift.

    Of every size that was run the best method counts, the dense set among them, and no other ceiling. Between two sizes the error
    is taken to be a power of the number of points.

    Args:
        summary: of one protocol, of all sizes that were run.
        distilled: a row of it.

    Returns:
        None where the error is not finite, or no other set was run.
    """
    others = summary[
        (summary["learner"] == distilled.learner)
        & (summary["shift"] == distilled.shift)
        & (summary["method"] != DISTILLED)
        & (~summary["ceiling"].astype(bool) | (summary["method"] == DENSE))
        & np.isfinite(summary["mean"])
    ]
    if others.empty or not math.isfinite(distilled.mean):
        return None
    said = words_of(distilled.protocol)
    sized = others.assign(total=others[list(said.counted)].sum(axis=1)).sort_values(["total", "mean"], kind="stable")
    best = sized.drop_duplicates("total")
    below = None
    for row in rows_of(best):
        if row.mean <= distilled.mean:
            return PointsNeeded(_between(below, row, distilled.mean), distilled, below, row)
        below = row
    return PointsNeeded(float(said.total(below)), distilled, below, None)


def _between(below: Any, above: Any, error: float) -> float:
    """The number of points at which a power law through two rows has an error; that of ``above`` where there is no law."""
    if below is None or above.mean <= 0:
        return float(above.total)
    share = math.log(below.mean / error) / math.log(below.mean / above.mean)
    return float(below.total * (above.total / below.total) ** share)


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
        f"{words.mean(own)}. DeepXDE's own Model {said}: on {best.method} with {_size(best)} it trains for "
        f"{words.seconds(best.seconds)} and ends at {words.mean(best)}."
    )


def _reached(rows: DataFrame, distilled: Any) -> DataFrame:
    """The other methods with at most the same error, and the ``total`` of their points."""
    counted = list(words_of(distilled.protocol).counted)
    reached: DataFrame = rows[(rows["method"] != DISTILLED) & (rows["mean"] <= distilled.mean)]
    return reached.assign(total=reached[counted].sum(axis=1))


def _size(row: Any) -> str:
    said = words_of(row.protocol)
    return f"{' + '.join(str(getattr(row, name)) for name in said.counted)} {said.unit}"
