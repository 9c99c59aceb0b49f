"""How much memory a device has to give, and what it is called when there was too little."""

from __future__ import annotations

import os
from pathlib import Path

import torch


def available_memory(device: torch.device | str = "cpu") -> int | None:
    """Return the bytes that are free on a device; None where nothing tells."""
    device = torch.device(device)
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0]) if torch.cuda.is_available() else None
    if device.type != "cpu":
        return None
    try:
        # the kernel counts what it would give back; free pages alone would leave out its caches
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return _from_sysconf()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch, or of Python, says that memory was too short; the processor's comes as a `RuntimeError`."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def give_back(device: torch.device) -> None:
    """Give memory that torch keeps for later back to a GPU, where other processes and larger pieces find it."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _from_sysconf() -> int | None:
    known = getattr(os, "sysconf_names", {})
    pages = next((name for name in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES") if name in known), None)
    return os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE") if pages else None
