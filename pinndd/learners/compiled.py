"""Compile a pure function that takes gradients inside."""

from __future__ import annotations

import torch
from torch import Tensor

from pinndd.learners.recorded import Function, RecordedFunctions


def compiled_functions() -> RecordedFunctions:
    """Return where compiled functions are kept."""
    return RecordedFunctions(compile_function)


def compile_function(function: Function, tensors: tuple[Tensor, ...]) -> Function:
    """Record ``function`` on ``tensors`` and compile the recording for their shapes.

    `torch.compile` cannot look into `torch.autograd.grad`, nor into the way DeepXDE residuals are answered. So the function
    is run once on tensors that record what is done to them, gradients and all; that straight list of operations is then
    compiled.
    """
    from torch.fx.experimental.proxy_tensor import make_fx  # takes a second to import

    recorded = make_fx(function)(*tensors)
    return torch.compile(recorded, dynamic=False)
