"""A batch of tanh MLPs with stacked weights, and their derivatives by Taylor mode."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from pinndd.pinn.features import Axes, Encoding, set_partitions, tanh_derivatives


@dataclass(frozen=True)
class Streams:
    """What enters the first layer: the encoded points and the derivatives of that encoding.

    Attributes:
        values: encoded points ``(..., N + M, I)``; the last M are asked for values only.
        slopes: non-zero derivatives of the encoding at the first N points, ``(..., N, I)``, or ``(1, I)`` where they do not
            depend on the point.
        count: N.
    """

    values: Tensor
    slopes: dict[Axes, Tensor]
    count: int


@dataclass
class Tap:
    """Inputs and pre-activations of one layer, for derivatives in its weights.

    Attributes:
        inputs: inputs of the layer by derivative, ``(E, N, in)`` each, those of ``()`` with M rows more.
        outputs: what the layer returns before its activation, ``(E, N, out)``, likewise.
    """

    inputs: dict[Axes, Tensor] = field(default_factory=dict)
    outputs: dict[Axes, Tensor] = field(default_factory=dict)


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
        """Draw the initial weights ``(E, P)`` of one network a seed: Glorot normal, biases zero.

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
            axes: one sorted tuple a derivative; ``()`` is the value, ``(0, 1)`` the mixed second derivative.
            extra: further inputs ``(N, C)`` or ``(E, N, C)``, where the network has them.

        Returns:
            One tensor ``(E, N, outputs)`` a derivative.
        """
        results = self.propagate(parameters, self.streams(points, axes, extra), axes)
        return [results[a] for a in axes]

    def streams(
        self, points: Tensor, axes: Sequence[Axes], extra: Tensor | None = None, *, values_at: Tensor | None = None
    ) -> Streams:
        """Encode points ``(N, d)`` or ``(E, N, d)``, and points ``values_at`` of like shape where only u itself is needed.

        ``extra`` holds further inputs of both, those of ``values_at`` last.

        Raises:
            ValueError: further inputs are missing, or of the wrong number.
        """
        given = 0 if extra is None else extra.shape[-1]
        if given != self.extra:
            raise ValueError(f"MLP: {given} further inputs given, expected extra={self.extra}")
        slopes: dict[Axes, Tensor] = {}
        for part in closure(axes):
            if part and not self.encoding.vanishes(part):
                constant = part[0] not in self.encoding.periodic
                slope = self.encoding.derivative(points.flatten(0, -2)[:1] if constant else points, part)
                slopes[part] = torch.nn.functional.pad(slope, (0, self.extra))
        everywhere = points if values_at is None else torch.cat((points, values_at), -2)
        values = self.encoding.derivative(everywhere, ())
        if extra is not None:
            batch = values.shape[:-2] or extra.shape[:-2]
            values = torch.cat((values.expand(*batch, -1, -1), extra.expand(*batch, -1, -1)), -1)
        return Streams(values, slopes, points.shape[-2])

    def propagate(
        self, parameters: Tensor, streams: Streams, axes: Sequence[Axes], taps: list[Tap] | None = None
    ) -> dict[Axes, Tensor]:
        """Push values and derivatives through all layers.

        Args:
            parameters: ``(E, P)``.
            streams: from `streams`.
            axes: the derivatives to return.
            taps: a list to which one `Tap` a layer is appended.

        Returns:
            For ``()`` values ``(E, N + M, outputs)``, for each other of ``axes`` its derivative ``(E, N, outputs)``.
        """
        needed, layers = closure(axes), self.unpack(parameters)
        current = {(): streams.values, **streams.slopes}
        if taps is not None:  # one row a point, so that the slopes of each point can be told apart
            current = {a: t.expand(*t.shape[:-2], streams.count, -1) if a else t for a, t in current.items()}
        for depth, (weight, bias) in enumerate(layers):
            last = depth == len(layers) - 1
            wanted = [a for a in dict.fromkeys(((), *axes)) if a in current] if last else list(current)
            outputs = {a: _linear(current[a], weight, None if a else bias) for a in wanted}
            if taps is not None:
                taps.append(Tap({a: current[a] for a in wanted}, outputs))
            current = outputs if last else _activate(outputs, needed, streams.count)
        return current


def closure(axes: Sequence[Axes]) -> tuple[Axes, ...]:
    """Return the derivatives that those in ``axes`` need in a hidden layer: all parts of each, lower orders first."""
    found: set[Axes] = {()}
    for wanted in axes:
        for k in range(2 ** len(wanted)):
            found.add(tuple(a for position, a in enumerate(wanted) if k >> position & 1))
    return tuple(sorted(found, key=lambda a: (len(a), a)))


def _linear(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Apply one layer of E networks to ``(E, N, in)`` or to inputs ``(N, in)`` that they share."""
    if inputs.dim() == 2:
        inputs = inputs.expand(weight.shape[0], -1, -1)
    return torch.bmm(inputs, weight) if bias is None else torch.baddbmm(bias, inputs, weight)


def _activate(inputs: dict[Axes, Tensor], needed: tuple[Axes, ...], count: int) -> dict[Axes, Tensor]:
    """Apply tanh: derivative w of tanh(z) is ``Σ_partitions tanh^(parts)(z) · Π_part z_part``; absent inputs are zero."""
    value = inputs[()].tanh()
    order = len(needed[-1])
    outer = tanh_derivatives(value[:, :count], order)
    results: dict[Axes, Tensor] = {(): value}
    for wanted in needed[1:]:
        total: Tensor | None = None
        for partition in set_partitions(wanted):
            if not all(part in inputs for part in partition):
                continue
            product = outer[len(partition)]
            for part in partition:
                product = product * inputs[part]
            total = product if total is None else total + product
        if total is not None:
            results[wanted] = total
    return results
