"""A batch of tanh MLPs with stacked weights, and their derivatives by Taylor mode."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from pinndd.pinn.jets.features import Axes, Encoding
from pinndd.pinn.jets.tanh_jets import closure, tanh_jets


@dataclass(frozen=True)
class Streams:
    """What enters a layer, or leaves it: values, and derivatives in the points.

    Attributes:
        values: ``(E, N + M, width)``, at the last M points without derivatives; no first axis if shared by all networks.
        slopes: ``(E, K, N, width)``, the derivatives of `closure`; ``(E, K, 1, width)`` if the same at every point.
        count: N.
    """

    values: Tensor
    slopes: Tensor
    count: int

    def expanded(self) -> Streams:
        """Return the same with one row of slopes per point."""
        return replace(self, slopes=self.slopes.expand(*self.slopes.shape[:-2], self.count, -1))


Tap = tuple[Streams, Streams]
"""Inputs and pre-activations of one layer, for derivatives in its weights."""


@dataclass(frozen=True)
class MLP:
    """E fully connected tanh networks of one shape, evaluated together.

    The weights of all layers of a network are one row of a tensor ``(E, P)``: a training step is then a pure function of
    plain tensors. Derivatives in the points are pushed through the layers beside the values (Taylor mode), to any order, by
    Faà di Bruno's formula; each costs about as much as the value.

    Args:
        encoding: scales the coordinates to [-1, 1] and makes periodic ones periodic.
        hidden: width of every hidden layer.
        outputs: components of u.
        extra: number C of further inputs, which no derivative is taken in: the condition of a conditioned network.

    Raises:
        ValueError: there is no hidden layer, or a width is not positive.
    """

    encoding: Encoding
    hidden: tuple[int, ...] = (32, 32, 32)
    outputs: int = 1
    extra: int = 0

    def __post_init__(self) -> None:
        if not self.hidden or min(*self.hidden, self.outputs) < 1 or self.extra < 0:
            raise ValueError(
                f"MLP: hidden={self.hidden}, outputs={self.outputs} and extra={self.extra}: expected at least one hidden "
                "layer, positive widths, and no negative number of further inputs"
            )

    @cached_property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of every layer."""
        widths = (self.encoding.size + self.extra, *self.hidden, self.outputs)
        return tuple(pairwise(widths))

    @cached_property
    def parameter_count(self) -> int:
        """Number P of weights and biases of one network."""
        return sum((fan_in + 1) * fan_out for fan_in, fan_out in self.layers)

    def initial(
        self, seeds: Sequence[int], *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float64
    ) -> Tensor:
        """Draw the initial weights ``(E, P)`` of one network per seed: Glorot normal, biases zero.

        A pure function of the seeds, the same on every device (Glorot & Bengio 2010).
        """
        rows = []
        for seed in seeds:
            generator = torch.Generator().manual_seed(seed)
            parts = []
            for fan_in, fan_out in self.layers:
                weight = torch.randn(fan_in * fan_out, generator=generator, dtype=torch.float64)
                parts += [math.sqrt(2 / (fan_in + fan_out)) * weight, weight.new_zeros(fan_out)]
            rows.append(torch.cat(parts))
        return torch.stack(rows).to(device, dtype)

    def unpack(self, parameters: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return weight ``(E, in, out)`` and bias ``(E, 1, out)`` of every layer, as views."""
        sizes = [size for fan_in, fan_out in self.layers for size in (fan_in * fan_out, fan_out)]
        flat = iter(torch.split_with_sizes(parameters, sizes, -1))
        count = parameters.shape[0]
        return [(next(flat).view(count, *layer), next(flat).view(count, 1, layer[1])) for layer in self.layers]

    def jets(self, parameters: Tensor, points: Tensor, axes: Sequence[Axes], extra: Tensor | None = None) -> list[Tensor]:
        """Evaluate u and derivatives of it.

        Args:
            parameters: ``(E, P)``.
            points: shared by all networks ``(N, d)``, or each its own ``(E, N, d)``.
            axes: one sorted tuple per derivative; ``()`` is the value, ``(0, 1)`` the mixed second derivative.
            extra: further inputs ``(N, C)`` or ``(E, N, C)``, where the network has them.

        Returns:
            One tensor ``(E, N, outputs)`` per derivative.
        """
        results = self.propagate(parameters, self.streams(points, axes, extra), axes)
        parts = closure(axes)
        return [results.slopes[:, parts.index(a)] if a else results.values for a in axes]

    def streams(
        self, points: Tensor, axes: Sequence[Axes], extra: Tensor | None = None, *, values_at: Tensor | None = None
    ) -> Streams:
        """Encode points.

        Args:
            points: ``(N, d)`` or ``(E, N, d)``.
            axes: the derivatives wanted there.
            extra: further inputs ``(N + M, C)`` or ``(E, N + M, C)``, where the network has them.
            values_at: M more points, where only u itself is wanted.

        Raises:
            ValueError: further inputs are missing, or of the wrong number.
        """
        given = 0 if extra is None else extra.shape[-1]
        if given != self.extra:
            raise ValueError(f"MLP: {given} further inputs given, expected extra={self.extra}")
        everywhere = points if values_at is None else torch.cat((points, values_at), -2)
        values = self.encoding.derivative(everywhere, ())
        if extra is not None:
            batch = values.shape[:-2] or extra.shape[:-2]
            values = torch.cat((values.expand(*batch, -1, -1), extra.expand(*batch, -1, -1)), -1)
        # the slopes of scaled coordinates are the same everywhere; those of periodic ones are not
        where = points if self.encoding.periodic else points[..., :1, :]
        slopes = [self.encoding.derivative(where, part) for part in closure(axes)]
        stacked = torch.stack(slopes, -3) if slopes else values.new_zeros((*values.shape[:-2], 0, 1, self.encoding.size))
        return Streams(values, torch.nn.functional.pad(stacked, (0, self.extra)), points.shape[-2])

    def propagate(
        self, parameters: Tensor, streams: Streams, axes: Sequence[Axes], taps: list[Tap] | None = None
    ) -> Streams:
        """Push values and derivatives through all layers.

        Args:
            parameters: ``(E, P)``.
            streams: from `streams`.
            axes: the derivatives wanted, as there.
            taps: a list to which one `Tap` per layer is appended.

        Returns:
            Values ``(E, N + M, outputs)`` and slopes ``(E, K, N, outputs)``.
        """
        parts, current = closure(axes), streams if taps is None else streams.expanded()
        for depth, (weight, bias) in enumerate(self.unpack(parameters)):
            if depth:
                current = Streams(*tanh_jets(current.values, current.slopes, parts, current.count), current.count)
            outputs = _linear(current, weight, bias)
            if taps is not None:
                taps.append((current, outputs))
            current = outputs
        return current


def _linear(inputs: Streams, weight: Tensor, bias: Tensor) -> Streams:
    """Apply one layer of E networks to inputs of their own, or to inputs that they share."""
    count, (fan_in, fan_out) = weight.shape[0], weight.shape[1:]
    values = torch.baddbmm(bias, inputs.values.expand(count, -1, -1), weight)
    flat = inputs.slopes.flatten(-3, -2).expand(count, -1, fan_in)
    return Streams(values, torch.bmm(flat, weight).view(count, *inputs.slopes.shape[-3:-1], fan_out), inputs.count)
