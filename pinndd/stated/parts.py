"""The data of a stated task in three parts: to distill from, to choose by, and to test with once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from pinndd.constraints import Box, Constraint, Fixed, Simplex
from pinndd.data import SyntheticData
from pinndd.held_out import one_hot

INPUTS, TARGETS = "inputs", "targets"
"""Fields of examples."""


class LabelledSet(Protocol):
    """A data set of labelled examples in two parts."""

    @property
    def train_inputs(self) -> Tensor: ...
    @property
    def train_labels(self) -> Tensor: ...
    @property
    def test_inputs(self) -> Tensor: ...
    @property
    def test_labels(self) -> Tensor: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def mean(self) -> Tensor: ...
    @property
    def std(self) -> Tensor: ...


BALANCED = "per class"
"""Entry of the header of a training part of which baselines take equally many examples of every class, not in proportion."""

FEWEST = 3
"""Examples that a class needs, one for each part."""

ROOM = 1.0
"""How far inputs may leave the range of the training part, as a part of its width: what matters is what models learn from them."""


@dataclass(frozen=True)
class Pictures:
    """How standardised inputs ``(n, C, H, W)`` become images with values from 0 to 1: times ``std``, plus ``mean``.

    Attributes:
        mean, std: ``(C, 1, 1)``.
        classes: names, by label.
    """

    mean: Tensor
    std: Tensor
    classes: tuple[str, ...]

    def restore(self, inputs: Tensor) -> Tensor:
        """Return standardised inputs ``(..., C, H, W)`` as images, on the processor."""
        inputs = inputs.detach().cpu()
        return inputs * self.std.to(inputs) + self.mean.to(inputs)


@dataclass(frozen=True)
class Parts:
    """Full data in three parts, which share no example.

    Every field has one entry per example along its first axis. The constraints of the training part are those of the distilled set.

    Attributes:
        train: what is distilled, and what the outer loop asks about.
        validation: chooses the best iterate, the start and whatever is tuned.
        test: asked once, in the end.
        pictures: how the inputs become pictures again, where they are images (None: they are none).

    Raises:
        ValueError: the parts differ in their fields, the shape or the type of an example, or a field has another number of examples.
    """

    train: SyntheticData
    validation: SyntheticData
    test: SyntheticData
    pictures: Pictures | None = None

    def __post_init__(self) -> None:
        for name, part in self.named.items():
            require_alike(self.train, part, name)

    @property
    def named(self) -> Mapping[str, SyntheticData]:
        """The three parts by their names."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def to(self, device: torch.device | str) -> Parts:
        """Return the parts on another device."""
        return replace(self, train=self.train.to(device), validation=self.validation.to(device), test=self.test.to(device))

    @property
    def count(self) -> int:
        """Examples of the training part."""
        return example_count(self.train)

    @classmethod
    def of_examples(
        cls,
        inputs: Tensor,
        targets: Tensor,
        *,
        test: tuple[Tensor, Tensor] | None = None,
        classes: int | None = None,
        test_share: float = 0.3,
        validation_share: float = 0.2,
        seed: int = 0,
    ) -> Parts:
        """Split examples at random, the same share of every class.

        Args:
            inputs: ``(N, *shape)``, of a floating type, standardised.
            targets: labels ``(N,)``, integers from 0; or values ``(N, K)``, of a floating type.
            test: inputs and targets of the test part, where there is one; without, a share is held out.
            classes: of the labels (None: up to the largest).
            test_share: of all examples.
            validation_share: of those that are left.
            seed: of the split.

        Returns:
            Parts with the fields ``inputs`` and ``targets``: labels become probabilities.

        Raises:
            ValueError: inputs and targets do not fit, a value is not finite, a share is not in (0, 1), there is but one class, or one
                has fewer examples than there are parts.

        Examples:
            >>> parts = Parts.of_examples(torch.rand(100, 4), torch.arange(100) % 2)
            >>> [len(part["inputs"]) for part in (parts.train, parts.validation, parts.test)]
            [56, 14, 30]
        """
        labelled = not targets.is_floating_point()
        if labelled and classes is None and targets.numel():
            classes = 1 + int(max(targets.max(), test[1].max() if test is not None and test[1].numel() else 0))
        fields = _examples(inputs, targets, classes if labelled else None)
        strata = targets if labelled else torch.zeros(len(targets), dtype=torch.int64)
        generator = torch.Generator().manual_seed(seed)
        rest = torch.arange(len(targets))
        if labelled:
            _require_some_of_each(targets, FEWEST if test is None else FEWEST - 1)
        if test is None:
            rest, held = stratified_split(strata, test_share, generator)
            last = {name: value[held] for name, value in fields.items()}
        else:
            last = _examples(*test, classes if labelled else None)
        kept, chosen = stratified_split(strata[rest], validation_share, generator)
        train = {name: value[rest[kept]] for name, value in fields.items()}
        bounds: dict[str, Constraint] = {
            INPUTS: room_around(train[INPUTS]),
            TARGETS: Simplex() if labelled else room_around(train[TARGETS]),
        }
        wide = dict.fromkeys(fields, Fixed())
        validation = SyntheticData({name: value[rest[chosen]] for name, value in fields.items()}, wide)
        return cls(SyntheticData(train, bounds), validation, SyntheticData(last, wide))

    @classmethod
    def of_dataset(cls, dataset: LabelledSet, *, validation_share: float = 0.2, seed: int = 0) -> Parts:
        """Take the two parts of a data set such as `pinndd.vision.datasets.Dataset`, and hold a share of the first one out.

        Of images, baselines take equally many of every class.

        Args:
            dataset: standardised inputs and labels, to train on and to test with.
            validation_share: of the training part, the same of every class.
            seed: of the split.
        """
        test = dataset.test_inputs, dataset.test_labels
        names = tuple(dataset.classes)
        parts = cls.of_examples(
            dataset.train_inputs, dataset.train_labels, test=test, classes=len(names), validation_share=validation_share, seed=seed
        )
        if dataset.train_inputs.dim() != 4:
            return parts
        return replace(parts, train=parts.train.with_header(**{BALANCED: True}), pictures=Pictures(dataset.mean, dataset.std, names))


def example_count(data: SyntheticData) -> int:
    """Return the number of examples of a set, the length of the first axis of its fields."""
    return len(next(iter(data.fields.values())))


def chosen(data: SyntheticData, index: Tensor) -> SyntheticData:
    """Return some of the examples of a set, by their positions ``(n,)``."""
    return data.with_fields({name: value[index.to(value.device)] for name, value in data.fields.items()})


def softened(data: SyntheticData, smoothing: float) -> SyntheticData:
    """Return the set with its probabilities mixed with equal ones: from 0 and 1 the logits of a simplex cannot move.

    Args:
        data: of which the fields of a `Simplex` are changed.
        smoothing: weight of the equal ones, in [0, 1).
    """
    names = [name for name, constraint in data.constraints.items() if isinstance(constraint, Simplex)]
    return data.with_fields({n: (1 - smoothing) * data[n] + smoothing / data[n].shape[-1] for n in names})


def require_alike(train: SyntheticData, part: SyntheticData, name: str) -> None:
    """Make sure that a part has the examples of the training part.

    Raises:
        ValueError: fields, shapes, types or numbers differ.
    """
    if set(part.fields) != set(train.fields):
        odd = sorted(set(part.fields) ^ set(train.fields))
        raise ValueError(f"the {name} part and the training part differ in the field {odd[0]!r}: give both the same fields")
    lengths = {field: len(value) if value.dim() else 0 for field, value in part.fields.items()}
    if len(set(lengths.values())) != 1 or not max(lengths.values()):
        said = ", ".join(f"{field} {count}" for field, count in lengths.items())
        raise ValueError(f"the {name} part has {said} examples: every field needs one entry per example, and one example at least")
    for field, value in part.fields.items():
        if value.shape[1:] != train[field].shape[1:] or value.dtype != train[field].dtype:
            raise ValueError(
                f"field {field!r}: an example of the {name} part has shape {tuple(value.shape[1:])} and type {value.dtype}, one of "
                f"the training part {tuple(train[field].shape[1:])} and {train[field].dtype}: bring them to one"
            )


def require_same_meaning(columns: Mapping[str, Sequence[str]], data: SyntheticData) -> None:
    """Make sure that the columns of a set stand for what they stand for in its task.

    Args:
        columns: of the task, by field.
        data: the set; one that does not say what its columns are is taken as it is.

    Raises:
        ValueError: a field has other columns, or the same in another order.
    """
    kept = data.header.get("columns")
    for field, names in columns.items():
        before = kept.get(field) if isinstance(kept, Mapping) else None
        if before is not None and before != list(names):
            raise ValueError(
                f"the columns of {field!r} were {', '.join(map(str, before))} and are {', '.join(names)} now: give the module or "
                "file with which it was distilled, or distil again"
            )


def stratified_split(labels: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Hold out the same share of every class, at least one example and never all.

    Args:
        labels: ``(N,)``, integers from 0.
        share: to hold out, in (0, 1).
        generator: of the draw.

    Returns:
        Positions of those kept and of those held out, each ascending.

    Raises:
        ValueError: the share is not in (0, 1), or a class has one example only.
    """
    if not 0 < share < 1:
        raise ValueError(f"the share to hold out is {share}, expected between 0 and 1")
    held = torch.zeros(len(labels), dtype=torch.bool)
    for label in torch.unique(labels).tolist():
        members = (labels == label).nonzero()[:, 0]
        if len(members) < 2:
            raise ValueError(
                f"class {label} has 1 example, 2 wanted, one to train on and one to test with: add examples, "
                "or give the test part yourself"
            )
        count = min(max(round(share * len(members)), 1), len(members) - 1)
        held[members[torch.randperm(len(members), generator=generator)[:count]]] = True
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


def _require_some_of_each(labels: Tensor, fewest: int) -> None:
    numbers, counts = torch.unique(labels, return_counts=True)
    least = int(counts.argmin())
    if counts[least] < fewest:
        raise ValueError(
            f"class {int(numbers[least])} has {int(counts[least])} example{'s' * (int(counts[least]) > 1)}, expected {fewest} at "
            "least, one for each part: add examples, merge classes, or give the test part yourself"
        )


def room_around(values: Tensor) -> Box:
    """Return a box that holds examples ``(n, *shape)`` with room around them: per column of a table, one for all else."""
    if values.dim() == 2:
        low, high = values.amin(0), values.amax(0)
    else:
        low, high = values.min()[None], values.max()[None]
    width = torch.where(high > low, high - low, torch.ones_like(low))
    return Box(tuple((low - ROOM * width).tolist()), tuple((high + ROOM * width).tolist()))


def _examples(inputs: Any, targets: Any, classes: int | None) -> dict[str, Tensor]:
    for name, value in (("inputs", inputs), ("targets", targets)):
        if not isinstance(value, Tensor):
            raise ValueError(f"{name} are of type {type(value).__name__}, expected a tensor: torch.as_tensor makes one of an array")
    if inputs.dim() < 2 or len(inputs) != len(targets) or not len(inputs):
        raise ValueError(
            f"inputs have shape {tuple(inputs.shape)} and targets {tuple(targets.shape)}: expected (N, ...) and one target per example"
        )
    if not inputs.is_floating_point():
        raise ValueError(f"inputs are of type {inputs.dtype}, expected a floating type: standardise them first")
    for name, value in (("inputs", inputs), ("targets", targets)):
        bad = (~torch.isfinite(value.reshape(len(value), -1))).any(1).nonzero()
        if len(bad):
            raise ValueError(f"{name}: example {int(bad[0])} holds a value that is not finite: fill it in, or leave the example out")
    if classes is None:
        values = targets if targets.dim() == 2 else targets[:, None] if targets.dim() == 1 else None
        if values is None:
            raise ValueError(f"targets have shape {tuple(targets.shape)}, expected values (N, K)")
        return {INPUTS: inputs, TARGETS: values.to(inputs.dtype)}
    if targets.dim() != 1:
        raise ValueError(f"labels have shape {tuple(targets.shape)}, expected integers (N,)")
    counts = torch.bincount(targets.clamp_min(0), minlength=classes)
    if not int(counts[0]) and int(targets.min()) == 1:
        raise ValueError("the labels begin at 1, expected 0: give labels - 1")
    if classes < 2:
        raise ValueError("there is one class, expected two or more")
    return {INPUTS: inputs, TARGETS: one_hot(targets, classes, inputs.dtype)}
