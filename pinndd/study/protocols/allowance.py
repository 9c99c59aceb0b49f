"""Processor time that a first look may take: what does not fit is dropped, and said."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec

from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.solving.parts import processor_seconds
from pinndd.pinn.solving.truth import seconds_per_condition
from pinndd.processes import number_of_the_first
from pinndd.study.results import words

FIRST_LOOK = "first look"
"""Entry in the header of a set that was distilled in limited time: how many conditions and outer steps there was time for."""

OUTER_STEPS = "outer steps"

TEST = "test"
"""What conditions are called that no set depends on."""


@dataclass(frozen=True)
class Allowance:
    """Processor seconds of this process, and of those that solve for it.

    Attributes:
        seconds: allowed in all; None: no limit.
        started: processor time at which counting began.
        dropped: what did not fit, in the order in which it was asked for.
        before: numbers that were settled before an interruption: who goes on takes the same, whatever its speed.
        settled: numbers of conditions and of outer steps that there is time for, by name.
    """

    seconds: float | None = None
    started: float = field(default_factory=processor_seconds)
    dropped: list[str] = field(default_factory=list)
    before: Mapping[str, int] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)

    @classmethod
    def going_on(cls, seconds: float | None, header: Mapping[str, Any]) -> Allowance:
        """Return the allowance of a distillation that goes on.

        Args:
            seconds: allowed in all; None: no limit.
            header: of the set in its checkpoint; one that names no numbers was begun without a limit, and is finished so.

        Raises:
            ValueError: an entry of the header is no number of conditions or steps.
        """
        before = header.get(FIRST_LOOK)
        if before is None:
            return cls()
        try:
            return cls(seconds, before=msgspec.convert(before, dict[str, Annotated[int, msgspec.Meta(ge=1)]]))
        except msgspec.ValidationError as error:
            raise ValueError(f"{FIRST_LOOK} {before!r}: {error}") from error

    @property
    def distilling(self) -> dict[str, int]:
        """What was settled for the distillation: all but the tests, which no set depends on."""
        return {what: count for what, count in self.settled.items() if not what.startswith(TEST)}

    @property
    def spent(self) -> float:
        """Processor seconds since counting began."""
        return processor_seconds() - self.started

    @property
    def left(self) -> float:
        """Processor seconds that are left; infinite without a limit."""
        return float("inf") if self.seconds is None else self.seconds - self.spent

    def solves(self, pde: PDE, wanted: int, least: int, share: float, what: str, families: int = 1) -> int:
        """Return how many conditions may be solved; what may not is noted.

        Args:
            pde: the equation.
            wanted: conditions of every family.
            least: that there must be, however long they take.
            share: of the whole time that their solutions may take, in (0, 1].
            what: conditions they are, for people.
            families: from which as many are drawn.
        """
        if self.seconds is None:
            return wanted
        seconds, of_each = share * self.seconds, " of every family" if families > 1 else ""
        return self._settle(
            f"{what} conditions{of_each}", wanted, least, lambda: seconds / max(families * seconds_per_condition(pde), 1e-9)
        )

    def steps(self, wanted: int, least: int, share: float, seconds: Callable[[], float]) -> int:
        """Return how many outer steps may be taken; what may not is noted.

        Args:
            wanted: steps.
            least: that there must be, however long they take.
            share: of the time that is left, in (0, 1].
            seconds: takes one and returns how long it took.
        """
        if self.seconds is None:
            return wanted

        def affordable() -> float:
            each = max(1e-9, seconds())
            return share * max(0.0, self.left) / each

        return self._settle(OUTER_STEPS, wanted, least, affordable)

    def _settle(self, what: str, wanted: int, least: int, affordable: Callable[[], float]) -> int:
        """Return the number that was settled before, or as many as are affordable by the clock of the first process."""
        count = self.before.get(what)
        if count is None:
            count = max(least, math.floor(min(float(wanted), number_of_the_first(affordable))))
        count = self.settled[what] = min(wanted, count)
        if count < wanted:
            self._drop(f"{wanted - count} of {wanted} {what}")
        return count

    def affords(self, what: str, share: float = 1.0) -> bool:
        """Whether something optional may begin: at most ``share`` of the time is spent. What may not is noted.

        Args:
            what: for people.
            share: of the whole, in (0, 1].
        """
        if self.seconds is None or self.spent <= share * self.seconds:
            return True
        self._drop(what)
        return False

    def said(self, whole: str) -> list[str]:
        """Say what was left out, in a sentence, if anything was.

        Args:
            whole: what has all of it where it is no first look, for people.
        """
        if not self.dropped:
            return []
        return [
            f"{words.LEFT_OUT}, since a first look takes at most {self.seconds:g} seconds of processor time: "
            f"{', '.join(self.dropped)}. A {whole} without --quick has them."
        ]

    def _drop(self, what: str) -> None:
        if what not in self.dropped:
            self.dropped.append(what)
