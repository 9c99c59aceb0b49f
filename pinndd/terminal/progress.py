"""Progress bars with the current error."""

from __future__ import annotations

import math
from contextlib import ExitStack
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pinndd.pinn.solving.telling import telling
from pinndd.stopping import at_forced_stop


class ProgressBars:
    """Draw one bar for everything that is being done; call it as a `pinndd.study.results.outcome.Progress`.

    Where the standard error is no terminal, one line is printed when something begins. True solutions that are computed meanwhile
    are shown too.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
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
        text = "" if error is None or not math.isfinite(error) else f"error {error:.3g}"
        if description not in self._tasks:
            self._tasks[description] = self._bars.add_task(description, total=total, error=text)
            if not self.console.is_terminal:
                self.console.print(description, markup=False, highlight=False)
        task = self._bars.tasks[self._bars.task_ids.index(self._tasks[description])]
        if done < task.completed:  # it begins again, and so does its time
            self._bars.reset(task.id)
        self._bars.update(self._tasks[description], completed=done, total=total, error=text)
