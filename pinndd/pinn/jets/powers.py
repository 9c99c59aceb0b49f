"""Singular features at a corner of the domain: powers of the complex distance, and all their derivatives in closed form."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.pinn.jets.features import Axes, Features

_NEAREST = 1e-12
"""Distance from the corner below which derivatives, which are infinite there, no longer grow."""

_FADING = 4
"""The exponent m of the factor by which features end at their reach."""


@dataclass(frozen=True)
class CornerPowers:
    """Real and imaginary parts of ``z^p z̄^q`` with ``z = slope · (x - corner)``, a linear map of the plane into the complex numbers.

    The cut, where a power is discontinuous, runs along the negative real axis of z. With fractional p and q = 0 they are what
    solutions of Laplace's equation consist of near a corner (Grisvard, Elliptic Problems in Nonsmooth Domains, 1985); with q > 0
    they allow for terms of lower order. Where ``reach`` is finite, they are multiplied by ``(1 - |z|² / reach²)^m`` and end there.

    Attributes:
        corner: its place.
        slope: derivative of z in each of the two coordinates, not parallel.
        reach: the |z| up to which they reach; infinite for all of the plane.
        powers: the pairs (p, q), p + q > 0.
    """

    corner: tuple[float, float]
    slope: tuple[complex, complex]
    reach: float
    powers: tuple[tuple[float, int], ...]

    @property
    def width(self) -> int:
        """Number of features, two for each power."""
        return 2 * len(self.powers)

    def jets(self, points: Tensor, axes: Sequence[Axes]) -> list[Tensor]:
        """Differentiate the features: points ``(..., 2)`` to one tensor ``(..., P)`` for each of ``axes``."""
        offset = points - points.new_tensor(self.corner)
        real, imaginary = (
            sum(getattr(s, part) * offset[..., k] for k, s in enumerate(self.slope)) for part in ("real", "imag")
        )
        radius = torch.hypot(real, imaginary).clamp_min(_NEAREST)[..., None]
        angle = torch.atan2(imaginary, real)[..., None]
        if math.isinf(self.reach):
            return [self._derivative(radius, angle, wanted, 0) for wanted in axes]
        factors = [math.comb(_FADING, k) * (-1 / self.reach**2) ** k for k in range(_FADING + 1)]
        faded = [sum(f * self._derivative(radius, angle, wanted, k) for k, f in enumerate(factors)) for wanted in axes]
        return [torch.where(radius < self.reach, jet, 0.0) for jet in faded]

    def _derivative(self, radius: Tensor, angle: Tensor, axes: Axes, higher: int) -> Tensor:
        """Expand ``Π_axes (slope ∂_z + conj(slope) ∂_z̄)``, applied to every power times ``|z|^(2 higher)``."""
        order = len(axes)
        powers = [(p + higher, q + higher) for p, q in self.powers]
        parts = []
        for in_z, factor in enumerate(_expanded([self.slope[a] for a in axes])):
            in_conjugate = order - in_z
            size = [math.prod(p - k for k in range(in_z)) * math.prod(q - k for k in range(in_conjugate)) for p, q in powers]
            modulus = abs(factor) * radius.new_tensor(size) * radius ** radius.new_tensor([p + q - order for p, q in powers])
            phase = angle * radius.new_tensor([p - in_z - q + in_conjugate for p, q in powers]) + cmath.phase(factor)
            parts.append(torch.cat((modulus * phase.cos(), modulus * phase.sin()), -1))
        return torch.stack(parts).sum(0)


@dataclass(frozen=True)
class JoinedFeatures:
    """Several families of features, side by side.

    Attributes:
        parts: the families.
    """

    parts: tuple[Features, ...]

    @property
    def width(self) -> int:
        """Number of features P."""
        return sum(part.width for part in self.parts)

    def jets(self, points: Tensor, axes: Sequence[Axes]) -> list[Tensor]:
        """Differentiate the features: points ``(..., d)`` to one tensor ``(..., P)`` for each of ``axes``."""
        return [torch.cat(jets, -1) for jets in zip(*(part.jets(points, axes) for part in self.parts), strict=True)]


@dataclass(frozen=True)
class Constant:
    """One feature, which is 1 everywhere."""

    width: int = 1

    def jets(self, points: Tensor, axes: Sequence[Axes]) -> list[Tensor]:
        """Differentiate the feature: points ``(..., d)`` to one tensor ``(..., 1)`` for each of ``axes``."""
        one = torch.ones_like(points[..., :1])
        return [torch.zeros_like(one) if wanted else one for wanted in axes]


def _expanded(slopes: Sequence[complex]) -> list[complex]:
    """Return the coefficients of ``Π (s z + conj(s) w)`` by rising powers of z."""
    result = [1 + 0j]
    for slope in slopes:
        longer = [0j] * (len(result) + 1)
        for k, c in enumerate(result):
            longer[k] += c * slope.conjugate()
            longer[k + 1] += c * slope
        result = longer
    return result
