"""A data frame as the parts of a stated task: numbers standardised, categories one column each, nothing dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pandas import DataFrame, Series, api
from torch import Tensor

from pinndd.stated.parts import Parts

MOST_CLASSES = 50
"""Different values of a target that are still taken for classes."""


def parts_of_frame(frame: DataFrame, target: str, *, test_share: float, seed: int) -> tuple[Parts, dict[str, list[str]]]:
    """Return the parts of a frame, and the names of the columns of their fields.

    Numbers are standardised by the training part; every other column becomes one column per value. A target of a floating type is a
    value, standardised likewise; any other is a class, whatever its values are.

    Args:
        frame: one row per example.
        target: name of the column that is learned.
        test_share: of the rows.
        seed: of the split.

    Raises:
        ValueError: there is no such column, a name stands twice, a value is missing or not finite, or a column is of a type that is
            neither numbers nor categories.
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
    scaled = _standardised(columns, raw.train["inputs"], numeric)
    if not levels:
        values = _standardised(values[:, None], raw.train["targets"], torch.tensor([True]))
    # the same seed makes the same split
    parts = Parts.of_examples(scaled, values, test_share=test_share, seed=seed)
    return parts, {"inputs": names, "targets": [f"P({target}={level})" for level in levels] or [target]}


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
        for level in sorted(column.unique(), key=str):
            parts.append((column == level).to_numpy(dtype=np.float64))
            numeric.append(False)
            names.append(f"{name}={level}")
    return torch.from_numpy(np.stack(parts, 1)), torch.tensor(numeric), names


def _target(column: Series[Any]) -> tuple[Tensor, list[Any]]:
    """Return values ``(N,)``, or labels from 0 and the classes that they stand for."""
    if api.types.is_float_dtype(column):
        return torch.from_numpy(column.to_numpy(dtype=np.float64).copy()), []
    whole = api.types.is_numeric_dtype(column)
    levels = sorted(column.unique()) if whole else sorted(column.unique(), key=str)
    if len(levels) > MOST_CLASSES:
        raise ValueError(
            f"target {column.name!r} has {len(levels)} different values of type {column.dtype}, too many for classes: make it float "
            "where it is a quantity"
        )
    number = {level: k for k, level in enumerate(levels)}
    return torch.tensor([number[value] for value in column]), levels


def _standardised(values: Tensor, train: Tensor, numeric: Tensor) -> Tensor:
    mean, std = train.mean(0), train.std(0, correction=0)
    scaled = (values - mean) / torch.where(std > 0, std, torch.ones_like(std))
    return torch.where(numeric, scaled, values)
