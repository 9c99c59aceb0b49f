"""Pixels between 0 and 1 of what files hold: bytes, 16 bits, or numbers that are between 0 and 1 already."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinndd.vision.datasets.converting import looks_channels_last

Array = NDArray[Any]

WHITE = {"uint8": 255, "uint16": 65535, "bool": 1}
"""The greatest value of an integer type."""


def as_pixels(values: Array, place: str) -> Array:
    """Return images as float32 between 0 and 1, ``(N, C, H, W)`` or ``(N, H, W)``.

    Args:
        values: of an array file.
        place: file and name of the array, for errors.

    Raises:
        ValueError: they are no images, have their channels last, or their values are not what the type says.
    """
    if values.dtype.kind not in "buif":
        raise ValueError(f"{place} is of type {values.dtype}, expected images as uint8, uint16 or floats between 0 and 1")
    if values.ndim not in (3, 4) or 0 in values.shape:
        raise ValueError(f"{place} has shape {values.shape}, expected images (N, C, H, W), or grey ones (N, H, W)")
    if values.ndim == 4 and looks_channels_last(values.shape[1:]):
        raise ValueError(
            f"{place} has shape {values.shape}, with the channels last, expected (N, C, H, W): store {place.rpartition(' ')[2]}"
            ".transpose(0, 3, 1, 2)"
        )
    native = values.dtype.newbyteorder("=")
    if native.name in WHITE:
        return (values.astype(np.float32) / WHITE[native.name]).astype(np.float32, copy=False)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        where = int(np.argwhere(~np.isfinite(values))[0][0])
        raise ValueError(f"{place}: image {where} holds a value that is not finite: fill it in, or leave the image out")
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind in "iu":
        if low < 0 or high > WHITE["uint8"]:
            raise ValueError(f"{place} is of type {values.dtype} with values from {low:g} to {high:g}: store it as uint8 or uint16")
        return (values.astype(np.float32) / WHITE["uint8"]).astype(np.float32, copy=False)
    if low < 0 or high > 1:
        remedy = "divide by 255, or store uint8" if low >= 0 and high <= WHITE["uint8"] else "bring them to that range"
        raise ValueError(f"{place} holds floats from {low:g} to {high:g}, expected 0 (black) to 1 (white): {remedy}")
    return values.astype(np.float32)
