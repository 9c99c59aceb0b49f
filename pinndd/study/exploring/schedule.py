"""When a page does what: a frame soon after a change, errors once nothing moves, long work apart from the page."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, Protocol, TypeVar

from bokeh.document import Document

SOON, SETTLED = 15, 350
"""Milliseconds from a change to its frame, and from the last change to the errors."""

T = TypeVar("T")


class Schedule(Protocol):
    """When the parts of a page are computed."""

    def soon(self, call: Callable[[], None]) -> None:
        """Call soon; what was asked for before and has not been called counts as the same."""

    def settled(self, call: Callable[[], None]) -> None:
        """Call once nothing has been asked for a while."""

    def apart(self, job: Callable[[], T], done: Callable[[T], None]) -> None:
        """Run a job that may take long, then hand its result to the page."""


class AtOnce:
    """Everything in the call that asks for it: a page without a browser."""

    def soon(self, call: Callable[[], None]) -> None:
        """Call."""
        call()

    def settled(self, call: Callable[[], None]) -> None:
        """Call."""
        call()

    def apart(self, job: Callable[[], T], done: Callable[[T], None]) -> None:
        """Run the job and hand its result on."""
        done(job())


class InBrowser:
    """The schedule of a served page: a quick drag is one frame, and jobs run in a thread.

    Args:
        document: of the page.
        executor: runs the jobs.
    """

    def __init__(self, document: Document, executor: Executor) -> None:
        self._document, self._executor = document, executor
        self._waiting = False
        self._timer: Any = None

    def soon(self, call: Callable[[], None]) -> None:
        """Call in `SOON` milliseconds, unless a call is waiting already."""
        if not self._waiting:
            self._waiting = True
            self._document.add_timeout_callback(partial(self._now, call), SOON)

    def settled(self, call: Callable[[], None]) -> None:
        """Call `SETTLED` milliseconds after the last time that it was asked for."""
        if self._timer is not None:
            self._document.remove_timeout_callback(self._timer)
        self._timer = self._document.add_timeout_callback(partial(self._later, call), SETTLED)

    def apart(self, job: Callable[[], T], done: Callable[[T], None]) -> None:
        """Run the job in a thread; its result reaches the page if that is still open."""

        def hand_on(future: Future[T]) -> None:
            self._document.add_next_tick_callback(partial(done, future.result()))

        self._executor.submit(job).add_done_callback(hand_on)

    def _now(self, call: Callable[[], None]) -> None:
        self._waiting = False
        call()

    def _later(self, call: Callable[[], None]) -> None:
        self._timer = None
        call()
