"""A disk that is full at every write, and folders that may only be read."""

from __future__ import annotations

import ctypes
import os
import random
import resource
import shutil
from pathlib import Path

from siege.bases import make_run, make_sets
from siege.kills import COMMANDS, contents, preload, start
from siege.ledger import Row

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
    row, draw = Row("a disk that is full"), random.Random(7)
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
