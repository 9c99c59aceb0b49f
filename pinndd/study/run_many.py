"""Run several commands at a time, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pinndd.pinn.solving.parts import PROCESSES, process_count
from pinndd.stopping import at_forced_stop

_PATIENCE = 0.9
"""Seconds that a process has to stop by itself."""


@dataclass(frozen=True)
class Job:
    """A command, and where what it prints is kept.

    Attributes:
        name: for people.
        command: the program and its arguments.
        log: file for the standard output and the standard error.
    """

    name: str
    command: Sequence[str]
    log: Path


@dataclass(frozen=True)
class Finished:
    """How a job ended."""

    job: Job
    code: int
    seconds: float

    @property
    def last_words(self) -> str:
        """The last line that the job printed."""
        lines = [line.strip() for line in self.job.log.read_text(encoding="utf-8", errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line), "it printed nothing")


def run_many(
    jobs: Sequence[Job],
    at_once: int,
    started: Callable[[Job], None],
    finished: Callable[[Finished], None],
    pause: float = 0.2,
) -> None:
    """Run jobs, ``at_once`` of them at a time, with one thread each; one that fails does not stop the others.

    Args:
        jobs: in the order in which they begin.
        at_once: how many run at the same time.
        started: called when a job begins.
        finished: called when a job has ended, whatever its code.
        pause: seconds between two looks at the processes.

    Raises:
        KeyboardInterrupt: Ctrl-C; no process is left behind.
    """
    waiting = list(jobs)
    running: list[tuple[Job, subprocess.Popen[bytes], float]] = []
    def kill() -> None:
        for _, process, _ in running:
            process.kill()

    try:
        with at_forced_stop(kill):
            while waiting or running:
                while waiting and len(running) < at_once:
                    job = waiting.pop(0)
                    running.append((job, _start(job, at_once), time.monotonic()))
                    started(job)
                time.sleep(pause)
                for entry in list(running):
                    job, process, since = entry
                    code = process.poll()
                    if code is not None:
                        running.remove(entry)
                        finished(Finished(job, code, time.monotonic() - since))
    finally:
        _stop([process for _, process, _ in running])


def _start(job: Job, at_once: int) -> subprocess.Popen[bytes]:
    job.log.parent.mkdir(parents=True, exist_ok=True)
    single = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    # together, no more processes than processors compute true solutions
    share = {PROCESSES: str(max(1, process_count() // at_once))}
    with job.log.open("wb") as log:
        return subprocess.Popen(
            list(job.command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **single, **share, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
        )


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Tell processes to stop, whether or not Ctrl-C has reached them too, and end those that do not."""
    deadline = time.monotonic() + _PATIENCE
    try:
        for process in processes:
            process.terminate()
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
