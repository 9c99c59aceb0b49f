"""From the domain of a problem to the unit interval, where its values live and it is solved."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

Interval = tuple[float, float]
"""Lower and upper end."""

UNIT: Interval = (0.0, 1.0)


@dataclass(frozen=True)
class Axis:
    """One coordinate of the domain and its range.

    Args:
        name: the argument that gave it, for messages.
        interval: lower and upper end.

    Raises:
        ValueError: the interval is reversed, empty or not finite.
    """

    name: str
    interval: Interval

    def __post_init__(self) -> None:
        low, high = self.interval
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"{self.name}={self.interval}: expected two finite numbers, the lower one first")

    @property
    def length(self) -> float:
        """Length of the interval."""
        return self.interval[1] - self.interval[0]

    def unscale(self, values: Tensor) -> Tensor:
        """Map the interval onto [0, 1]."""
        return (values - self.interval[0]) / self.length
