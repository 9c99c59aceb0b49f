"""Turn errors into one line on the terminal and an exit code: 2 for bad input, 1 for a failed run, 130 for Ctrl-C."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn, TextIO

import typer

from pinndd.collecting import collect_again
from pinndd.first_signals import INTERRUPTED
from pinndd.stopping import asked_to_stop, stoppable

BAD_INPUT = 2
FAILED = 1

FORESEEN = (ValueError, ArithmeticError, OSError, RuntimeError, MemoryError)
"""Errors that say by themselves what is wrong."""

DONE = "all is done and written, but for what is printed here"
"""What is said of a command that is stopped after its work."""

TRACEBACK = "PINNDD_TRACEBACK"
"""Environment variable: set to 1 to see the whole traceback of an error."""


def report(message: object) -> None:
    """Print one line to the standard error."""
    with suppress(OSError):  # the terminal may be gone
        typer.secho(f"pinndd: {' '.join(str(message).split())}", fg=typer.colors.RED, err=True)


def options_lowered(names: Iterable[str]) -> str:
    """Say that options should be lower: ``lower --points or --tuples``."""
    return f"lower {' or '.join('--' + name.replace('_', '-') for name in dict.fromkeys(names))}"


def warn(message: object) -> None:
    """Print one line of warning to the standard error."""
    with suppress(OSError):
        typer.secho(f"pinndd: warning: {' '.join(str(message).split())}", fg=typer.colors.YELLOW, err=True)


def fail(message: object, code: int = BAD_INPUT) -> NoReturn:
    """Print one line to the standard error and exit."""
    report(message)
    raise typer.Exit(code)


def unexpected(error: Exception) -> int:
    """Print one line about an error that no command foresees, and return the exit code; the traceback, if a user wants it."""
    _reraise_if_asked()
    report(in_words(error))
    return FAILED


def show_traceback_if_asked() -> None:
    """Inside an except block: print the traceback if the user wants to see all of the error."""
    if os.environ.get(TRACEBACK):
        traceback.print_exc()


def in_words(error: Exception) -> str:
    """Say what went wrong, and of an error that nobody foresees whose fault it is."""
    if said := _too_little_memory(error):
        return said
    if isinstance(error, FORESEEN):
        return str(error)
    return (
        f"unexpected {type(error).__name__}: {error}. This is a fault of pinndd, not of what was given to it; "
        f"set {TRACEBACK}=1 to see where, and report that"
    )


@contextmanager
def checking_input() -> Iterator[None]:
    """Everything that goes wrong in here is bad input; what a command imports before it has come."""
    collect_again()
    try:
        with warnings_in_lines(), _answering(lambda: "nothing was written"):
            yield
    except typer.Exit:
        raise
    except FORESEEN as error:
        _reraise_if_asked()
        fail(error)


@contextmanager
def working(resume: str | Callable[[], str], lower: str = "") -> Iterator[None]:
    """Run something long; Ctrl-C and failures end with one line.

    Args:
        resume: what to tell somebody who pressed Ctrl-C, or a function that finds out what is true by then.
        lower: which options need less memory, where there was too little.
    """
    try:
        with warnings_in_lines(), _answering(resume if callable(resume) else lambda: resume, DONE):
            yield
    except typer.Exit:
        raise
    except FORESEEN as error:
        _reraise_if_asked()
        if isinstance(error, _errors_of_files()):
            fail(error)
        if said := _too_little_memory(error, lower):
            fail(f"{said}; {resume() if callable(resume) else resume}", FAILED)
        fail(f"{error} (set {TRACEBACK}=1 to see where)", FAILED)


def _too_little_memory(error: Exception, lower: str = "") -> str:
    """Say that memory was too short and what needs less; empty where something else was wrong, or where the error says it itself."""
    if "torch" not in sys.modules or (type(error) is MemoryError and str(error)):
        return ""
    from pinndd.free_memory import is_out_of_memory
    from pinndd.outer_loop import TooLargeError

    if not is_out_of_memory(error):
        return ""
    what = str(error) if isinstance(error, TooLargeError) else f"memory is too short ({str(error).partition('. ')[0] or 'of Python'})"
    return f"{what}: {lower or 'ask for fewer points, tuples or conditions'}; a GPU without room enough is left out by --device cpu"


def _errors_of_files() -> tuple[type[Exception], ...]:
    """Return the errors of files that somebody gave: bad input, even where work has begun."""
    from pinndd.storage.locks import LockedError
    from pinndd.storage.reading import FileError
    from pinndd.study.results.run_folder import RunFolderError

    return FileError, LockedError, RunFolderError


@contextmanager
def _answering(what_is_kept: Callable[[], str], after: str = "") -> Iterator[None]:
    """Ctrl-C in here ends with one line; so does whatever it makes of a library that was in the middle of something."""
    with stoppable(lambda: report(f"stopped; {what_is_kept()}"), after) as answer:
        try:
            yield
        except KeyboardInterrupt:
            answer()
            raise typer.Exit(INTERRUPTED) from None
        except Exception:
            if not asked_to_stop():
                raise
            answer()
            raise typer.Exit(INTERRUPTED) from None


@contextmanager
def warnings_in_lines() -> Iterator[None]:
    """Show the warnings of pinndd as `warn` does, and those of others as Python does."""
    shown = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if category is UserWarning and f"{os.sep}pinndd{os.sep}" in filename:
            warn(message)
        else:
            shown(message, category, filename, lineno, file, line)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = shown


def _reraise_if_asked() -> None:
    """Inside an except block: raise the error again if the user wants to see all of it."""
    if os.environ.get(TRACEBACK):
        raise
