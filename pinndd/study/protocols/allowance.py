"""Processor time that a first look may take: what does not fit is dropped, and said."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.solving.parts import processor_seconds
from pinndd.pinn.solving.truth import seconds_per_condition


@dataclass(frozen=True)
class Allowance:
    """Processor seconds of this process, and of those that solve for it.

    Attributes:
        seconds: allowed in all; None: no limit.
        started: processor time at which counting began.
        dropped: what did not fit, in the order in which it was asked for.
    """

    seconds: float | None = None
    started: float = field(default_factory=processor_seconds)
    dropped: list[str] = field(default_factory=list)

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
        each = families * seconds_per_condition(pde)
        count = min(wanted, max(least, math.floor(share * self.seconds / max(each, 1e-9))))
        if count < wanted:
            of_each = " of every family" if families > 1 else ""
            self._drop(f"{wanted - count} of {wanted} {what} conditions{of_each}")
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

    def _drop(self, what: str) -> None:
        if what not in self.dropped:
            self.dropped.append(what)
