"""Inputs and labels as other packages hand them over, as tensors; nothing is changed without a word."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Channels = Literal["first", "last"]

_NARROW = ("bool", "uint8", "int8", "uint16", "int16", "float16", "float32")
"""Dtypes whose values float32 holds exactly."""

_MOST_COLOURS = 4


def as_inputs(inputs: Any, place: str, channels: Channels | None = None) -> Tensor:
    """Return inputs as float32, or as float64 where float32 would not hold them; grey images with their channel.

    Args:
        inputs: images ``(N, C, H, W)``, ``(N, H, W)`` or, with channels last, ``(N, H, W, C)``, or a table ``(N, d)``; see
            `from_arrays`.
        place: of them, for errors.
        channels: where images have their channels; None: first, and images that look otherwise are refused.

    Raises:
        ValueError: examples differ in shape, a value is masked, missing, no real number or an integer that float64 does not hold,
            or the images look as if their channels came last.
    """
    if channels not in {None, "first", "last"}:
        raise ValueError(f"{place}: channels={channels!r}, expected 'first' or 'last'")
    if isinstance(inputs, list | tuple) and inputs and all(isinstance(example, Tensor) for example in inputs):
        _refuse_mixed(inputs, place)
        inputs = torch.stack(tuple(inputs))
    values = _real(inputs, place) if isinstance(inputs, Tensor) else torch.from_numpy(_array(inputs, place))
    if values.ndim == 3:
        return values[:, None]
    if values.ndim == 4 and channels == "last":
        return values.movedim(-1, 1).contiguous()
    if values.ndim == 4 and channels is None and looks_channels_last(values.shape[1:]):
        raise ValueError(
            f"{place}: images have shape {tuple(values.shape)}, with the channels last as it seems, expected (N, C, H, W): give "
            "inputs.transpose(0, 3, 1, 2) (of a tensor: inputs.permute), or say channels='last'; if they are first, channels='first'"
        )
    return values


def as_labels(labels: Any, place: str) -> Tensor:
    """Return labels as int64 where they are integers; others are refused later, by their dtype.

    Args:
        labels: ``(N,)``.
        place: of them, for errors.

    Raises:
        ValueError: they are words, objects or masked.
    """
    if isinstance(labels, Tensor):
        values = labels.detach()
    else:
        _refuse_masked(labels, place, "labels")
        array = np.asarray(labels)
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{place}: labels have dtype {array.dtype}, expected integers: number the classes from 0")
        plain = {"i": np.int64, "u": np.int64, "f": np.float64, "b": np.bool_}[array.dtype.kind]
        values = torch.from_numpy(_native(array.astype(plain)))
    return values if values.is_floating_point() or values.dtype == torch.bool else values.to(torch.int64)


def looks_channels_last(shape: tuple[int, ...]) -> bool:
    """Whether an image of this shape, three numbers, seems to have its channels last."""
    first, second, last = shape
    return last <= _MOST_COLOURS and last < min(first, second) and (min(first, second) > _MOST_COLOURS or first == second)


def _real(values: Tensor, place: str) -> Tensor:
    values = values.detach()
    if values.is_complex() or values.layout is not torch.strided:
        raise ValueError(f"{place}: inputs are a tensor of {values.dtype} and {values.layout}, expected real numbers, dense")
    wide = values.dtype in {torch.float64, torch.int32, torch.int64, torch.uint32, torch.uint64}
    exact = values.to(torch.float64 if wide else torch.float32)
    if wide and not values.is_floating_point() and not torch.equal(exact.to(values.dtype), values):
        raise _too_many_digits(place)
    return exact


def _array(inputs: Any, place: str) -> NDArray[Any]:
    """Return inputs as a contiguous array of float32 or float64 in the byte order of this machine."""
    _refuse_masked(inputs, place, "inputs")
    if hasattr(inputs, "toarray"):
        raise ValueError(f"{place}: inputs are a sparse matrix: give inputs.toarray()")
    array = _stacked(inputs, place)
    if array.dtype.kind == "O":
        array = _numbers_of_objects(array, place)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{place}: inputs have dtype {array.dtype}, expected numbers: turn words into numbers first")
    exact = array.astype(np.float32 if array.dtype.name in _NARROW else np.float64)
    if array.dtype.kind in "iu" and not np.array_equal(exact.astype(array.dtype), array):
        raise _too_many_digits(place)
    return _native(exact)


def _stacked(inputs: Any, place: str) -> NDArray[Any]:
    if not isinstance(inputs, list | tuple) and getattr(inputs, "dtype", None) != np.dtype(object):
        return np.asarray(inputs)
    examples = [np.asarray(example) for example in inputs]
    _refuse_mixed(examples, place)
    for where, given in enumerate(inputs):
        _refuse_masked(given, f"{place}, example {where}", "inputs")
    return np.stack(examples) if examples else np.zeros(0)


def _numbers_of_objects(array: NDArray[Any], place: str) -> NDArray[np.float64]:
    """Return what a frame of several dtypes holds: a missing cell becomes nan, which is refused where it is found."""
    import pandas

    numbers = np.empty(array.shape, dtype=np.float64)
    for where in np.ndindex(array.shape):
        value: Any = array[where]
        missing = value is None or value is pandas.NA
        if not missing and not isinstance(value, Real | np.bool_):
            raise ValueError(
                f"{place}: example {where[0]} holds {value!r}, expected numbers: turn words and dates into numbers first"
            )
        numbers[where] = np.nan if missing else float(value)
    return numbers


def _refuse_mixed(examples: Sequence[Any], place: str) -> None:
    # neither numpy nor torch says which one differs
    for where, example in enumerate(examples):
        if example.shape != examples[0].shape:
            raise ValueError(
                f"{place}: example {where} has shape {tuple(example.shape)} and example 0 {tuple(examples[0].shape)}: "
                "resize or crop them to one size"
            )


def _refuse_masked(values: Any, place: str, what: str) -> None:
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        where = int(np.argwhere(np.ma.getmaskarray(values))[0][0]) if values.ndim else 0
        raise ValueError(
            f"{place}: {what} are masked, the first at {where}: fill the cells in (values.filled(...)), or leave the examples out"
        )


def _native(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array that torch takes: writable, of positive strides and this machine's byte order."""
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")


def _too_many_digits(place: str) -> ValueError:
    return ValueError(
        f"{place}: an integer has more digits than float64 holds (beyond 2^53): take an offset off the column first, "
        "inputs - inputs.min(0)"
    )
