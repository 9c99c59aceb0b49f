"""How the distilled set stands against the baseline beside it, for captions and titles of pictures."""

from __future__ import annotations

from dataclasses import dataclass

from pandas import DataFrame

from pinndd.study.results import words
from pinndd.study.results.summary import comparisons
from pinndd.study.results.table import NO_SHIFT, first_row


@dataclass(frozen=True)
class Standing:
    """What the table says about the two methods of a picture.

    Attributes:
        shift: of the picture.
        shown: the baseline in the picture; empty where there is none.
        best: the best baseline under this shift, according to the table; empty where nothing was compared.
        state: of the distilled set against the best baseline: ``win``, ``loss`` or ``draw``.
        ratio: error of the best baseline ÷ error of the distilled set, with its interval, in words.
        inside, tested: what the protocol calls the test without a shift, and what it consists of.
    """

    shift: str
    shown: str
    best: str = ""
    state: str = "draw"
    ratio: str = ""
    inside: str = "in distribution"
    tested: str = "test conditions"

    @property
    def place(self) -> str:
        """Where the comparison holds."""
        return self.inside if self.shift == NO_SHIFT else "under this shift"

    @property
    def beside(self) -> str:
        """The baseline in the picture, and what it is; pictures of runs of version 0.1.0 may hold another than the best."""
        if not self.best:
            return f"the baseline {self.shown}"
        if self.shown == self.best:
            return f"{self.shown}, the best baseline {self.place}"
        return f"{self.shown} (the best baseline {self.place} is {self.best})"

    @property
    def warning(self) -> str:
        """A clause for titles; empty unless the distilled set loses."""
        return f"the distilled set loses {self.place}" if self.state == "loss" else ""

    def titled(self, text: str, beside: bool = True) -> str:
        """Return a title that names the baseline, where it is in the picture, and says so where the distilled set loses."""
        return "; ".join(filter(None, (f"{text}, beside {self.beside}" if beside else text, self.warning)))

    @property
    def sentence(self) -> str:
        """What the table says of the two, for captions; empty where nothing was compared."""
        if not self.best:
            return ""
        numbers = f"over all {self.tested}, the error of {self.best} ÷ that of the distilled set is {self.ratio}"
        if self.state == "loss":
            return f"The distilled set loses {self.place}: {numbers}."
        held = ", which holds 1, so nothing is decided" if self.state == "draw" else ""
        return f"{numbers[0].upper()}{numbers[1:]}{held}."


def standing(
    summary: DataFrame, shift: str, shown: str, inside: str = "in distribution", tested: str = "test conditions"
) -> Standing:
    """Look up how the distilled set compares under a shift.

    Args:
        summary: of the learner and the size of the picture, one distilled set.
        shift: of the picture.
        shown: the baseline in the picture.
        inside, tested: as in `Standing`.
    """
    found = comparisons(summary[summary["shift"] == shift])
    row = first_row(found[found["baseline"] != ""])
    if row is None:
        return Standing(shift, shown, inside=inside, tested=tested)
    return Standing(shift, shown, row.baseline, row.state, words.ratio(row), inside, tested)
