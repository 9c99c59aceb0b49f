"""Random features of a point: a one-hidden-layer network whose inner weights are drawn, not trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from pinndd.pinn.geometry.domain import Domain

Axes = tuple[int, ...]


class Inputs(Protocol):
    """What features are functions of: inputs z(x), which may depend on more than x, and their derivatives in x."""

    def derivative(self, points: Tensor, axes: Axes) -> Tensor:
        """Differentiate the inputs along ``axes``: ``(..., d)`` to ``(..., size)``."""

    def vanishes(self, axes: Axes) -> bool:
        """Whether that derivative of all inputs is zero everywhere."""


class Features(Protocol):
    """Functions of a point whose derivatives are known."""

    @property
    def width(self) -> int:
        """Number of features P."""

    def jets(self, points: Tensor, axes: Sequence[Axes]) -> list[Tensor]:
        """Differentiate the features: points ``(..., d)`` to one tensor ``(..., P)`` for each of ``axes``."""


@dataclass(frozen=True)
class Encoding:
    """The inputs that a network sees: every coordinate scaled to [-1, 1]; a periodic one as cosine and sine."""

    domain: Domain
    periodic: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Number of inputs."""
        return self.domain.dimension + len(self.periodic)

    def derivative(self, points: Tensor, axes: Axes) -> Tensor:
        """Differentiate the inputs along ``axes`` (one entry per derivative): ``(..., d)`` to ``(..., size)``."""
        columns: list[Tensor] = []
        for axis in range(self.domain.dimension):
            low, high = self.domain.low[axis], self.domain.high[axis]
            x, order = points[..., axis], len(axes)
            along = all(a == axis for a in axes)
            if axis in self.periodic:
                rate = 2 * math.pi / (high - low)
                for shift in (0.0, -math.pi / 2):  # cos and sin; each derivative adds a quarter turn
                    phase = rate * (x - low) + shift + order * math.pi / 2
                    columns.append(rate**order * phase.cos() if along else torch.zeros_like(x))
            elif order == 0:
                columns.append(2 * (x - low) / (high - low) - 1)
            else:
                columns.append(torch.full_like(x, 2 / (high - low)) if along and order == 1 else torch.zeros_like(x))
        return torch.stack(columns, -1)

    def vanishes(self, axes: Axes) -> bool:
        """Whether that derivative of all inputs is zero everywhere."""
        return len(set(axes)) > 1 or (len(axes) > 1 and axes[0] not in self.periodic)


@dataclass(frozen=True)
class RandomFeatures:
    """Features ``tanh(w_p · z(x) + b_p)`` with drawn weights, and all their derivatives in closed form.

    Attributes:
        encoding: the inputs z(x).
        weight: ``(P, size)``.
        bias: ``(P,)``.
    """

    encoding: Inputs
    weight: Tensor
    bias: Tensor

    @property
    def width(self) -> int:
        """Number of features P."""
        return self.weight.shape[0]

    def jets(self, points: Tensor, axes: Sequence[Axes]) -> list[Tensor]:
        """Differentiate the features.

        Args:
            points: ``(..., d)``.
            axes: one tuple per derivative; ``()`` is the value, ``(0, 0)`` the second derivative along the first axis.

        Returns:
            One tensor ``(..., P)`` per derivative, by Faà di Bruno's formula.
        """
        inner: dict[Axes, Tensor] = {}

        def slope(part: Axes) -> Tensor:
            if part not in inner:
                inner[part] = self.encoding.derivative(points, part) @ self.weight.T
            return inner[part]

        value = (slope(()) + self.bias).tanh()
        outer = tanh_derivatives(value, max(len(a) for a in axes))
        results: list[Tensor] = []
        for wanted in axes:
            if not wanted:
                results.append(value)
                continue
            total = torch.zeros_like(value)
            for partition in set_partitions(wanted):
                if any(self.encoding.vanishes(part) for part in partition):
                    continue
                product = outer[len(partition)]
                for part in partition:
                    product = product * slope(part)
                total = total + product
            results.append(total)
        return results


def draw_features(
    encoding: Encoding,
    width: int,
    scale: float,
    seed: int,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float64,
) -> RandomFeatures:
    """Draw random features whose steep parts lie in the domain.

    The weights are normal with standard deviation ``scale``; each feature's zero passes through a random point of the domain, so that
    none is constant there (Calabrò, Fabiani & Siettos 2021, doi 10.1016/j.cma.2021.114188).

    Args:
        encoding: the inputs.
        width: number of features P.
        scale: standard deviation of the weights, for inputs scaled to [-1, 1].
        seed: of the draw; the same on every device.
        device, dtype: of the features.
    """
    generator = torch.Generator().manual_seed(seed)
    weight = scale * torch.randn((width, encoding.size), generator=generator, dtype=torch.float64)
    unit = torch.rand((width, encoding.domain.dimension), generator=generator, dtype=torch.float64)
    centers = encoding.derivative(encoding.domain.scale(unit), ())
    bias = -(weight * centers).sum(-1)
    return RandomFeatures(encoding, weight.to(device, dtype), bias.to(device, dtype))


def tanh_derivatives(value: Tensor, order: int) -> list[Tensor]:
    """Derivatives 0 … order of tanh from its value v: derivative n is ``(1 - v²) q_n(v)``, with ``q_1 = 1`` and
    ``q_(n+1) = (1 - v²) q_n' - 2 v q_n``."""
    results, polynomial = [value], [1.0]
    if order:
        results.append(1 - value * value)
    for _ in range(order - 1):
        slope = [k * c for k, c in enumerate(polynomial)][1:]
        following = [0.0] * (len(polynomial) + 1)
        for k, c in enumerate(slope):
            following[k] += c
            following[k + 2] -= c
        for k, c in enumerate(polynomial):
            following[k + 1] -= 2 * c
        polynomial = following
        results.append(_evaluate(polynomial, value) * results[1])
    return results


def _evaluate(polynomial: list[float], value: Tensor) -> Tensor:
    """Evaluate a polynomial (coefficients of rising powers) of positive degree by Horner's rule."""
    total = polynomial[-1] * value
    for c in reversed(polynomial[1:-1]):
        total = (total + c if c else total) * value
    return total + polynomial[0] if polynomial[0] else total


def set_partitions(items: Axes) -> list[list[Axes]]:
    """All partitions of the positions of ``items`` into non-empty parts."""
    if not items:
        return [[]]
    first, rest = items[0], items[1:]
    results: list[list[Axes]] = []
    for smaller in set_partitions(rest):
        results.append([(first,), *smaller])
        for k, part in enumerate(smaller):
            results.append([*smaller[:k], tuple(sorted((first, *part))), *smaller[k + 1 :]])
    return results
