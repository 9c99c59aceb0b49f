"""Compile a pure function that takes gradients inside."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Function = Callable[..., tuple[Tensor, ...]]


class CompiledFunctions:
    """Compiled versions of functions of tensors, one for every owner and combination of shapes.

    `torch.compile` cannot look into `torch.autograd.grad`, nor into the way DeepXDE residuals are answered. So the function
    is run once on tensors that record what is done to them, gradients and all; that straight list of operations is then
    compiled. It must not depend on the values of tensors, and its results cannot be differentiated from outside.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], tuple[object, Function]] = {}

    def __call__(self, owner: object, function: Function, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return ``function(*tensors)``, off the graph; ``function`` is the same for every call with the same owner."""
        detached = tuple(t.detach() for t in tensors)
        key = (id(owner), *((tuple(t.shape), t.dtype, t.device) for t in detached))
        if key not in self._known:
            # the owner is kept, so that no other object can come to have its id
            self._known[key] = owner, compile_function(function, detached)
        with torch.no_grad():
            return tuple(self._known[key][1](*detached))


def compile_function(function: Function, tensors: tuple[Tensor, ...]) -> Function:
    """Record ``function`` on ``tensors`` and compile the recording for their shapes."""
    from torch.fx.experimental.proxy_tensor import make_fx  # takes a second to import

    recorded = make_fx(function)(*tensors)
    return torch.compile(recorded, dynamic=False)
