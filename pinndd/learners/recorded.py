"""Functions of tensors that are recorded once for every combination of shapes and then run as they were recorded."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Function = Callable[..., tuple[Tensor, ...]]

Recorder = Callable[[Function, tuple[Tensor, ...]], Function]
"""Records a function on some tensors, and returns what does the same to others of their shapes."""


class RecordedFunctions:
    """Recorded versions of functions of tensors, one for every owner and combination of shapes.

    A function must not depend on the values of tensors, and its results cannot be differentiated from outside.

    Args:
        record: records a function.
    """

    def __init__(self, record: Recorder) -> None:
        self._record = record
        self._known: dict[tuple[object, ...], tuple[object, Function]] = {}

    def __call__(self, owner: object, function: Function, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return ``function(*tensors)``, off the graph; ``function`` is the same for every call with the same owner."""
        detached = tuple(t.detach() for t in tensors)
        key = (id(owner), *((tuple(t.shape), t.dtype, t.device) for t in detached))
        if key not in self._known:
            # the owner is kept, so that no other object can come to have its id
            self._known[key] = owner, self._record(function, detached)
        with torch.no_grad():
            return tuple(self._known[key][1](*detached))
