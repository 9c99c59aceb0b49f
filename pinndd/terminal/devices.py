"""Which devices this machine has."""

from __future__ import annotations

import torch


def require_device(name: str) -> None:
    """Make sure that a device exists.

    Raises:
        ValueError: it does not.
    """
    present = ["cpu", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        present.append("mps")
    if name not in present and not (name == "cuda" and len(present) > 1 and present[1].startswith("cuda")):
        raise ValueError(f"--device {name}: there is no such device here; expected one of {', '.join(present)}")
