"""Progress bars with the current error."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pinndd.pinn.solving.telling import telling
from pinndd.stopping import at_forced_stop
from pinndd.study.results.words import seconds

PAUSE = 30.0
"""Seconds between two lines about something that goes on, where there is no terminal to draw a bar on."""


class ProgressBars:
    """Draw one bar for everything that is being done; call it as a `pinndd.study.results.outcome.Progress`.

    Where the standard error is no terminal, one line is printed when something begins, and one every `PAUSE` seconds at most that
    says how much is done and about how long it will take. True solutions that are computed meanwhile are shown too.

    Args:
        console: where (None: the standard error).
        clock: returns seconds.
    """

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.console, self._clock = console or Console(stderr=True), clock
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[error]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._stages: dict[str, _Stage] = {}
        self._said = -math.inf
        self._listening = ExitStack()

    def __enter__(self) -> ProgressBars:
        self._bars.start()
        self._listening.enter_context(telling(self))
        self._listening.enter_context(at_forced_stop(self.console.show_cursor))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listening.close()
        self._bars.stop()

    def __call__(self, description: str, done: int, total: int, error: float | None) -> None:
        """Report that ``done`` of ``total`` steps of ``description`` are done, with the current error."""
        if not self.console.is_terminal:
            self._in_lines(description, done, total)
            return
        text = "" if error is None or not math.isfinite(error) else f"error {error:.3g}"
        if description not in self._tasks:
            self._tasks[description] = self._bars.add_task(description, total=total, error=text)
        task = self._bars.tasks[self._bars.task_ids.index(self._tasks[description])]
        if done < task.completed:  # it begins again, and so does its time
            self._bars.reset(task.id)
        self._bars.update(self._tasks[description], completed=done, total=total, error=text)

    def _in_lines(self, description: str, done: int, total: int) -> None:
        now = self._clock()
        if description not in self._stages:
            self._stages[description] = _Stage(now, done, done)
            self._say(description, now)
            return
        stage = self._stages[description]
        if done < stage.done:  # it begins again
            stage = _Stage(now, done, done)
        self._stages[description] = replace(stage, done=done)
        if now - self._said >= PAUSE and stage.first < done < total:
            left = (now - stage.began) / (done - stage.first) * (total - done)
            self._say(f"{description}: {done} of {total}, about {seconds(left)} left", now)

    def _say(self, line: str, now: float) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)
        self._said = now


@dataclass(frozen=True)
class _Stage:
    """Something that goes on: when it began, how many steps were done then, and how many are."""

    began: float
    first: int
    done: int
