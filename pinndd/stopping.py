"""Ctrl-C, SIGTERM and SIGHUP end the command line within a second, whatever it is doing, and nothing that was done is lost.

Before a command works nothing is at stake, and the process ends at once. While it works the signal is a `KeyboardInterrupt`, which
saves on its way out. Where the main thread does not come back in time, as from the factorisation of a large matrix, another
thread does what `at_forced_stop` was given and ends the process. A script that imports pinndd does not call `heed_signals`, and Ctrl-C
is there what it always is.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

from pinndd.first_signals import INTERRUPTED, answer_signals

GRACE = 0.7
"""Seconds that the main thread has to come back after a signal."""


class _Stop:
    """What the process says and does when it is told to stop."""

    def __init__(self) -> None:
        self.asked = False
        self.depth = 0
        self.answer: Callable[[], None] = lambda: _write("stopped; nothing was written")
        self.actions: list[Callable[[], object]] = []
        self.lock = threading.Lock()

    def answer_once(self) -> None:
        """Say what is kept, unless that was said."""
        with self.lock:
            answer, self.answer = self.answer, lambda: None
        with suppress(OSError, ValueError):  # the terminal may be gone
            answer()


_stop = _Stop()


def heed_signals() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP stop this process in the same way; one that is ignored, as with nohup, stays so."""
    answer_signals(_on_signal)


def asked_to_stop() -> bool:
    """Whether a signal has come."""
    return _stop.asked


@contextmanager
def stoppable(answer: Callable[[], None], after: str = "") -> Iterator[Callable[[], None]]:
    """In here a signal is a `KeyboardInterrupt`; whoever catches it calls what this returns, which says ``answer`` once.

    Args:
        answer: prints what is kept and how to go on.
        after: what is said of a process that is stopped once this has ended well (empty: what was said before it began).
    """
    before, _stop.answer = _stop.answer, answer
    _stop.depth += 1
    ended = before
    try:
        yield _stop.answer_once
        if after and _stop.depth == 1:
            ended = partial(_write, f"stopped; {after}")
    except BaseException:
        # whatever was written is told with the error
        ended = before if _stop.depth > 1 else partial(_write, "stopped")
        raise
    finally:
        _stop.depth -= 1
        if not _stop.asked:
            _stop.answer = ended


@contextmanager
def at_forced_stop(action: Callable[[], object]) -> Iterator[None]:
    """While this lasts, call ``action`` before the process ends in spite of a main thread that does not come back.

    Args:
        action: quick, and safe to be called from another thread.
    """
    _stop.actions.append(action)
    try:
        yield
    finally:
        _stop.actions.remove(action)


def when_stopped(action: Callable[[], object]) -> None:
    """Call ``action`` whenever a signal ends this process, in whatever way.

    Args:
        action: as in `at_forced_stop`.
    """
    _stop.actions.append(action)


def end_if_asked(code: int = INTERRUPTED) -> None:
    """End the process at once if a signal has come: to take down a process that has imported torch can last seconds."""
    if _stop.asked:
        _end(code)


@contextmanager
def ctrl_c_is_for_this_process() -> Iterator[None]:
    """Processes that are started in here do not see Ctrl-C, which a terminal sends to all; this one ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _on_signal(number: int, frame: FrameType | None) -> None:
    if _stop.asked:
        return  # whatever is being saved is saved
    _stop.asked = True
    if not _stop.depth:
        _end()
    threading.Thread(target=_end_later, daemon=True).start()
    raise KeyboardInterrupt


def _end_later() -> None:
    time.sleep(GRACE)
    _end()


def _end(code: int = INTERRUPTED) -> None:
    for action in reversed(_stop.actions):
        with suppress(Exception):
            action()
    _stop.answer_once()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # closed, gone, or just being written to
            stream.flush()
    os._exit(code)


def _write(text: str) -> None:
    os.write(2, f"pinndd: {text}\n".encode(errors="surrogateescape"))
