"""Read the IDX format of MNIST: a magic number, the sizes, and bytes in row-major order.

Source: LeCun, Cortes & Burges (1998), The MNIST database of handwritten digits.
"""

from __future__ import annotations

import math
import struct

import torch
from torch import Tensor

UNSIGNED_BYTE = 8
"""The code of the only type that the published files hold."""


class DatasetFileError(ValueError):
    """A file of a data set that is damaged, or not the one that was published."""


def parse_idx(content: bytes, place: str, axes: int) -> Tensor:
    """Return the array of an unzipped IDX file.

    Args:
        content: of the file.
        place: name of the file, for errors.
        axes: of the array; images have three, labels one.

    Returns:
        uint8, of as many axes.

    Raises:
        DatasetFileError: the magic number is wrong, or there are more or fewer bytes than the sizes say.
    """
    magic = bytes((0, 0, UNSIGNED_BYTE, axes))
    if content[:4] != magic:
        raise DatasetFileError(
            f"{place} starts with {content[:4].hex(' ') or 'nothing'}, expected the magic number {magic.hex(' ')} of an "
            f"IDX file of {axes} axes: delete it and get it again"
        )
    start = 4 + 4 * axes
    if len(content) < start:
        raise DatasetFileError(
            f"{place} is truncated: {len(content)} bytes, expected a header of {start}: delete it and get it again"
        )
    sizes = struct.unpack(f">{axes}I", content[4:start])
    expected, found = math.prod(sizes), len(content) - start
    if found != expected:
        state = "truncated" if found < expected else "too long"
        raise DatasetFileError(
            f"{place} is {state}: {found} bytes follow the header, expected {expected} for sizes {sizes}: "
            "delete it and get it again"
        )
    # a bytearray can be written to, as a tensor wants it
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)[start:].reshape(sizes)
