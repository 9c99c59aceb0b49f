"""Turn errors into one line on the terminal and an exit code: 2 for bad input, 1 for a failed run, 130 for Ctrl-C."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

BAD_INPUT = 2
FAILED = 1
INTERRUPTED = 130

TRACEBACK = "PINNDD_TRACEBACK"
"""Environment variable: set to 1 to see the whole traceback of an error."""


def report(message: object) -> None:
    """Print one line to the standard error."""
    typer.secho(f"pinndd: {' '.join(str(message).split())}", fg=typer.colors.RED, err=True)


def warn(message: object) -> None:
    """Print one line of warning to the standard error."""
    typer.secho(f"pinndd: warning: {' '.join(str(message).split())}", fg=typer.colors.YELLOW, err=True)


def fail(message: object, code: int = BAD_INPUT) -> NoReturn:
    """Print one line to the standard error and exit."""
    report(message)
    raise typer.Exit(code)


@contextmanager
def checking_input() -> Iterator[None]:
    """Everything that goes wrong in here is bad input."""
    try:
        yield
    except KeyboardInterrupt:
        fail("stopped; nothing was written", INTERRUPTED)
    except (ValueError, OSError, RuntimeError) as error:
        _reraise_if_asked()
        fail(error)


@contextmanager
def working(resume: str | Callable[[], str]) -> Iterator[None]:
    """Run something long; Ctrl-C and failures end with one line.

    Args:
        resume: what to tell somebody who pressed Ctrl-C, or a function that finds out what is true by then.
    """
    from pinndd.checkpoint import CheckpointError
    from pinndd.data import DataFileError
    from pinndd.study.results.outcome_files import OutcomeFileError
    from pinndd.study.results.run_config import RunConfigError
    from pinndd.study.results.run_folder import RunFolderError

    try:
        yield
    except KeyboardInterrupt:
        fail(f"stopped; {resume if isinstance(resume, str) else resume()}", INTERRUPTED)
    except (CheckpointError, DataFileError, OutcomeFileError, RunConfigError, RunFolderError) as error:
        _reraise_if_asked()
        fail(error)
    except (ValueError, ArithmeticError, RuntimeError, OSError, MemoryError) as error:
        _reraise_if_asked()
        fail(f"{error} (set {TRACEBACK}=1 to see where)", FAILED)


def _reraise_if_asked() -> None:
    """Inside an except block: raise the error again if the user wants to see all of it."""
    if os.environ.get(TRACEBACK):
        raise
