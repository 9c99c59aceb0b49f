"""Processor time that a first look may take: what does not fit is dropped, and said."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Allowance:
    """Processor seconds of this process.

    Attributes:
        seconds: allowed in all; None: no limit.
        started: processor time at which counting began.
        dropped: what did not fit, in the order in which it was asked for.
    """

    seconds: float | None = None
    started: float = field(default_factory=time.process_time)
    dropped: list[str] = field(default_factory=list)

    @property
    def spent(self) -> float:
        """Processor seconds since counting began."""
        return time.process_time() - self.started

    @property
    def left(self) -> float:
        """Processor seconds that are left; infinite without a limit."""
        return float("inf") if self.seconds is None else self.seconds - self.spent

    def affords(self, what: str, share: float = 1.0) -> bool:
        """Whether something optional may begin: at most ``share`` of the time is spent. What may not is noted.

        Args:
            what: for people.
            share: of the whole, in (0, 1].
        """
        if self.seconds is None or self.spent <= share * self.seconds:
            return True
        if what not in self.dropped:
            self.dropped.append(what)
        return False
