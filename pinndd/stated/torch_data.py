"""Any map-style data set of torch as the parts of a stated task: its pairs as they are, nothing dropped."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from pinndd.free_memory import available_memory
from pinndd.stated.parts import BALANCED, INPUTS, Parts, Pictures

COPIES = 4
"""Of the inputs that are held at once until they are split."""


def parts_of_torch(
    data: Dataset[Any],
    *,
    test: Dataset[Any] | None = None,
    test_share: float = 0.3,
    validation_share: float = 0.2,
    seed: int = 0,
) -> Parts:
    """Return the parts of a data set whose items are pairs of an input and a label, or a value.

    Inputs are tensors, arrays or numbers of a floating type, and are taken as they are: a transform that draws something draws it
    once. Whole numbers are labels, from 0; anything else is a value. Images from 0 to 1 are drawn in reports.

    Args:
        data: with a length.
        test: the test part (None: a share is held out).
        test_share, validation_share, seed: as in `pinndd.stated.parts.Parts.of_examples`.

    Raises:
        ValueError: the data set has no length, is empty, or an item cannot be used; the item is named.
        MemoryError: the inputs do not fit into the memory.
    """
    inputs, targets = _read(data, "the data set")
    others = None if test is None else _read(test, "the test part")
    if others is not None and others[1].dtype != targets.dtype:
        raise ValueError(f"targets are of type {targets.dtype} to train on and {others[1].dtype} to test with: bring them to one")
    parts = Parts.of_examples(
        inputs, targets, test=others, test_share=test_share, validation_share=validation_share, seed=seed
    )
    if inputs.dim() != 4 or targets.is_floating_point():
        return parts
    parts = replace(parts, train=parts.train.with_header(**{BALANCED: True}))
    low, high = torch.aminmax(parts.train[INPUTS])
    if float(low) < 0 or float(high) > 1:
        return parts
    classes = _names(data, parts.train["targets"].shape[-1])
    plain = torch.ones((inputs.shape[1], 1, 1), dtype=inputs.dtype)
    return replace(parts, pictures=Pictures(torch.zeros_like(plain), plain, classes))


def _read(data: Dataset[Any], name: str) -> tuple[Tensor, Tensor]:
    if isinstance(data, IterableDataset) or not isinstance(data, Sized):
        raise ValueError(f"{name} of type {type(data).__name__} has no length: make a map-style one, such as a TensorDataset")
    if not len(data):
        raise ValueError(f"{name} is empty: give one with examples")
    first = _pair(data, 0, name)
    free, needed = available_memory(), COPIES * len(data) * first[0].numel() * first[0].element_size()
    if free is not None and needed > free:
        raise MemoryError(
            f"{name} needs about {needed / 2**20:.0f} MiB of memory, {free / 2**20:.0f} MiB are free: take a torch.utils.data.Subset"
        )
    pairs = [first]
    for k in range(1, len(data)):
        pair = _pair(data, k, name)
        for what, one, other in zip(("input", "target"), pair, first, strict=True):
            if one.shape != other.shape or one.dtype != other.dtype:
                raise ValueError(
                    f"{name}: the {what} of item {k} has shape {tuple(one.shape)} and type {one.dtype}, that of item 0 "
                    f"{tuple(other.shape)} and {other.dtype}: bring them to one, by a transform"
                )
        pairs.append(pair)
    return torch.stack([pair[0] for pair in pairs]), torch.stack([pair[1] for pair in pairs])


def _pair(data: Dataset[Any], k: int, name: str) -> tuple[Tensor, Tensor]:
    item = data[k]
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise ValueError(f"{name}: item {k} is of type {type(item).__name__}, expected a pair: an input and its label or value")
    values = _tensor(item[0], f"{name}: the input of item {k}")
    return (values if values.dim() else values[None]), _tensor(item[1], f"{name}: the target of item {k}")


def _tensor(value: Any, place: str) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().cpu() if value.is_floating_point() else value.detach().cpu().to(torch.int64)
    if isinstance(value, np.ndarray | np.generic | int | float) and np.asarray(value).dtype.kind in "iuf":
        found = torch.as_tensor(np.array(value))
        return found if found.is_floating_point() else found.to(torch.int64)
    raise ValueError(
        f"{place} is of type {type(value).__name__}, expected a tensor, an array or a number: give the data set a transform, such as "
        "torchvision's ToTensor"
    )


def _names(data: Any, count: int) -> tuple[str, ...]:
    own = getattr(data, "classes", None)
    usable = isinstance(own, list | tuple) and len(own) == count
    return tuple(str(name) for name in own) if own is not None and usable else tuple(str(k) for k in range(count))
