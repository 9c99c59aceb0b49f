"""A set of labelled examples in two parts, standardised, and the checks that every part passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Dataset:
    """Labelled examples to train on and to test with.

    The inputs are standardised: the mean and the standard deviation of the training part, one of each channel of images or
    column of a table, are taken off and divided by. `restore` undoes it.

    Attributes:
        name: of the set.
        train_inputs: ``(N, C, H, W)`` images or ``(N, d)`` rows of a table, float32.
        train_labels: ``(N,)``, int64, from 0 to the number of classes less one.
        test_inputs: like the inputs to train on.
        test_labels: like the labels to train on.
        classes: names of the classes, by label.
        mean: what was taken off, ``(C, 1, 1)`` or ``(d,)``, in the dtype that the inputs came in.
        std: what was divided by, of the same shape.

    Raises:
        ValueError: examples differ in shape between the parts, a label is out of range, or a value is not finite.
    """

    name: str
    train_inputs: Tensor
    train_labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor
    classes: tuple[str, ...]
    mean: Tensor
    std: Tensor

    def __post_init__(self) -> None:
        for part, inputs, labels in (
            ("training part", self.train_inputs, self.train_labels),
            ("test part", self.test_inputs, self.test_labels),
        ):
            check_inputs(inputs, f"{self.name}, {part}")
            check_labels(labels, len(inputs), self.classes, f"{self.name}, {part}")
        check_alike(self.train_inputs, self.test_inputs, self.name)

    @classmethod
    def standardised(
        cls,
        name: str,
        train: tuple[Tensor, Tensor],
        test: tuple[Tensor, Tensor],
        classes: Sequence[str],
    ) -> Dataset:
        """Standardise both parts by the training part.

        Args:
            name: of the set.
            train: inputs, float32 or float64, and labels.
            test: inputs and labels.
            classes: names of the classes, by label.

        Raises:
            ValueError: as for the class, or the variance of a channel or column overflows or vanishes, or a column of a table keeps
                less than half of its different values in float32.
        """
        check_inputs(train[0], f"{name}, training part")
        check_alike(train[0], test[0], name)
        # a channel of images has one mean over all pixels, a column of a table has its own
        axes = (0, 2, 3) if train[0].ndim == 4 else (0,)
        std, mean = torch.std_mean(train[0], axes, correction=0, keepdim=True)
        constant = train[0].amax(axes, keepdim=True) == train[0].amin(axes, keepdim=True)
        lost = ~(constant | (std > 0)) | ~torch.isfinite(std) | ~torch.isfinite(mean)
        if bool(lost.any()):
            where = int(lost.flatten().nonzero()[0])
            raise ValueError(
                f"{name}: the values of {'channel' if train[0].ndim == 4 else 'column'} {where} are too large or too small for the "
                f"variance of {train[0].dtype}: multiply them by a constant first"
            )
        # a channel that never changes keeps its unit
        std, mean = torch.where(constant, 1.0, std)[0], mean[0]
        # in place after the first copy: the images of CIFAR-10 take 600 MB
        inputs = [(part[0] - mean).div_(std).to(torch.float32) for part in (train, test)]
        _check_resolution(train[0], inputs[0], name)
        return cls(name, inputs[0], train[1], inputs[1], test[1], tuple(classes), mean, std)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return tuple(self.train_inputs.shape[1:])

    def restore(self, inputs: Tensor) -> Tensor:
        """Return standardised inputs ``(..., *shape)`` in the units they came in; images between 0 and 1."""
        return inputs * self.std + self.mean

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Dataset:
        """Return the set on another device, or its inputs in another floating dtype."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        moved: dict[str, Any] = {
            name: value.to(device, dtype if value.is_floating_point() else None) for name, value in tensors.items()
        }
        return replace(self, **moved)


def check_inputs(inputs: Tensor, place: str) -> None:
    """Check that there are examples of images or of rows, and that every value is finite.

    Args:
        inputs: ``(N, C, H, W)`` or ``(N, d)``.
        place: of the inputs, for errors.

    Raises:
        ValueError: they are not so.
    """
    if inputs.ndim not in {2, 4} or inputs.numel() == 0:
        raise ValueError(
            f"{place}: inputs have shape {tuple(inputs.shape)}, "
            "expected images (N, C, H, W) or rows of a table (N, d), one or more"
        )
    # isfinite of all values would take as much memory again; the least and the greatest pass nan on
    least, greatest = torch.aminmax(inputs.flatten(1), dim=1)
    finite = torch.isfinite(least) & torch.isfinite(greatest)
    if not bool(finite.all()):
        where = int((~finite).nonzero()[0])
        raise ValueError(f"{place}: example {where} holds a value that is not finite: fill it in, or leave the example out")


def check_alike(train: Tensor, test: Tensor, place: str) -> None:
    """Check that examples of both parts have one shape.

    Args:
        train: ``(N, *shape)``.
        test: ``(M, *shape)``.
        place: of the inputs, for errors.

    Raises:
        ValueError: they differ.
    """
    if train.shape[1:] != test.shape[1:]:
        raise ValueError(
            f"{place}: an example of the training part has shape {tuple(train.shape[1:])}, one of the test part "
            f"{tuple(test.shape[1:])}: bring them to one size"
        )


def _check_resolution(given: Tensor, inputs: Tensor, place: str) -> None:
    """Refuse a column of a table in float64 whose values float32 cannot tell apart, since one of them is far from the others."""
    if given.ndim != 2 or given.dtype != torch.float64:
        return
    for column in range(given.shape[1]):
        before, after = (len(torch.unique(values[:, column])) for values in (given, inputs))
        if 2 * after < before:
            raise ValueError(
                f"{place}: column {column} has {before} different values, {after} once they are standardised in float32: some are "
                "far from all others; leave them out, or take the logarithm or ranks"
            )


def check_labels(
    labels: Tensor,
    count: int,
    classes: Sequence[str],
    place: str,
    remedy: str = "number the classes from 0, or name more of them",
) -> None:
    """Check that there is one label per example, and that each stands for a class.

    Args:
        labels: ``(N,)``.
        count: of the examples.
        classes: one entry each.
        place: of the labels, for errors.
        remedy: for a label out of range.

    Raises:
        ValueError: they are no integers of one axis, not as many as the examples, or one is out of range.
    """
    if labels.ndim != 1 or labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(
            f"{place}: labels have shape {tuple(labels.shape)} and dtype {labels.dtype}, expected integers (N,)"
        )
    if len(labels) != count:
        raise ValueError(f"{place}: {count} examples have {len(labels)} labels, expected one each")
    outside = ((labels < 0) | (labels >= len(classes))).nonzero()
    if len(outside):
        where = int(outside[0])
        raise ValueError(
            f"{place}: label {int(labels[where])} of example {where} is out of range, "
            f"expected 0 to {len(classes) - 1}: {remedy}"
        )
