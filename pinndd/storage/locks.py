"""One writer: a file or a folder is locked while a process writes to it, and who else comes is told which process that is."""

from __future__ import annotations

import errno
import os
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

_HOLDER = "process "
_NO_LOCKS = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS)


class LockedError(ValueError):
    """A file or folder that may not be written to: another process does, or it cannot be locked."""


class InUseError(LockedError):
    """A file or folder that another process is writing to."""


def lock_of(path: Path) -> Path:
    """Return the file whose lock says that ``path`` is in use: beside a file, inside a folder."""
    return path / ".lock" if path.is_dir() else path.with_name(f".{path.name}.lock")


@contextmanager
def writing_alone(what: str, path: Path | None, patience: float = 0.0) -> Iterator[None]:
    """Lock a file or an existing folder; the operating system drops the lock of a process that was killed.

    Where the file system has no locks, the lock file itself is the lock; that of a process which is gone is not heeded.

    Args:
        what: it is, for the message, such as ``run folder`` or ``--out``.
        path: of the file, whose folder is made if need be, or of the folder; None locks nothing.
        patience: seconds to wait for a process that holds the lock.

    Raises:
        InUseError: another process holds the lock, which is named with its host.
        LockedError: no lock file can be written.
    """
    if path is None:
        yield
        return
    file = lock_of(path)
    lock = FileLock(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="flock not supported")
            lock.acquire(timeout=patience)
    except Timeout as error:
        if not file.exists():
            raise LockedError(f"{what} {path} may not be written to; choose another place") from error
        raise InUseError(
            f"{what} {path} is in use by {_holder(file)}: wait until it has ended, or choose another place"
        ) from error
    except (OSError, NotImplementedError) as error:
        said = getattr(error, "strerror", None) or error
        if isinstance(error, NotImplementedError) or error.errno in _NO_LOCKS:
            raise LockedError(f"{what} {path} lies on a file system that cannot lock files ({said}); choose another place") from error
        raise LockedError(f"{what} {path} may not be written to ({said}: {file}); choose another place") from error
    locked = _inode(file)
    try:
        if isinstance(lock, FileLock):
            with suppress(OSError):
                since = f"{datetime.now():%Y-%m-%d %H:%M}"
                file.write_text(f"{_HOLDER}{os.getpid()} on {socket.gethostname()} since {since}\n", encoding="utf-8")
        yield
    finally:
        # while it is held: who opened it before and gets the lock after sees that it is gone, and tries again; where somebody has
        # cleared the folder meanwhile, what lies there is the lock of another process
        with suppress(OSError):
            if _inode(file) == locked:
                file.unlink()
        lock.release()


@contextmanager
def computing_alone(what: str, path: Path, waiting: Callable[[], None], patience: float = -1.0) -> Iterator[bool]:
    """Be the one process that computes what belongs into a file or folder, and tell whether another one did before.

    Where nothing can be locked, every process computes, and so does one whose patience is at its end.

    Args:
        what: it is, for messages.
        path: of what is computed.
        waiting: called where another process computes it, before this one waits.
        patience: seconds to wait for that one; negative: as long as it lives.
    """
    with ExitStack() as held:
        waited = False
        with suppress(LockedError):
            try:
                held.enter_context(writing_alone(what, path))
            except InUseError:
                waited = True
                waiting()
                held.enter_context(writing_alone(what, path, patience))
        yield waited


def _inode(file: Path) -> int | None:
    """Return what tells a file from another one of the same name; None where there is none."""
    try:
        return file.stat().st_ino
    except OSError:
        return None


def _holder(file: Path) -> str:
    """Say which process wrote a lock file."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        text = ""
    return text if text.startswith(_HOLDER) and "\n" not in text else "another process"
