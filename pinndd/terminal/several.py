"""``torchrun``: one distillation on several processes, of which the first alone speaks and writes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from typing import NoReturn

import torch
import torch.distributed as dist
import typer

from pinndd.devices import AUTO, GPU, PROCESSOR, require_device
from pinndd.pinn.solving.parts import PROCESSES, process_count
from pinndd.terminal.errors import FAILED, in_words, report, show_traceback_if_asked
from pinndd.terminal.settings import Options

TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""Environment variables of a process that torchrun started."""

GRACE = 20.0
"""Seconds that a silent process waits with its error, in which the first one meets the same, or misses this one."""


@contextmanager
def joined(options: Options) -> Iterator[tuple[Options, bool]]:
    """Join the other processes that torchrun started, if it did; all but the first are silent.

    A process that ends in an error ends at once, after what it has to say: gloo's threads, once joined, may abort one that has lost
    another.

    Args:
        options: that were typed.

    Returns:
        The options for this process, which computes on a GPU of its own if on any; and whether it is the first, which writes.

    Raises:
        ValueError: a first look is asked for, which stops by the clock; or a device that is not there, or too few of them.
    """
    if not all(name in os.environ for name in TORCHRUN) or os.environ["WORLD_SIZE"] == "1":
        yield options, True
        return
    rank, here, neighbours = (int(os.environ[name]) for name in ("RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE"))
    os.environ.setdefault(PROCESSES, str(max(1, process_count() // neighbours)))
    with ExitStack() as silent:
        if rank:
            nowhere = silent.enter_context(open(os.devnull, "w", encoding="utf-8"))
            silent.enter_context(redirect_stdout(nowhere))
            silent.enter_context(redirect_stderr(nowhere))
        silent.enter_context(_after_the_first(rank))
        if options.quick:
            raise ValueError("--quick stops by the clock of each process: leave it out, or start one process without torchrun")
        device = _own_device(options.device or AUTO, here, neighbours)
        if (options.device or AUTO) == AUTO != device and torch.cuda.is_available():
            typer.echo(f"device: {device}, since there are {neighbours} processes for {torch.cuda.device_count()} GPUs")
        options = replace(options, device=device)
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        try:
            yield options, rank == 0
        except Exception as error:
            if isinstance(error, typer.Exit):
                code = error.exit_code
            else:
                code = FAILED
                show_traceback_if_asked()
                report(in_words(error))
            if rank:
                time.sleep(GRACE)
            _leave(code)
        dist.destroy_process_group()


@contextmanager
def _after_the_first(rank: int) -> Iterator[None]:
    """Let the first process say what is wrong before this one ends: torchrun ends all others as soon as one has ended."""
    try:
        yield
    except Exception:
        if rank:
            time.sleep(GRACE)
        raise


def _own_device(name: str, here: int, neighbours: int) -> str:
    """Return the device of this process, and make its GPU the current one.

    Args:
        name: that was typed.
        here: number of this process among those of this machine.
        neighbours: how many these are.

    Raises:
        ValueError: there is no such device, or fewer GPUs than processes, each of which needs its own.
    """
    require_device(name, called="--device")
    cards = torch.cuda.device_count()
    if name.startswith(f"{GPU}:"):
        raise ValueError(f"--device {name}: {neighbours} processes need a GPU each: --device {GPU} gives each the one of its number")
    if name == GPU and cards < neighbours:
        raise ValueError(f"--device {name}: {neighbours} processes for {cards} GPUs here: each takes one, so start at most {cards}")
    if name == PROCESSOR or cards < neighbours:
        return PROCESSOR
    torch.cuda.set_device(here)
    return name


def _leave(code: int) -> NoReturn:
    """End this process at once."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()
    os._exit(code)
