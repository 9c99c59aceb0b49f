"""Call the command line in this process, and let long work count as begun instead of doing it."""

from __future__ import annotations

import io
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import typer.main

from siege.ledger import Ending

get_command = cache(typer.main.get_command)
"""What typer makes of the same functions at every call, which takes two thirds of a short one."""


SEED = "SIEGE_SEED"
"""Environment variable: another siege than the usual one."""


def chosen_seed(own: int) -> int:
    """Return the seed of an attack whose usual one is ``own``."""
    return own + 1000 * int(os.environ.get(SEED, "0"))


class Begun(KeyboardInterrupt):
    """Long work would begin now; it ends the command like Ctrl-C, with code 130."""


def begin(*given: Any, **named: Any) -> Any:
    """Stand for something long."""
    raise Begun


def call(*words: str) -> Ending:
    """Run ``pinndd`` with these words."""
    from pinndd.cli import main

    out, err = io.StringIO(), io.StringIO()
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        patch.object(sys, "argv", ["pinndd", *words]),
        patch.object(typer.main, "get_command", get_command),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        except BaseException:
            traceback.print_exc(file=err)
            code = -1
    return Ending(code, out.getvalue(), err.getvalue())


@contextmanager
def nothing_long() -> Iterator[None]:
    """In here all checks are done and no work."""
    from pinndd.terminal import bodies, describing, distilling, evaluating, exploring, solving, studying, studying_many

    places = (
        (studying, "run_study"),
        (studying, "publish"),
        (studying_many, "run_on_workers"),
        (distilling, "distill_first"),
        (evaluating, "judge"),
        (bodies, "train_bodies"),
        (exploring, "open_frames"),
        (solving.Problem, "solve"),
    )
    before = [(where, name, getattr(where, name)) for where, name in places]
    checked = describing.check_pde
    try:
        for where, name in places:
            setattr(where, name, begin)
        describing.check_pde = lambda pde: []
        yield
    finally:
        for where, name, was in before:
            setattr(where, name, was)
        describing.check_pde = checked


@contextmanager
def folder(path: Path) -> Iterator[Path]:
    """Work in a folder."""
    before = Path.cwd()
    path.mkdir(parents=True, exist_ok=True)
    os.chdir(path)
    try:
        yield path
    finally:
        os.chdir(before)
