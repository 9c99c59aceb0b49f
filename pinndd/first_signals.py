"""What a command does first: from its first lines on, Ctrl-C, SIGTERM and SIGHUP end it with one line and the code 130.

The moment in which a signal meets Python's own answer is as short as it can be: of Python's modules this one needs those alone
that are there anyway (`signal` would import ten others), and `pinndd.stopping` takes over.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found,unused-ignore]
import os

from pinndd.lazy import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

INTERRUPTED = 130
"""Exit code of a command that was stopped."""


def answer_signals(answer: Callable[[int, FrameType | None], object]) -> None:
    """Call ``answer`` where a signal comes that tells a command to stop; one that is ignored, as with nohup, stays so.

    Args:
        answer: takes the number of the signal and the frame that it came in.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, answer)


def end_at_once(number: int, frame: FrameType | None) -> None:
    """End the process, which has written nothing."""
    os.write(2, b"pinndd: stopped; nothing was written\n")
    os._exit(INTERRUPTED)
