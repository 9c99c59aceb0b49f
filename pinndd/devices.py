"""Which devices this machine has, and whether a GPU is chosen where nobody names a device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

AUTO = "auto"
"""A GPU where there is one and the work is worth it, the processor otherwise."""

PROCESSOR = "cpu"
"""The device that every machine has."""

GPU = "cuda"
"""The current GPU: the first one, of several processes that torchrun started the one of each."""

WORTHWHILE = 2_000_000
"""Numbers of a `Work` from which a GPU is taken to be faster. An estimate that nobody has measured: a step is some hundred launches of
a few microseconds each on a GPU, and some hundred passes over these numbers on a core, at a few nanoseconds per number."""


@dataclass(frozen=True)
class Work:
    """What a step of training computes at a time: the entries of the Jacobians of a batch.

    Attributes:
        networks: that are trained together.
        rows: of the loss of each, or examples.
        weights: of each that are trained.
    """

    networks: int
    rows: int
    weights: int

    @property
    def numbers(self) -> int:
        """Networks × rows × weights."""
        return self.networks * self.rows * self.weights

    def __str__(self) -> str:
        plural = "" if self.networks == 1 else "s"
        return f"{self.networks} network{plural} x {self.rows} rows x {self.weights} weights"


@dataclass(frozen=True)
class Choice:
    """A device, and why.

    Attributes:
        device: its name, never `AUTO`.
        why: a sentence where a GPU was chosen, or is there and is not used; empty where nobody had a choice.
    """

    device: str
    why: str = ""


@contextmanager
def full_precision() -> Iterator[None]:
    """In here products and convolutions in single precision are of single precision on a GPU: TF32, with 10 bits, is off.

    torch takes TF32 for convolutions unless it is told otherwise. In double precision it plays no part.
    """
    kinds: tuple[Any, ...] = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [kind.allow_tf32 for kind in kinds]
    try:
        for kind in kinds:
            kind.allow_tf32 = False
        yield
    finally:
        for kind, allowed in zip(kinds, before, strict=True):
            kind.allow_tf32 = allowed


def present_devices() -> list[str]:
    """Return the names of the devices that this machine has."""
    found = [PROCESSOR, *(f"{GPU}:{k}" for k in range(torch.cuda.device_count()))]
    return [*found, "mps"] if torch.backends.mps.is_available() else found


def require_device(name: str, *, called: str = "device", double: bool = True) -> None:
    """Make sure that a device exists, or leave it to `chosen_device`.

    Args:
        name: of the device, or `AUTO`.
        called: what the device is called where it was named.
        double: whether double precision is needed, which ``mps`` does not have.

    Raises:
        ValueError: it does not exist, or lacks the precision.
    """
    present = present_devices()
    if double and name == "mps" and name in present:
        raise ValueError(f"{called} mps: it lacks double precision, which this needs; expected one of auto, {', '.join(present[:-1])}")
    if name not in (AUTO, *present) and not (name == GPU and f"{GPU}:0" in present):
        raise ValueError(f"{called} {name}: there is no such device here; expected one of auto, {', '.join(present)}")


def chosen_device(name: str, work: Callable[[], Work] | None) -> Choice:
    """Choose a device where none is named: a GPU if there is one, and a step of training is of at least `WORTHWHILE` numbers.

    Args:
        name: of a device, which is kept, or `AUTO`.
        work: says how large a step is; called only where there is a GPU (None: nobody knows, so it is left to the processor).
    """
    if name != AUTO:
        return Choice(name)
    if not torch.cuda.is_available():
        return Choice(PROCESSOR)
    card = torch.cuda.get_device_name()
    step = None if work is None else work()
    if step is None:
        return Choice(PROCESSOR, f"device: cpu; how large a step is depends on your own learner, so '--device {GPU}' uses {card}")
    if not step.numbers:
        return Choice(PROCESSOR, f"device: cpu, where this learner always computes; {card} is not used")
    if step.numbers < WORTHWHILE:
        return Choice(
            PROCESSOR, f"device: cpu, since a step of {step} is small ({step.numbers:.1e} numbers); '--device {GPU}' uses {card}"
        )
    return Choice(GPU, f"device: {card}, since a step of {step} is large ({step.numbers:.1e} numbers); '--device cpu' does not use it")
