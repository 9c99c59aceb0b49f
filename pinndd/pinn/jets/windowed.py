"""Features that differ from one window of time to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.pinn.jets.features import Axes, Features


@dataclass(frozen=True)
class WindowedFeatures:
    """One family of features for every window of time, zero outside it; side by side.

    Attributes:
        parts: the families, in the order of time.
        edges: times at which one window ends and the next begins, rising, one fewer than windows; they belong to the next.
    """

    parts: tuple[Features, ...]
    edges: tuple[float, ...]

    @property
    def width(self) -> int:
        """Number of features P of all windows."""
        return sum(part.width for part in self.parts)

    def jets(self, points: Tensor, axes: Sequence[Axes]) -> list[Tensor]:
        """Differentiate the features: points ``(..., d)``, time last, to one tensor ``(..., P)`` for each of ``axes``."""
        window = torch.bucketize(points[..., -1].contiguous(), points.new_tensor(self.edges), right=True)
        parts = []
        for k, part in enumerate(self.parts):
            inside = (window == k)[..., None]
            parts.append([torch.where(inside, jet, 0.0) for jet in part.jets(points, axes)])
        return [torch.cat(jets, -1) for jets in zip(*parts, strict=True)]
