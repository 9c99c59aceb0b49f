"""The result of a protocol in plain words: how much better, when to use the distilled set, and when not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pinndd.study import words
from pinndd.study.cost import worth_in_points
from pinndd.study.outcome import DISTILLED, NO_SHIFT
from pinndd.study.summary import SummaryRow, best_baseline


@dataclass(frozen=True)
class Verdict:
    """What a protocol's numbers say.

    Attributes:
        headline: one or two sentences with the ratio and its interval.
        use: when the distilled set is the right choice, a sentence each.
        avoid: when it is not.
    """

    headline: str
    use: tuple[str, ...]
    avoid: tuple[str, ...]


def verdict(rows: Sequence[SummaryRow], learner: str, all_sizes: Sequence[SummaryRow]) -> Verdict:
    """Say in words what the summary of one protocol says.

    Args:
        rows: of one protocol at the size studied, one distilled set a learner and shift.
        learner: the one that the set was distilled with.
        all_sizes: the same with other sizes, where they were run.
    """
    distilled = [r for r in rows if r.method == DISTILLED]
    own = [r for r in distilled if r.learner == learner]
    inside = next((r for r in own if r.shift == NO_SHIFT), None)
    if inside is None:
        return Verdict("There is no distilled set to judge in distribution.", (), ())
    headline = " ".join(filter(None, (_inside(inside, rows), _outside([r for r in own if r.shift != NO_SHIFT]))))
    use = [*_wins(distilled), *_worth(inside, all_sizes)]
    return Verdict(headline, tuple(use), (*_losses(distilled), *_ceilings(inside, rows)))


def _inside(row: SummaryRow, rows: Sequence[SummaryRow]) -> str:
    text = f"Trained by {row.learner} on {_size(row)}, the error on unseen boundary conditions is {words.percent(row.mean)}"
    rival = best_baseline(rows, row)
    if rival is None:
        return text + "; no baseline of that size was run."
    other = f"the best tuned baseline ({rival.method}, {words.percent(rival.mean)})"
    if row.ratio is not None and row.ratio >= 1:
        return text + f": {words.ratio(row)} times smaller than with {other}."
    return text + f", larger than with {other}: the ratio is {words.ratio(row)}."


def _outside(rows: Sequence[SummaryRow]) -> str:
    ratios = [r for r in rows if r.ratio is not None]
    if not ratios:
        return ""
    ordered = sorted(ratios, key=lambda r: r.ratio or 0.0)
    text = f"Under the shifts the ratio runs from {words.ratio(ordered[0])} ({ordered[0].shift})"
    if len(ordered) > 1:
        text += f" to {words.ratio(ordered[-1])} ({ordered[-1].shift})"
    else:
        text = f"Under the shift {ordered[0].shift} the ratio is {words.ratio(ordered[0])}"
    return text + "."


def _size(row: SummaryRow) -> str:
    if row.protocol == "solved":
        return f"{row.points} distilled and solved conditions"
    if row.protocol == "amortised":
        return f"{row.points} interior and {row.boundary_points} boundary distilled tuples"
    return f"{row.points} interior and {row.boundary_points} boundary distilled points"


def _by_learner(rows: Sequence[SummaryRow], wins: bool) -> dict[str, list[SummaryRow]]:
    found: dict[str, list[SummaryRow]] = {}
    for r in rows:
        if r.wins is wins:
            found.setdefault(r.learner, []).append(r)
    return found


def _wins(rows: Sequence[SummaryRow]) -> list[str]:
    return [
        f"You train with {learner}: the distilled set wins {_where(won)}, by "
        f"{words.significant(min(r.ratio or 0 for r in won))} "
        f"times or more."
        for learner, won in _by_learner(rows, True).items()
    ]


def _losses(rows: Sequence[SummaryRow]) -> list[str]:
    sentences = []
    for learner, lost in _by_learner(rows, False).items():
        worst = min(lost, key=lambda r: r.ratio or 0.0)
        factor = words.significant(1 / worst.ratio) if worst.ratio else "many"
        sentences.append(
            f"You train with {learner}: a tuned baseline is better {_where(lost)}, at worst {factor} times "
            f"({worst.baseline}, {words.shift_name(worst.shift)})."
        )
    undecided = [r for r in rows if r.wins is None and r.ratio is not None]
    for learner in dict.fromkeys(r.learner for r in undecided):
        where = _where([r for r in undecided if r.learner == learner])
        sentences.append(f"You train with {learner}: {where} the interval of the ratio holds 1, so nothing is decided.")
    return sentences


def _where(rows: Sequence[SummaryRow]) -> str:
    inside = ["in distribution"] if any(r.shift == NO_SHIFT for r in rows) else []
    shifts = [r.shift for r in rows if r.shift != NO_SHIFT]
    if shifts:
        inside.append(f"under the shift{'s' if len(shifts) > 1 else ''} {words.listed(shifts)}")
    return words.listed(inside)


def _worth(row: SummaryRow, all_sizes: Sequence[SummaryRow]) -> list[str]:
    """What the set saves in points, if another size was run."""
    match = worth_in_points(all_sizes, row)
    total = row.points + row.boundary_points
    if match is None or match.points + match.boundary_points <= total:
        return []
    needed = match.points + match.boundary_points
    return [
        "Every point costs you something (a sensor, a solver run, rows of a fit): the smallest other set that "
        "was run with at most "
        f"this error, {match.method}, has {needed} points, {words.significant(needed / total)} times as many."
    ]


def _ceilings(row: SummaryRow, rows: Sequence[SummaryRow]) -> list[str]:
    better = [r for r in rows if r.ceiling and (r.learner, r.shift) == (row.learner, NO_SHIFT) and r.mean < row.mean]
    return [
        f"Points cost you nothing: {r.method} with {r.points} points reaches {words.percent(r.mean)} in "
        f"{words.seconds(r.seconds)} "
        f"a training ({words.seconds(row.seconds)} on the distilled set)."
        for r in better
    ]
