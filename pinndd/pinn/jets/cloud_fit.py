"""Derivatives of a solution at the boundary, where no central difference fits: fit a polynomial to values near by, inside."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pinndd.pinn.geometry.domain import Domain

_RADIUS = 0.04
_DEGREES = {1: 10, 2: 7, 3: 5}
_SPARE = 2.5


class CloudFit:
    """The points and weights by which derivatives at given points are read off values in the domain.

    Around each point the values at a cloud of points of the domain are fitted by a polynomial of total degree p (10, 7 or 5 in one,
    two or three dimensions), whose derivatives are taken: for a cloud of radius h the error of a derivative of order m falls with
    ``h^(p + 1 - m)`` (moving least squares; Levin 1998, doi:10.1090/S0025-5718-98-00974-0).

    Args:
        domain: the points of the clouds lie in it.
        centers: ``(N, d)``, where the derivatives are wanted.
        derivatives: each as a tuple of axes: ``()`` is the value, ``(0, 0)`` the second derivative along axis 0.
        generator: source of randomness.
        radius: half width of a cloud, relative to that of the domain's bounding box.

    Attributes:
        points: ``(N · m, d)``, where the function must be evaluated.
    """

    def __init__(
        self,
        domain: Domain,
        centers: Tensor,
        derivatives: Sequence[tuple[int, ...]],
        generator: torch.Generator,
        radius: float = _RADIUS,
    ) -> None:
        degree = max(_DEGREES.get(domain.dimension, 4), *(len(axes) + 2 for axes in derivatives))
        powers = [p for p in itertools.product(range(degree + 1), repeat=domain.dimension) if sum(p) <= degree]
        count = math.ceil(_SPARE * len(powers))
        reach = radius * (centers.new_tensor(domain.high) - centers.new_tensor(domain.low))
        clouds, weights = [], []
        for center in centers:
            offsets = 2 * torch.rand((40 * count, domain.dimension), generator=generator, dtype=torch.float64) - 1
            offsets = offsets[domain.inside(center + reach * offsets)][:count]
            matrix = torch.stack([offsets.pow(offsets.new_tensor(p)).prod(-1) for p in powers], -1)
            inverse = torch.linalg.pinv(matrix)
            rows = []
            for axes in derivatives:
                orders = tuple(axes.count(a) for a in range(domain.dimension))
                scale = math.prod(math.factorial(n) / float(reach[a]) ** n for a, n in enumerate(orders))
                rows.append(scale * inverse[powers.index(orders)])
            clouds.append(center + reach * offsets)
            weights.append(torch.stack(rows))
        self.points = torch.cat(clouds)
        self._weights = torch.stack(weights)

    def __call__(self, values: Tensor) -> Tensor:
        """Return the derivatives ``(B, N, K)`` from values ``(B, N · m)`` at `points`."""
        return torch.einsum("nkm,bnm->bnk", self._weights, values.reshape(len(values), self._weights.shape[0], -1))
