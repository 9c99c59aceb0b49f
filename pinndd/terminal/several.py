"""``torchrun``: one distillation on several processes, of which the first alone speaks and writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace

import torch.distributed as dist

from pinndd.pinn.solving.parts import PROCESSES, process_count
from pinndd.terminal.settings import Options

TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""Environment variables of a process that torchrun started."""


@contextmanager
def joined(options: Options) -> Iterator[tuple[Options, bool]]:
    """Join the other processes that torchrun started, if it did; all but the first are silent.

    Args:
        options: that were typed.

    Returns:
        The options for this process, which computes on a GPU of its own if on any; and whether it is the first, which writes.

    Raises:
        ValueError: a first look is asked for, which stops by the clock.
    """
    if not all(name in os.environ for name in TORCHRUN) or os.environ["WORLD_SIZE"] == "1":
        yield options, True
        return
    rank, here, neighbours = (int(os.environ[name]) for name in ("RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE"))
    os.environ.setdefault(PROCESSES, str(max(1, process_count() // neighbours)))
    on_gpu = (options.device or "cpu").startswith("cuda")
    with ExitStack() as silent:
        if rank:
            nowhere = silent.enter_context(open(os.devnull, "w", encoding="utf-8"))
            silent.enter_context(redirect_stdout(nowhere))
            silent.enter_context(redirect_stderr(nowhere))
        if options.quick:
            raise ValueError("--quick stops by the clock of each process: leave it out, or start one process without torchrun")
        dist.init_process_group("nccl" if on_gpu else "gloo")
        yield replace(options, device=f"cuda:{here}") if options.device == "cuda" else options, rank == 0
        dist.destroy_process_group()
