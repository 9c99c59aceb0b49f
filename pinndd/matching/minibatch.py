"""Parts of all data for one look of a criterion: a random batch, a class, both sides changed by the same augmentation."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from pinndd.data import SyntheticData


class Augmentation(Protocol):
    """Changes inputs ``(n, *shape)`` at random, differentiably, in the same way for the same seed and any n."""

    def __call__(self, inputs: Tensor, seed: int) -> Tensor: ...


def draw_batch(
    full: SyntheticData, size: int | None, generator: torch.Generator, *, by_class: bool = False
) -> SyntheticData:
    """Return ``size`` examples without repetition, or so many of each class; all where it is None or there are not more.

    Args:
        full: with ``inputs`` ``(N, *shape)``, ``targets`` ``(N, K)`` and perhaps ``weights`` ``(N,)``.
        size: of the batch.
        generator: of the draw.
        by_class: draw from each class (that of the greatest target) by itself.
    """
    if size is None or size >= len(full["inputs"]):
        return full
    order = torch.randperm(len(full["inputs"]), generator=generator)
    if by_class:
        classes = full["targets"].argmax(-1).cpu()[order]
        members = (order[classes == k][:size] for k in range(full["targets"].shape[-1]))
        return rows(full, torch.cat(list(members)))
    return rows(full, order[:size])


def rows(data: SyntheticData, chosen: Tensor) -> SyntheticData:
    """Return the examples at some positions, differentiably."""
    names = [name for name in ("inputs", "targets", "weights") if name in data]
    return data.with_fields({name: data[name][chosen.to(data[name].device)] for name in names})


def of_class(data: SyntheticData, number: int) -> SyntheticData:
    """Return the examples of one class, that of the greatest target.

    Raises:
        ValueError: there is none.
    """
    members = (data["targets"].detach().argmax(-1) == number).nonzero()[:, 0]
    if not len(members):
        raise ValueError(f"no example of class {number}: matching by class needs at least one of every class on both sides")
    return rows(data, members)


def augmented(data: SyntheticData, augmentation: Augmentation | None, seed: int) -> SyntheticData:
    """Return the data with inputs changed by the augmentation of a seed."""
    return data if augmentation is None else data.with_fields({"inputs": augmentation(data["inputs"], seed)})
