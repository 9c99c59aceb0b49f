"""Where a residual is looked at, and on which values: in the domain, at sizes that u and its derivatives have there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Term = tuple[int, tuple[int, ...]]
"""One derivative of one output: (component, axes), axes sorted; ``(0, ())`` is u itself, ``(0, (0, 1))`` is u_xt."""

COUNT = 64
"""Points of a probe."""


@dataclass(frozen=True)
class Probe:
    """Points of a domain, and typical sizes of u there; a derivative is as large as that of a u that changes by its own size.

    Attributes:
        points: ``(N, d)``, float64.
        lengths: range of every coordinate.
        values: by how much every component of u varies.
        means: what it varies about.
    """

    points: Tensor
    lengths: Sequence[float]
    values: Sequence[float]
    means: Sequence[float]

    @staticmethod
    def of_unit_cube(dimension: int, outputs: int) -> Probe:
        """Return a probe for coordinates in [0, 1] and u of size 1."""
        points = torch.rand((COUNT, dimension), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return Probe(points, (1.0,) * dimension, (1.0,) * outputs, (0.0,) * outputs)

    def sizes(self, terms: Sequence[Term]) -> Tensor:
        """Return the typical size of every term, ``(K,)``."""
        found = [self.values[component] / math.prod(self.lengths[axis] for axis in axes) for component, axes in terms]
        return torch.tensor(found, dtype=torch.float64)

    def jets(self, terms: Sequence[Term], count: int, seed: int, points: Tensor | None = None) -> Tensor:
        """Draw values of u and its derivatives, normal, ``(count, N, K)``; those of a term do not depend on which others there are.

        Args:
            terms: which.
            count: draws.
            seed: of the draws.
            points: where (None: at those of the probe).
        """
        number = len(self.points) if points is None else len(points)
        middle = torch.tensor([0.0 if axes else self.means[component] for component, axes in terms], dtype=torch.float64)
        normal = [
            torch.randn((count, number), generator=torch.Generator().manual_seed(_seed_of(seed, term)), dtype=torch.float64)
            for term in terms
        ]
        return middle + self.sizes(terms) * torch.stack(normal, -1)


def _seed_of(seed: int, term: Term) -> int:
    component, axes = term
    code = (seed * _STRIDE + component) * _STRIDE
    for k, axis in enumerate(axes):
        code += (axis + 1) << 4 * k
    return code


_STRIDE = 100_003
