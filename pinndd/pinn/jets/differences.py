"""Central differences of a solution that can only be evaluated: the derivatives that a residual asks for."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

_REACH = 4


def central_weights(order: int) -> Tensor:
    """Return the weights ``(9,)`` of the central difference of ``order`` (0 to 8) on the offsets -4 … 4, for a step of 1.

    They differentiate every polynomial of degree 8 exactly, so a first or second derivative has an error of order 8.
    """
    offsets = torch.arange(-_REACH, _REACH + 1, dtype=torch.float64)
    powers = offsets ** torch.arange(len(offsets), dtype=torch.float64)[:, None]
    target = torch.zeros(len(offsets), dtype=torch.float64)
    target[order] = torch.arange(1, order + 1, dtype=torch.float64).prod()
    weights: Tensor = torch.linalg.solve(powers, target)
    return weights


class Stencil:
    """The points and weights by which derivatives of a function are read off its values.

    Args:
        points: ``(N, d)``, where the derivatives are wanted.
        derivatives: each as a tuple of axes: ``()`` is the value, ``(0, 0)`` the second derivative along axis 0.
        steps: ``(d,)``, distance between neighbouring points along each axis.

    Attributes:
        centers: ``(N, d)``, where the derivatives are wanted.
        points: ``(Q, d)``, where the function must be evaluated.
    """

    def __init__(self, points: Tensor, derivatives: Sequence[tuple[int, ...]], steps: Tensor) -> None:
        self.centers = points
        dimension = points.shape[-1]
        offsets: dict[tuple[int, ...], int] = {}
        rows: list[dict[int, float]] = []
        for axes in derivatives:
            orders = [axes.count(a) for a in range(dimension)]
            scale = float(torch.stack([steps[a] ** -n for a, n in enumerate(orders)]).prod())
            weights = [central_weights(n).tolist() if n else [1.0] for n in orders]
            reaches = [range(-_REACH, _REACH + 1) if n else range(1) for n in orders]
            row: dict[int, float] = {}
            for places, factors in zip(itertools.product(*reaches), itertools.product(*weights), strict=True):
                row[offsets.setdefault(places, len(offsets))] = scale * math.prod(factors)
            rows.append(row)
        shifts = torch.tensor(list(offsets), dtype=torch.float64) * steps
        self.points = (points[:, None] + shifts).flatten(0, 1)
        self._weights = torch.zeros((len(rows), len(offsets)), dtype=torch.float64)
        for k, row in enumerate(rows):
            for place, weight in row.items():
                self._weights[k, place] = weight

    def __call__(self, values: Tensor) -> Tensor:
        """Return the derivatives ``(B, N, K)`` from values ``(B, Q)`` at `points`."""
        return values.reshape(len(values), -1, self._weights.shape[1]) @ self._weights.T
