"""Kill commands at random moments, go on until they are done, and compare with a run that nobody disturbed, bit for bit."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from siege.calling import chosen_seed
from siege.ledger import Ending, Row
from siege.small import make_small

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Command:
    """A command, how it goes on, and what it leaves.

    Attributes:
        words: of the command line.
        again: words that are added where it was killed.
        results: files that must be the same, below the folder.
    """

    words: tuple[str, ...]
    again: tuple[str, ...]
    results: tuple[str, ...]


_SMALL = ("--quick", "--learner", "ridge")
_FEW = ("--protocol", "retrain", "--points", "8", "--boundary-points", "6")
COMMANDS = {
    "distill retrain": Command(
        ("distill", "heat", *_SMALL, "--points", "8", "--boundary-points", "6", "--out", "a.npz"), ("--resume",), ("a.npz",)
    ),
    "distill amortised": Command(
        ("distill", "heat", "--protocol", "amortised", "--quick", "--tuples", "16", "--boundary-tuples", "8", "--out", "a.npz"),
        ("--resume",),
        ("a.npz",),
    ),
    "distill sensors": Command(("distill", "heat", *_SMALL, "--sensors", "4", "--out", "a.npz"), ("--resume",), ("a.npz",)),
    "distill solved": Command(
        ("distill", "burgers", "--protocol", "solved", "--quick", "--conditions", "3", "--out", "a.npz"), ("--resume",), ("a.npz",)
    ),
    "study": Command(
        ("study", "heat", *_SMALL, *_FEW, "--no-judges", "--out", "r"),
        ("--resume",),
        ("r/data.npz", "r/results.csv"),
    ),
    "solve": Command(
        ("solve", "heat", "--values", "left=0", "--values", "right=0", "--values", "start=1", "--out", "u.csv"),
        ("--overwrite",),
        ("u.csv",),
    ),
    "several studies": Command(
        ("study", "heat", "laplace_disk", "--jobs", "2", *_SMALL, *_FEW, "--no-judges", "--out", "all"),
        ("--resume",),
        ("all/heat/data.npz", "all/heat/results.csv", "all/laplace_disk/data.npz", "all/laplace_disk/results.csv"),
    ),
}


@dataclass(frozen=True)
class Process:
    """A command that runs: its number, and where what it prints can be read."""

    number: int
    out: int
    err: int

    def wait(self, timeout: float = 600.0) -> Ending:
        """Wait until it has ended, and return how."""
        until = time.monotonic() + timeout
        while True:
            done, status = os.waitpid(self.number, os.WNOHANG)
            if done:
                return Ending(os.waitstatus_to_exitcode(status), _all(self.out), _all(self.err))
            if time.monotonic() > until:
                os.killpg(self.number, signal.SIGKILL)
            time.sleep(0.005)


def _all(pipe: int) -> str:
    """Return what is in a pipe, whoever may still write into it, and close it."""
    os.set_blocking(pipe, False)
    try:
        return os.read(pipe, 1 << 16).decode(errors="replace")
    except BlockingIOError:
        return ""
    finally:
        os.close(pipe)


def start(words: Sequence[str], where: Path, before: Callable[[], None] = lambda: None) -> Process:
    """Fork a process that runs a command in a folder.

    The packages are imported already, so that signals come in the middle of work and not of imports.

    Args:
        words: of the command line.
        where: the folder.
        before: called in the new process.
    """
    out, err = os.pipe(), os.pipe()
    number = os.fork()
    if number:
        os.close(out[1])
        os.close(err[1])
        return Process(number, out[0], err[0])
    try:
        os.setsid()
        os.chdir(where)
        os.dup2(out[1], 1)
        os.dup2(err[1], 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_DFL)
        before()
        sys.argv = ["pinndd", *words]
        from pinndd.start import main

        main()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def preload() -> None:
    """Import what commands import, and make first looks shorter."""
    import scipy.stats  # noqa: F401
    import sympy  # noqa: F401

    import pinndd.study.report.page  # noqa: F401
    from pinndd.pinn.declare.loading import load_pde

    load_pde("heat")
    make_small()


def contents(path: Path) -> Any:
    """Return what must be the same: all but seconds."""
    if path.suffix == ".npz":
        from pinndd.data import SyntheticData

        data = SyntheticData.load(path)
        header = {name: value for name, value in data.header.items() if name != "seconds"}
        return repr(sorted(header.items())), {name: np.asarray(v).tobytes() for name, v in data.fields.items()}
    table = pd.read_csv(path)
    return table.drop(columns=[c for c in table.columns if "second" in c]).to_csv()


def besiege_with_kills(name: str, count: int, where: Path) -> Row:
    """Kill a command so many times, at random moments of its work."""
    row, command, draw = Row(f"kills of {name}"), COMMANDS[name], random.Random(f"{name} {chosen_seed(0)}")
    preload()
    home = where / name.replace(" ", "-")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    undisturbed = home / "undisturbed"
    undisturbed.mkdir()
    since = time.monotonic()
    ending = start(command.words, undisturbed).wait()
    duration = time.monotonic() - since
    if ending.code:
        row.count(ending, "undisturbed", lost=f"code {ending.code}: {ending.err}")
        return row
    right = [contents(undisturbed / file) for file in command.results]
    trial = 0
    while row.tried < count:
        trial += 1
        folder = home / f"trial-{trial}"
        folder.mkdir()
        words, kills = command.words, 0
        while True:
            process = start(words, folder)
            last = kills >= 3 or row.tried + kills >= count
            if last:
                ending = process.wait()
            else:
                time.sleep(draw.random() * duration)
                which = draw.choice(SIGNALS)
                since = time.monotonic()
                try:
                    # what ends one process at once ends all of a machine that loses its power
                    (os.killpg if which == signal.SIGKILL else os.kill)(process.number, which)
                except ProcessLookupError:
                    last = True
                ending = process.wait()
                late = time.monotonic() - since
                if ending.code not in (0, -9, 130) or ending.traceback:
                    row.count(ending, f"{which.name} in trial {trial}", lost=f"code {ending.code}: {ending.err}")
                    break
                if which != signal.SIGKILL and ending.code == 130 and late > 3.0:
                    row.count(ending, f"{which.name} in trial {trial}", wrong=f"it took {late:.1f} s to stop")
                kills += ending.code != 0
            if ending.code == 0 or last:
                now = [contents(folder / file) if (folder / file).exists() else None for file in command.results]
                lost = f"code {ending.code}: {ending.err}" if ending.code else ""
                differs = "" if lost or now == right else "the results differ from those of the undisturbed run"
                left = [str(p) for p in folder.rglob("*.tmp")]
                for _ in range(max(1, kills)):
                    row.count(ending, f"trial {trial} after {kills} kills, left {left}", wrong=differs, lost=lost)
                break
            begun = any(folder.iterdir())
            words = (*command.words, *command.again) if begun or "--overwrite" in command.again else command.words
        shutil.rmtree(folder)
    return row
