"""Record a pure function as a CUDA graph: all of its kernels are started by one call of the processor."""

from __future__ import annotations

import torch
from torch import Tensor

from pinndd.learners.recorded import Function, RecordedFunctions
from pinndd.user_code import UserCodeError


class CaptureError(RuntimeError):
    """A function cannot be recorded as a CUDA graph, or its graph gives something else than the function."""


def graphed_functions() -> RecordedFunctions:
    """Return where CUDA graphs are kept; each holds the memory of what it computes on the way."""
    return RecordedFunctions(capture_function)


def capture_function(function: Function, tensors: tuple[Tensor, ...]) -> Function:
    """Record ``function`` on ``tensors`` as a CUDA graph, and compare what the graph gives with what the function gives.

    A step of training many small models is hundreds of small kernels, and a GPU waits for the processor to start them.

    Args:
        function: pure; it must neither wait for the device nor copy anything to it.
        tensors: on a CUDA device.

    Raises:
        ValueError: a tensor is not on a CUDA device.
        CaptureError: the function cannot be captured, or the graph gives something else.
    """
    if elsewhere := sorted({str(t.device) for t in tensors if t.device.type != "cuda"}):
        raise ValueError(
            f"cuda_graphs=True: the data are on {', '.join(elsewhere)}, and a CUDA graph needs them on a CUDA device: move them "
            "there, or leave cuda_graphs out"
        )
    with torch.cuda.device(tensors[0].device), torch.no_grad():
        given = tuple(t.clone() for t in tensors)
        # libraries make their handles and workspaces when they are first asked, which cannot be captured
        beside: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            expected = function(*given)
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                results = function(*given)
        except (RuntimeError, UserCodeError) as error:
            raise CaptureError(
                f"cuda_graphs=True: a step of training cannot be captured: {error}; usually a residual asks for a value, as by "
                ".item(), or makes a tensor of numbers, as by torch.tensor: make it once outside, or leave cuda_graphs out"
            ) from error

        def replay(*tensors: Tensor) -> tuple[Tensor, ...]:
            for mine, new in zip(given, tensors, strict=True):
                mine.copy_(new)
            graph.replay()
            return tuple(t.clone() for t in results)

        _require_same(replay(*tensors), expected)
    return replay


def _require_same(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    """Refuse a graph that gives something else than its function."""
    try:
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, equal_nan=True)
    except AssertionError as error:
        raise CaptureError(
            f"cuda_graphs=True: the captured step of training gives something else than the step itself: {error}; leave cuda_graphs "
            "out, and tell the developers of pinndd"
        ) from error
