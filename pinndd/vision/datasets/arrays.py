"""A user's own images or table as a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pinndd.stated.parts import stratified_split
from pinndd.vision.datasets.converting import Channels, as_inputs, as_labels
from pinndd.vision.datasets.dataset import Dataset, check_inputs, check_labels


def from_arrays(
    inputs: Any,
    labels: Any,
    *,
    test: tuple[Any, Any] | None = None,
    test_share: float = 0.3,
    classes: Sequence[str] | None = None,
    channels: Channels | None = None,
    name: str = "own data",
    seed: int = 0,
) -> Dataset:
    """Make a data set of images or of a table.

    Args:
        inputs: images ``(N, C, H, W)`` or grey ones ``(N, H, W)``, or a table ``(N, d)``: a tensor, an array, a frame, or a
            sequence of one array per example. Any real numbers; they are standardised, in float64 where float32 would not hold
            them, and become float32.
        labels: ``(N,)``, integers from 0.
        test: inputs and labels to test with; without, a share of the examples is held out, the same of every class.
        test_share: the share, in (0, 1).
        classes: names, by label; without, the labels up to the greatest are their own names.
        channels: ``"last"`` for images ``(N, H, W, C)``, ``"first"``; without, images that seem to have them last are refused.
        name: of the set, for errors.
        seed: of the draw of the share.

    Returns:
        The set.

    Raises:
        ValueError: images are of mixed size or seem to have their channels last, a value is no number, masked, missing, not
            finite or too large to standardise, a column keeps less than half of its different values in float32, a label is out
            of range, there are fewer than two classes, one has no example to train on (or, if a share is held out, fewer than
            two), or the share is not in (0, 1).
    """
    given, place = (as_inputs(inputs, name, channels), as_labels(labels, name)), f"{name}, training part"
    check_inputs(given[0], place)
    names = tuple(classes) if classes is not None else tuple(str(k) for k in range(_classes(given[1])))
    check_labels(given[1], len(given[0]), names, place)
    if len(names) < 2:
        raise ValueError(f"{place}: there is one class, expected two or more")
    counts = torch.bincount(given[1], minlength=len(names))
    if not int(counts[0]) and bool(counts[1:].all()):
        raise ValueError(f"{place}: the labels begin at 1, expected 0: give labels - 1")
    if not bool(counts.all()):
        raise ValueError(
            f"{place}: class {int((counts == 0).nonzero()[0])} has no example: number the classes without gaps, "
            "or add examples"
        )
    if test is not None:
        other = f"{name}, test part"
        return Dataset.standardised(name, given, (as_inputs(test[0], other, channels), as_labels(test[1], other)), names)
    kept, held = stratified_split(given[1], test_share, torch.Generator().manual_seed(seed))
    return Dataset.standardised(name, (given[0][kept], given[1][kept]), (given[0][held], given[1][held]), names)


def _classes(labels: Tensor) -> int:
    return int(labels.max()) + 1 if labels.numel() else 0
