"""The Jacobian of the rows of E networks in all their weights, kept as the factors that it is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class LayerFactors:
    """What the derivative in the weights of one layer is made of.

    A *stream* is a value or one derivative at one point: the values of all points first, then the derivatives, one after the other,
    of the points that have some. The derivative of a row of point i in the weights is the sum over the streams of i of the outer
    product of what enters the layer and of the slope of the row in what leaves it.

    Attributes:
        inputs: what enters, and 1 for the bias of a value, ``(E, S, in + 1)``.
        slopes: of the rows of each equation in the pre-activations, ``(equations, E, S, out)``.
    """

    inputs: Tensor
    slopes: Tensor

    def select(self, index: Tensor) -> LayerFactors:
        """Return those of some of the networks."""
        return LayerFactors(self.inputs[index], self.slopes[:, index])


@dataclass(frozen=True)
class NetworkJacobian:
    """J, ``(E, R, P)``, without its entries: products with it, and ``J Jᵀ``, come from the factors of the layers.

    The rows are those of a batch of networks: the equations point by point, then one for each further point. So a matrix as long as
    the weights is only made where it is cheaper than its factors.

    Attributes:
        layers: from the first to the last.
        points: number N + M of points.
        sloped: number of points with derivatives, the first ones.
        interior: number N of points with rows of all equations; the others have one row, which counts to the first equation.
    """

    layers: tuple[LayerFactors, ...]
    points: int
    sloped: int
    interior: int

    @property
    def episodes(self) -> int:
        """Number E of networks."""
        return self.layers[0].inputs.shape[0]

    @property
    def equations(self) -> int:
        """Number of equations."""
        return self.layers[0].slopes.shape[0]

    @property
    def rows(self) -> int:
        """Number R of rows."""
        return self.interior * self.equations + self.points - self.interior

    @property
    def columns(self) -> int:
        """Number P of weights."""
        return sum(layer.inputs.shape[-1] * layer.slopes.shape[-1] for layer in self.layers)

    def select(self, index: Tensor) -> NetworkJacobian:
        """Return that of some of the networks."""
        return replace(self, layers=tuple(layer.select(index) for layer in self.layers))

    def update(self, index: Tensor, other: NetworkJacobian) -> None:
        """Put the factors of other networks in place of those of some."""
        for mine, new in zip(self.layers, other.layers, strict=True):
            mine.inputs[index], mine.slopes[:, index] = new.inputs, new.slopes

    def dense(self) -> Tensor:
        """Return J itself, ``(E, R, P)``."""
        return torch.cat([self._dense(layer) for layer in self.layers], -1)

    def times(self, vectors: Tensor) -> Tensor:
        """Return ``J p``, ``(E, R)``, for vectors as long as the weights, ``(E, P)``."""
        sizes = [layer.inputs.shape[-1] * layer.slopes.shape[-1] for layer in self.layers]
        total: Tensor | None = None
        for layer, part in zip(self.layers, torch.split(vectors, sizes, -1), strict=True):
            moved = layer.inputs @ part.view(self.episodes, layer.inputs.shape[-1], -1)
            each = (layer.slopes * moved).sum(-1)
            total = each if total is None else total + each
        assert total is not None
        return self._as_rows(self._folded(total))

    def transposed_times(self, rows: Tensor) -> Tensor:
        """Return ``Jᵀ y``, ``(E, P)``, for one number per row, ``(E, R)``."""
        weights = self._by_stream(rows)[..., None]
        parts = []
        for layer in self.layers:
            if self.equations > 1:
                product = layer.inputs.mT @ (weights * layer.slopes).sum(0)
            elif layer.inputs.shape[-1] < layer.slopes.shape[-1]:
                product = (weights[0] * layer.inputs).mT @ layer.slopes[0]
            else:
                product = layer.inputs.mT @ (weights[0] * layer.slopes[0])
            parts.append(product.flatten(1))
        return torch.cat(parts, -1)

    def gram(self) -> Tensor:
        """Return ``J Jᵀ``, ``(E, R, R)``.

        A layer adds ``(A Aᵀ) ∘ (B Bᵀ)`` of its inputs A and slopes B, summed over the streams of the rows; one whose weights are few
        adds the product of its columns of J.
        """
        count, on_cpu = self.episodes, self.layers[0].inputs.device.type == "cpu"
        if not on_cpu or count <= _AT_A_TIME:
            return self._gram()
        return torch.cat([self._part(slice(k, k + _AT_A_TIME))._gram() for k in range(0, count, _AT_A_TIME)])

    def normal(self) -> Tensor:
        """Return ``JᵀJ``, ``(E, P, P)``."""
        matrix = self.dense()
        return matrix.mT @ matrix

    def _part(self, index: slice) -> NetworkJacobian:
        """Return that of neighbouring networks, as views."""
        return replace(self, layers=tuple(LayerFactors(each.inputs[index], each.slopes[:, index]) for each in self.layers))

    def _gram(self) -> Tensor:
        wide = [layer for layer in self.layers if self._factored(layer)]
        narrow = [self._dense(layer) for layer in self.layers if not self._factored(layer)]
        total = self._factored_gram(wide) if wide else None
        if narrow:
            matrix = torch.cat(narrow, -1)
            return matrix @ matrix.mT if total is None else torch.baddbmm(total, matrix, matrix.mT)
        assert total is not None
        return total

    def _factored(self, layer: LayerFactors) -> bool:
        """Whether the Gram matrix of a layer takes fewer operations from its factors than from its part of J."""
        streams, width, out = layer.inputs.shape[-2], layer.inputs.shape[-1], layer.slopes.shape[-1]
        from_factors = 0.6 * (streams * self.equations) ** 2 * (width / self.equations + out + _ENTRY)
        return from_factors < self.rows**2 * width * out + _BUILDING * streams * self.equations * width * out

    def _factored_gram(self, layers: list[LayerFactors]) -> Tensor:
        first = layers[0].inputs
        blocks = [
            [self._gram_of(layers, e, f) if f <= e else None for f in range(self.equations)] for e in range(self.equations)
        ]
        if self.equations == 1:
            assert blocks[0][0] is not None
            return blocks[0][0]
        gram = first.new_zeros((first.shape[0], self.rows, self.rows))
        inner, q = self.interior, self.equations
        split = inner * q
        for e in range(q):
            for f in range(e + 1):
                block = blocks[e][f]
                assert block is not None
                gram[:, e:split:q, f:split:q] = block[:, :inner, :inner]
                gram[:, f:split:q, e:split:q] = block[:, :inner, :inner].mT
            column = blocks[e][0]
            assert column is not None
            gram[:, e:split:q, split:] = column[:, :inner, inner:]
            gram[:, split:, e:split:q] = column[:, :inner, inner:].mT
        corner = blocks[0][0]
        assert corner is not None
        gram[:, split:, split:] = corner[:, inner:, inner:]
        return gram

    def _gram_of(self, layers: list[LayerFactors], e: int, f: int) -> Tensor:
        """Return the Gram matrix of the rows of equation e with those of equation f, ``(E, N + M, N + M)``, point by point."""
        n, d, streams = self.points, self.sloped, layers[0].inputs.shape[-2]
        total = self._folded(self._strip(layers, e, f, 0, n, n if e == f else streams))
        below: Tensor | None = None
        for start in range(n, streams, d or 1):
            # a strip of streams against those before it and itself; what lies above is the transpose, unless the equations differ
            if e != f:
                total[:, :d] += self._folded(self._strip(layers, e, f, start, start + d, streams))
                continue
            strip = self._strip(layers, e, f, start, start + d, start + d)
            total[:, :d, :d] += strip[..., start:]
            part = self._folded(strip[..., :start])
            below = part if below is None else below.add_(part)
        if below is not None:
            total[:, :d] += below
            total[..., :d] += below.mT
        return total

    def _strip(self, layers: list[LayerFactors], e: int, f: int, start: int, stop: int, end: int) -> Tensor:
        """Return the products of the streams from ``start`` to ``stop`` with those before ``end``."""
        total: Tensor | None = None
        for layer in layers:
            inputs = layer.inputs[:, start:stop] @ layer.inputs[:, :end].mT
            slopes = layer.slopes[e][:, start:stop] @ layer.slopes[f][:, :end].mT
            total = inputs.mul_(slopes) if total is None else total.addcmul_(inputs, slopes)
        assert total is not None
        return total

    def _dense(self, layer: LayerFactors) -> Tensor:
        """Return the columns of J that belong to the weights of a layer, ``(E, R, (in + 1) · out)``."""
        n, d = self.points, self.sloped
        each = []
        for slopes in layer.slopes:
            total = (layer.inputs[:, :n, :, None] * slopes[:, :n, None]).flatten(2)
            for at in range(n, layer.inputs.shape[-2], d or 1):
                span = slice(at, at + d)
                total[:, :d] += (layer.inputs[:, span, :, None] * slopes[:, span, None]).flatten(2)
            each.append(total)
        return self._as_rows(torch.stack(each))

    def _folded(self, values: Tensor) -> Tensor:
        """Add the streams of each point along the last axis, ``(..., S)`` to ``(..., N + M)``."""
        total = values[..., : self.points].clone()
        for at in range(self.points, values.shape[-1], self.sloped or 1):
            total[..., : self.sloped] += values[..., at : at + self.sloped]
        return total

    def _as_rows(self, values: Tensor) -> Tensor:
        """Put what there is for each equation and point, ``(equations, E, N + M, ...)``, in the order of the rows, ``(E, R, ...)``."""
        inner = values[:, :, : self.interior].movedim(0, 2).flatten(1, 2)
        return torch.cat((inner, values[0, :, self.interior :]), 1)

    def _by_stream(self, rows: Tensor) -> Tensor:
        """Return the number of the row at every stream, ``(equations, E, S)``."""
        split = self.interior * self.equations
        inner = rows[:, :split].view(self.episodes, self.interior, self.equations).permute(2, 0, 1)
        rest = rows[:, split:].expand(self.equations, -1, -1)
        if self.equations > 1:
            rest = torch.cat((rest[:1], torch.zeros_like(rest[1:])))
        values = torch.cat((inner, rest), -1)
        count = (self.layers[0].inputs.shape[-2] - self.points) // (self.sloped or 1)
        return torch.cat((values, *([values[..., : self.sloped]] * count)), -1)


_AT_A_TIME = 8
"""Networks whose matrices of streams are made together on a processor, so that they stay in its cache."""

_ENTRY = 12.0
"""What an entry of a matrix of streams costs beside the products that make it, in multiplications."""

_BUILDING = 8.0
"""The same for an entry of J for each stream that adds to it."""
