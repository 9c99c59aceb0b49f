"""A data frame as the parts of a stated task: numbers standardised, categories one column each, nothing dropped."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from pandas import DataFrame, Series, api
from torch import Tensor

from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.stated.parts import FEWEST, Parts

MOST_CLASSES = 50
"""Different values of a target that are still taken for classes."""

MOST_LEVELS = 200
"""Different values of a column without numbers that still become one column each; in a frame of few rows, half as many as rows."""

FEW_NUMBERS = 10
"""Different whole numbers of a floating type which a target may hold that is likely to be classes."""


@dataclass(frozen=True)
class FrameUnits:
    """From standardised columns to those of the frame: times the standard deviation, plus the mean.

    Attributes:
        mean, std: of the training part by field, ``(d,)``; 0 and 1 of what is not standardised.
    """

    mean: Mapping[str, Tensor]
    std: Mapping[str, Tensor]

    def __call__(self, data: SyntheticData) -> SyntheticData:
        """Return a set in the units of the frame; its constraints, which are those of standardised columns, are left behind."""
        fields = {n: value.detach() * self.std[n].to(value) + self.mean[n].to(value) for n, value in data.fields.items()}
        return SyntheticData(fields, dict.fromkeys(fields, Fixed()), data.header)


def parts_of_frame(
    frame: DataFrame, target: str, *, test_share: float, seed: int
) -> tuple[Parts, dict[str, list[str]], FrameUnits]:
    """Return the parts of a frame, the names of the columns of their fields, and what brings them back to its units.

    Numbers are standardised by the training part; every other column becomes one column per value. A target of a floating type is a
    value, standardised likewise; any other is a class, whatever its values are. A value that holds a few whole numbers alone is
    warned of: programs turn labels with gaps into 1.0 and 2.0.

    Args:
        frame: one row per example.
        target: name of the column that is learned.
        test_share: of the rows.
        seed: of the split.

    Raises:
        ValueError: there is no such column, a name stands twice, a value is missing or not finite, a column is of a type that is
            neither numbers nor categories, has too many categories, or two that are written alike.
    """
    if target not in frame.columns:
        raise ValueError(f"target={target!r}: the frame has no such column; it has {', '.join(map(str, frame.columns))}")
    if not frame.columns.is_unique:
        raise ValueError(f"the frame has two columns {frame.columns[frame.columns.duplicated()][0]!r}: rename one")
    if frame.shape[1] < 2:
        raise ValueError(f"the frame has no column beside {target!r}")
    for name in frame.columns:
        _require_values(frame[name])
    columns, numeric, names = _inputs(frame.drop(columns=target))
    values, levels = _target(frame[target])
    raw = Parts.of_examples(columns, values, test_share=test_share, seed=seed)
    scales = {"inputs": _scale(raw.train["inputs"], numeric)}
    scales["targets"] = _scale(raw.train["targets"], torch.tensor([not levels]))
    mean, std = ({field: scale[k] for field, scale in scales.items()} for k in (0, 1))
    if not levels:
        values = (values[:, None] - mean["targets"]) / std["targets"]
    # the same seed makes the same split
    parts = Parts.of_examples((columns - mean["inputs"]) / std["inputs"], values, test_share=test_share, seed=seed)
    names_by_field = {"inputs": names, "targets": [f"P({target}={level})" for level in levels] or [target]}
    return parts, names_by_field, FrameUnits(mean, std)


def _require_values(column: Series[Any]) -> None:
    missing = np.flatnonzero(column.isna().to_numpy())
    if len(missing):
        raise ValueError(
            f"column {column.name!r} has {len(missing)} missing values, the first in row {missing[0]}: fill them in with fillna, or "
            "leave those rows out"
        )
    if api.types.is_numeric_dtype(column) and not np.isfinite(column.astype("float64")).all():
        where = int(np.flatnonzero(~np.isfinite(column.astype("float64")))[0])
        raise ValueError(f"column {column.name!r}, row {where}: the value is not finite")
    if api.types.is_datetime64_any_dtype(column) or api.types.is_timedelta64_dtype(column) or api.types.is_complex_dtype(column):
        raise ValueError(f"column {column.name!r} is of type {column.dtype}: make numbers of it, such as days since a date")


def _inputs(frame: DataFrame) -> tuple[Tensor, Tensor, list[str]]:
    """Return all columns ``(N, d)``, which of them are numbers, and their names."""
    parts: list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = []
    numeric: list[bool] = []
    names: list[str] = []
    for name in frame.columns:
        column = frame[name]
        if api.types.is_numeric_dtype(column):
            parts.append(column.to_numpy(dtype=np.float64))
            numeric.append(True)
            names.append(str(name))
            continue
        for level in _levels(column):
            parts.append((column == level).to_numpy(dtype=np.float64))
            numeric.append(False)
            names.append(f"{name}={level}")
    return torch.from_numpy(np.stack(parts, 1)), torch.tensor(numeric), names


def _levels(column: Series[Any]) -> list[Any]:
    """Return the different values of a column without numbers, in the order of how they are written."""
    levels = sorted(column.unique(), key=str)
    if len(levels) > MOST_LEVELS or (len(levels) > MOST_CLASSES and 2 * len(levels) > len(column)):
        raise ValueError(
            f"column {column.name!r} has {len(levels)} different values of type {column.dtype}, such as {levels[0]!r}, each of which "
            "would become a column: make numbers of it where it holds numbers or dates, merge rare values, or leave it out"
        )
    return _told_apart(column, levels)


def _told_apart(column: Series[Any], levels: list[Any]) -> list[Any]:
    for one, other in pairwise(levels):
        if str(one) == str(other):
            raise ValueError(
                f"column {column.name!r} holds {one!r} of type {type(one).__name__} and {other!r} of type {type(other).__name__}, "
                "which are written alike: bring them to one type"
            )
    return levels


def _target(column: Series[Any]) -> tuple[Tensor, list[Any]]:
    """Return values ``(N,)``, or labels from 0 and the classes that they stand for."""
    if api.types.is_float_dtype(column):
        values = column.to_numpy(dtype=np.float64).copy()
        different = np.unique(values)
        if len(different) <= FEW_NUMBERS and bool((different == different.round()).all()):
            warnings.warn(
                f"target {column.name!r} is of type {column.dtype} and holds {len(different)} different whole numbers: it is learned "
                f"as a quantity; if they are classes, give frame.astype({{{column.name!r}: int}})",
                stacklevel=4,
            )
        return torch.from_numpy(values), []
    whole = api.types.is_numeric_dtype(column)
    levels = sorted(column.unique()) if whole else sorted(column.unique(), key=str)
    if len(levels) > MOST_CLASSES:
        raise ValueError(
            f"target {column.name!r} has {len(levels)} different values of type {column.dtype}, too many for classes: make it float "
            "where it is a quantity"
        )
    counts = column.value_counts().to_dict()
    for level in levels:
        if (count := int(counts[level])) < FEWEST:
            raise ValueError(
                f"target {column.name!r}: the class {level!r} has {count} row{'s' * (count > 1)}, expected {FEWEST} at least, one for "
                "each part: add rows, merge classes, or leave those rows out"
            )
    number = {level: k for k, level in enumerate(_told_apart(column, levels))}
    return torch.tensor([number[value] for value in column]), levels


def _scale(train: Tensor, numeric: Tensor) -> tuple[Tensor, Tensor]:
    """Return what is subtracted from columns and what they are divided by, 0 and 1 where there is nothing to standardise."""
    mean, std = train.mean(0), train.std(0, correction=0)
    return torch.where(numeric, mean, torch.zeros_like(mean)), torch.where(numeric & (std > 0), std, torch.ones_like(std))
