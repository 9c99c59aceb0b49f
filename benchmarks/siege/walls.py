"""A disk that is full at every write or from a size on, and folders that may only be read."""

from __future__ import annotations

import ctypes
import os
import random
import resource
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from siege.bases import make_run, make_sets
from siege.calling import chosen_seed
from siege.kills import COMMANDS, Command, contents, preload, start
from siege.ledger import Ending, Row

DAC_OVERRIDE = 1
"""Number of the right of root to write where nobody may."""


def writers(where: Path) -> dict[str, tuple[str, ...]]:
    """Return every command that writes something quickly."""
    sets, run = make_sets(where), make_run(where)
    return {
        "export": ("export", str(sets["retrain"]), "--out", "a.csv", "--overwrite"),
        "script": ("export", str(sets["retrain"]), "--to", "torch", "--out", "a.py", "--overwrite"),
        "conditions": ("export", str(sets["solved"]), "--out", "b.csv", "--overwrite"),
        "evaluate": ("evaluate", str(sets["retrain"]), "--test-conditions", "2", "--shift", "none", "--out", "e.csv"),
        "plot": ("plot", str(run)),
        "solve": COMMANDS["solve"].words,
        "distill": COMMANDS["distill retrain"].words,
    }


def besiege_with_full_disk(count: int, where: Path) -> Row:
    """Let no file grow beyond a size, from none to all that is needed, so that some write fails; then go on without the limit."""
    row, draw = Row("a disk that is full"), random.Random(chosen_seed(7))
    preload()
    commands = writers(where)
    run, whole = where / "run", where / "run-whole"
    shutil.rmtree(whole, ignore_errors=True)
    shutil.copytree(run, whole)
    right = contents(run / "results.csv")
    for k in range(count):
        name = list(commands)[k % len(commands)]
        folder = where / f"full-{k}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        room = draw.choice((0, 1, 100, 1000, 3000, 10_000, 30_000))

        def limit(room: int = room) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

        ending = start(commands[name], folder, limit).wait()
        said = ending.code == 0 or any((("large" in line or "space" in line) and "/" in line) or "'" in line for line in ending.said)
        resumed = (*commands[name], "--resume") if name == "distill" and _begun(folder) else commands[name]
        again = start(resumed, folder).wait()
        lost = "" if again.code == 0 or "exists" in again.err else f"afterwards: code {again.code}: {again.err}"
        if name == "plot" and contents(run / "results.csv") != right:
            lost = "the results of the run are others"
            shutil.rmtree(run)
            shutil.copytree(whole, run)
        row.count(ending, f"{name} with room for {room} bytes", wrong="" if said else f"no file is named: {ending.err}", lost=lost)
        shutil.rmtree(folder)
    return row


def besiege_every_write(where: Path) -> Row:
    """Let the disk be full from the first write on, from the second on, and so to the last one; then go on with room again."""
    row = Row("a disk that is full, at every write")
    preload()
    commands = {name: COMMANDS[name] for name in ("solve", "distill amortised", "study")}
    for name, command in commands.items():
        home = where / f"every-write-{name.replace(' ', '-')}"
        shutil.rmtree(home, ignore_errors=True)
        (home / "undisturbed").mkdir(parents=True)
        start(command.words, home / "undisturbed").wait()
        right = [contents(home / "undisturbed" / file) for file in command.results]
        number = 0
        while True:
            folder = home / str(number)
            folder.mkdir()
            ending = start(command.words, folder, lambda number=number: _full_from(number)).wait()  # type: ignore[misc]
            if not ending.code and _results(folder, command.results) == right:
                break
            said = any(("large" in line or "space" in line) and ("/" in line or "'" in line) for line in ending.said)
            again = _gone_on(command, folder)
            lost = f"afterwards: code {again.code}: {again.err}" if again.code else ""
            differs = "" if lost or _results(folder, command.results) == right else "the results are not those of the undisturbed run"
            wrong = differs if said else f"no file is named: {ending.err}"
            row.count(ending, f"{name}, write {number + 1}", wrong=wrong, lost=lost)
            shutil.rmtree(folder)
            number += 1
    return row


def _full_from(number: int) -> None:
    """Let this process write so many files, and no byte more."""
    made, make = 0, tempfile.mkstemp

    def make_or_fill(*given: Any, **named: Any) -> Any:
        nonlocal made
        if made == number:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        made += 1
        return make(*given, **named)

    tempfile.mkstemp = make_or_fill


def _gone_on(command: Command, folder: Path) -> Ending:
    """Go on where a command failed, or begin anew where it had not begun."""
    begun = any(folder.iterdir()) or "--overwrite" in command.again
    return start((*command.words, *command.again) if begun else command.words, folder).wait()


def _results(folder: Path, files: Sequence[str]) -> list[Any]:
    return [contents(folder / file) if (folder / file).exists() else None for file in files]


def _begun(folder: Path) -> bool:
    return any("checkpoint" in p.name for p in folder.iterdir())


def without_power() -> None:
    """Give up the right of root to write everywhere; others have none (Linux)."""
    if os.getuid():
        return
    libc, header = ctypes.CDLL(None, use_errno=True), (ctypes.c_uint32 * 2)(0x20080522, 0)
    rights = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable, twice
    if libc.capget(header, rights):
        raise OSError(ctypes.get_errno(), "capget")
    for kind in range(3):
        rights[kind] &= ~(1 << DAC_OVERRIDE)
    if libc.capset(header, rights):
        raise OSError(ctypes.get_errno(), "capset")


def besiege_read_only(where: Path) -> Row:
    """Run every command where nothing may be written: it is refused before any work, and nothing is left."""
    row = Row("folders that are read only")
    preload()
    commands = {**writers(where), "study": COMMANDS["study"].words, "several studies": COMMANDS["several studies"].words}
    commands["sensors"] = COMMANDS["distill sensors"].words
    for name, words in commands.items():
        folder = where / "read-only" / name.replace(" ", "-")
        shutil.rmtree(folder.parent, ignore_errors=True)
        folder.mkdir(parents=True)
        folder.chmod(0o555)
        run = where / "run"
        if name == "plot":
            shutil.copytree(run, folder.parent / "run")
            words = ("plot", str(folder.parent / "run"))
            for path in (folder.parent / "run", *(folder.parent / "run").rglob("*")):
                path.chmod(0o555 if path.is_dir() else 0o444)

        ending = start(words, folder, without_power).wait()
        left = list(folder.iterdir())
        wrong = f"it wrote {left}" if left else "" if ending.code in (1, 2) else f"code {ending.code}"
        row.count(ending, f"{name} in a folder that is read only", wrong=wrong)
    return row
