"""Tell whoever waits how far true solutions are: they are computed deep below whoever draws the bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Progress = Callable[[str, int, int, float | None], None]
"""``(what is being done, steps done, steps in all, current error)``."""


def quiet(what: str, done: int, total: int, error: float | None) -> None:
    """Report nothing: a `Progress` for nobody."""


_listener: ContextVar[Progress | None] = ContextVar("listener", default=None)


@contextmanager
def telling(listener: Progress) -> Iterator[None]:
    """In here, and in nothing that runs at the same time in another thread, progress is reported to ``listener``."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)


def tell(what: str, done: int, total: int) -> None:
    """Report that ``done`` of ``total`` steps are done; to nobody if nobody listens."""
    listener = _listener.get()
    if listener is not None:
        listener(what, done, total, None)
