"""Sets of labelled examples: those of each class, with hard or other labels, whitened or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.held_out import one_hot
from pinndd.vision.datasets import Dataset, stratified_split
from pinndd.vision.whitening import PREFIX, ZCA


def members(dataset: Dataset, k: int) -> Iterator[tuple[int, Tensor]]:
    """Yield each class and the positions of its training examples, ``(N_c,)``.

    Args:
        dataset: of which the training part is used.
        k: examples that are wanted of each class.

    Raises:
        ValueError: k is not positive, a label is out of range, or a class has fewer than k examples.
    """
    if k < 1:
        raise ValueError(f"{dataset.name}: k={k} examples per class wanted, expected at least 1")
    hot = one_hot(dataset.train_labels, len(dataset.classes), torch.bool)
    counts = hot.sum(0)
    short = (counts < k).nonzero()
    if len(short):
        number = int(short[0])
        raise ValueError(
            f"{dataset.name}: class {number} ({dataset.classes[number]}) has {int(counts[number])} training examples, {k} "
            "wanted: ask for fewer per class, or merge the class with another"
        )
    for number in range(len(dataset.classes)):
        yield number, hot[:, number].nonzero()[:, 0]


def without_test(dataset: Dataset, share: float, seed: int, *, most: int | None = None) -> Dataset:
    """Return the training part alone, examples of a share of it in place of the test part.

    Args:
        dataset: of which the training part is used.
        share: that is held out of it, the same of every class.
        seed: of the draw.
        most: examples held out that are kept, drawn at random; None: all.
    """
    generator = torch.Generator().manual_seed(seed)
    kept, held = stratified_split(dataset.train_labels, share, generator)
    held = held[torch.randperm(len(held), generator=generator)[:most]]
    inputs, labels = dataset.train_inputs, dataset.train_labels
    return replace(
        dataset, train_inputs=inputs[kept], train_labels=labels[kept], test_inputs=inputs[held], test_labels=labels[held]
    )


def labelled(inputs: Tensor, labels: Tensor, classes: int, **header: object) -> SyntheticData:
    """Return examples with hard labels as a set that nothing changes.

    Args:
        inputs: ``(n, *shape)``.
        labels: ``(n,)``, integers.
        classes: K.
        header: of the set.
    """
    fields = {"inputs": inputs, "targets": one_hot(labels, classes, inputs.dtype)}
    return SyntheticData(fields, dict.fromkeys(fields, Fixed()), header)


def with_targets(data: SyntheticData, targets: Tensor, **header: object) -> SyntheticData:
    """Return the set with other labels, ``(n, K)`` probabilities that nothing changes."""
    constraints = {**data.constraints, "targets": Fixed()}
    fields = {**data.fields, "targets": targets.to(data["targets"])}
    return SyntheticData(fields, constraints, {**data.header, **header})


def hard_labels(data: SyntheticData) -> SyntheticData:
    """Return the set with the most probable class of each example as its label."""
    targets = data["targets"].detach()
    return with_targets(data, one_hot(targets.argmax(-1), targets.shape[-1]))


def whitened(data: SyntheticData, whitening: ZCA) -> SyntheticData:
    """Return the set with whitened inputs and with the whitening, which nothing changes: a set of the whitened space.

    Args:
        data: with ``inputs`` ``(n, *shape)``, standardised as the data set.
        whitening: fitted on the training part of the data set.

    Raises:
        ValueError: the set is whitened already, or its inputs have another shape than those of the whitening.
    """
    if is_whitened(data):
        raise ValueError("whitened: the set holds a whitening already: whiten the set that it was made of")
    tensors = whitening.to_tensors()
    fields = {**data.fields, "inputs": whitening.apply(data["inputs"]), **tensors}
    return SyntheticData(fields, {**data.constraints, **dict.fromkeys(("inputs", *tensors), Fixed())}, data.header)


def is_whitened(data: SyntheticData) -> bool:
    """Whether the set holds a whitening."""
    return any(name.startswith(PREFIX) for name in data.fields)


def as_seen(data: SyntheticData, inputs: Tensor) -> Tensor:
    """Return standardised inputs ``(N, *shape)`` in the space of a set: whitened as it, on its device and in its dtype."""
    inputs = inputs.to(data["inputs"])
    return ZCA.from_tensors(data.fields).apply(inputs) if is_whitened(data) else inputs
