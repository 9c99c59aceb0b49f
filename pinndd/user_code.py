"""Call code that a user wrote: whatever it raises becomes one message with the file, the line and the call that failed."""

from __future__ import annotations

import linecache
import os
import site
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any, NoReturn

_PACKAGE = Path(__file__).resolve().parent


class UserCodeError(ValueError):
    """Code of a user that failed or returned something that cannot be used; the message says where."""


class UserArithmeticError(UserCodeError, ArithmeticError):
    """The same for arithmetic, such as a solver that does not converge: one boundary condition fails, others may not."""


class Signal(Exception):
    """Control flow of the package that passes through a user's code; never an error of theirs."""


def failed(what: str, error: BaseException, function: object = None, kind: type[UserCodeError] = UserCodeError) -> NoReturn:
    """Raise the one error that stands for what a user's code raised.

    Args:
        what: whose code it is, such as ``"PDE 'heat': reference"``.
        error: what it raised.
        function: the callable, whose definition is named where no line of it ran.
        kind: of the error.

    Raises:
        UserCodeError: always, of that kind; an ArithmeticError becomes a `UserArithmeticError`.
    """
    if kind is UserCodeError and isinstance(error, ArithmeticError):
        kind = UserArithmeticError
    text = f"{what} raised {type(error).__name__}: {error}".rstrip(": ")
    raise kind(f"{text}{place_of(error, function)}") from error


@contextmanager
def calling(
    what: str, function: object = None, kind: type[UserCodeError] = UserCodeError, part: object = None
) -> Iterator[None]:
    """Whatever a user's code raises in here, `SystemExit` included, becomes one `UserCodeError`; Ctrl-C stays what it is.

    Args:
        what, function, kind: as in `failed`.
        part: the object that is called, where it may well be of this package, such as a family: then only what comes from a user's
            line or class is theirs.

    Raises:
        UserCodeError: something was raised.
    """
    try:
        yield
    except (UserCodeError, Signal):
        raise
    except (Exception, SystemExit) as error:
        if part is not None and user_line(error.__traceback__) is None and not _is_users_class(type(part)):
            raise
        failed(what, error, function, kind)


def place_of(error: BaseException, function: object = None) -> str:
    """Say where in a user's files an error came from: `` (FILE, line 3, in solve: `return 1 / 0`)``.

    The innermost line that belongs neither to this package nor to an installed one nor to Python is the one that failed; where
    there is none, as for a function that takes other arguments, the line that defines ``function``.
    """
    found = user_line(error.__traceback__)
    if found is None:
        code: CodeType | None = getattr(function, "__code__", None)
        if code is None or not is_users(code.co_filename):
            return ""
        return f" ({code.co_filename}, line {code.co_firstlineno}, where {code.co_name} is defined)"
    return _said(*found)


def calling_place() -> str:
    """Say which line of a user is being executed: `` (FILE, line 3, in solve: `return 1 / 0`)``; nothing if there is none."""
    frame = sys._getframe(1)
    while not is_users(frame.f_code.co_filename):
        if frame.f_back is None:
            return ""
        frame = frame.f_back
    return _said(frame.f_code.co_filename, frame.f_lineno, frame.f_code)


def _said(name: str, line: int, code: CodeType) -> str:
    inside = "" if code.co_name == "<module>" else f", in {code.co_name}"
    text = linecache.getline(name, line).strip()
    return f" ({name}, line {line}{inside}: `{text}`)" if text else f" ({name}, line {line}{inside})"


def user_line(trace: TracebackType | None) -> tuple[str, int, CodeType] | None:
    """Return file, line and code of the innermost frame that belongs to a user, or None."""
    found = None
    while trace is not None:
        code = trace.tb_frame.f_code
        if is_users(code.co_filename):
            found = code.co_filename, trace.tb_lineno, code
        trace = trace.tb_next
    return found


@lru_cache(maxsize=1024)
def is_users(name: str) -> bool:
    """Whether a source file is neither of this package (but for its modules of PDEs and tasks) nor installed nor Python's own."""
    if name.startswith("<"):
        return False
    path = Path(os.path.abspath(name))
    if path.is_relative_to(_PACKAGE):
        return any(path.is_relative_to(_PACKAGE / folder) for folder in ("_pdes", "_tasks"))
    return not any(path.is_relative_to(folder) for folder in _installed())


def _is_users_class(kind: type) -> bool:
    """Whether a user wrote a class; one that was typed into an interpreter has no file."""
    source = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return source is None or is_users(source)


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    known = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(dict.fromkeys([*known, *site.getsitepackages(), site.getusersitepackages()]))


class Guarded:
    """A function of a user: calling it raises nothing but a `UserCodeError`, and what it returns is looked at.

    Args:
        function: theirs; a guarded one is guarded anew, not twice.
        what: whose it is, such as ``"PDE 'heat': reference"``.
        accept: from the arguments and the result to what is returned (None: the result).

    Attributes:
        __wrapped__: the function itself, as in `functools.wraps`.
    """

    def __init__(
        self, function: Callable[..., Any], what: str, accept: Callable[[str, tuple[Any, ...], Any], Any] | None = None
    ) -> None:
        self.__wrapped__: Callable[..., Any] = function.__wrapped__ if isinstance(function, Guarded) else function
        self.what, self.accept = what, accept

    def __call__(self, *arguments: Any) -> Any:
        with calling(self.what, self.__wrapped__):
            result = self.__wrapped__(*arguments)
        return result if self.accept is None else self.accept(self.what, arguments, result)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Guarded) and self.__wrapped__ == other.__wrapped__

    def __hash__(self) -> int:
        return hash(self.__wrapped__)
