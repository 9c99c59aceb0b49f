"""Rows of the least-squares problem of a PINN that is linear in its trained weights, whatever its features depend on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement, product

import torch
from torch import Tensor

from pinndd.pinn.jets.residual import PointwiseResidual


@dataclass(frozen=True)
class Rows:
    """Weighted rows of ``u = offset + size · Σ_p θ_p φ_p``: the residual in the interior, then the misfit of every condition.

    Attributes:
        residual: the equation, with K terms in its jet.
        outputs: components of u; the weights of a model are ``(outputs · P)``.
        points: interior points ``(N, d)``.
        jets: features and their derivatives there, ``(A, N, P)``, one for each of ``residual.axes``.
        interior_scale: square root of the weight of each interior row, ``(N, equations)``, or ``(N, 1)`` for all equations.
        boundary: derivative of the boundary rows in the weights, scaled, ``(M, outputs · P)``.
        targets: boundary values less those of the offset, scaled, ``(E, M)``.
        sizes: of every component, ``(outputs,)``.
        offset: jet of the offset in the interior, ``(N, K)`` (None: zero).
    """

    residual: PointwiseResidual
    outputs: int
    points: Tensor
    jets: Tensor
    interior_scale: Tensor
    boundary: Tensor
    targets: Tensor
    sizes: Tensor
    offset: Tensor | None = None

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The tensors that the rows are made of, in the order of the attributes."""
        given = (self.points, self.jets, self.interior_scale, self.boundary, self.targets, self.sizes, self.offset)
        return tuple(each for each in given if each is not None)

    def with_tensors(self, tensors: Sequence[Tensor]) -> Rows:
        """Return rows of the same equation made of others, of the same shapes."""
        rows = Rows(self.residual, self.outputs, *tensors)
        # numbers of terms do not change, and were copied to the device
        rows.__dict__.update(terms_of=self.terms_of, _places=self._places)
        return rows

    def system(self, slopes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the rows of the PDE linearised at the offset: matrix ``(R, outputs · P)`` and right-hand sides ``(E, R)``.

        Args:
            slopes: derivative of the residual in the jet, ``(N, equations, K)`` (None: at the offset).
        """
        at = self.points.new_zeros((self.points.shape[0], len(self.residual.terms))) if self.offset is None else self.offset
        values, own = self.residual.linearise(self.points, at, create_graph=torch.is_grad_enabled())
        matrix = torch.cat((self.interior(own if slopes is None else slopes), self.boundary))
        right = -(self.interior_scale * values).flatten()
        return matrix, torch.cat((right.expand(self.targets.shape[0], -1), self.targets), -1)

    def residuals(self, weights: Tensor) -> Tensor:
        """Return the weighted rows ``(E, R)`` at weights ``(E, outputs · P)``."""
        return self._joined(self.residual(self.points, self.jet_values(weights)), weights)

    def linearise(self, weights: Tensor) -> tuple[Tensor, RowsJacobian]:
        """Return the rows ``(E, R)`` and their Jacobian in the weights ``(E, outputs · P)``, which is computed once it is needed."""
        values, slopes = self.residual.trace(self.points.detach(), self.jet_values(weights))
        return self._joined(values.detach(), weights), RowsJacobian(self, slopes, len(weights))

    def _joined(self, interior: Tensor, weights: Tensor) -> Tensor:
        """Return the weighted rows ``(E, R)`` from the residuals ``(E, N, equations)``."""
        return torch.cat(((self.interior_scale * interior).flatten(1), weights @ self.boundary.T - self.targets), -1)

    def curvature(self, weights: Tensor) -> RowsCurvature:
        """Return ``Σ_rows row · ∂²row/∂θ²``."""
        at = self.jet_values(weights)
        weighted = self.residual(self.points, at).detach() * self.interior_scale.square()
        return RowsCurvature(self, torch.einsum("enq,enqkl->enkl", weighted, self.residual.curvature(self.points, at)))

    def jet_values(self, weights: Tensor) -> Tensor:
        """Return u and its derivatives at the interior points, ``(E, N, K)``."""
        values = self.changes(weights)
        return values if self.offset is None else values + self.offset

    def changes(self, weights: Tensor) -> Tensor:
        """Return what the weights add to u and its derivatives at the interior points, ``(E, N, K)``."""
        count, outputs = len(weights), self.outputs
        blocks = weights.reshape(count, outputs, -1) * self.sizes[:, None]
        added = (blocks.flatten(0, 1) @ self.jets.flatten(0, 1).T).view(count, outputs, len(self.jets), -1)
        # the terms of one component are the axes themselves
        return (added[:, 0] if outputs == 1 else added[:, self._places[1], self._places[0]]).mT

    def transposed_changes(self, values: Tensor) -> Tensor:
        """Return the transpose of `changes` times one value per entry of the jet, ``(E, N, K)``: ``(E, outputs · P)``."""
        count, outputs = len(values), self.outputs
        if outputs == 1:
            felt = values.mT
        else:
            felt = values.new_zeros((count, outputs, len(self.jets), values.shape[1]))
            felt[:, self._places[1], self._places[0]] = values.mT
        blocks = (felt.reshape(count * outputs, -1) @ self.jets.flatten(0, 1)).view(count, outputs, -1) * self.sizes[:, None]
        return blocks.flatten(1)

    @cached_property
    def products(self) -> list[Tensor]:
        """For every component with n terms, the products of what weights add to these between the points, ``(N, n, n · N)`` each."""
        count = len(self.points)
        found = []
        for component, (_, axes) in enumerate(self.terms_of):
            flat = self.sizes[component] * self.jets[axes].flatten(0, 1)
            found.append((flat @ flat.T).reshape(len(axes), count, -1).transpose(0, 1).contiguous())
        return found

    @cached_property
    def terms_of(self) -> list[tuple[Tensor, Tensor]]:
        """For every component the numbers of its terms among those of the jet, and of their axes, on the device of the points."""
        found = []
        for component in range(self.outputs):
            pairs = [(k, self.residual.axes.index(axes)) for k, (c, axes) in enumerate(self.residual.terms) if c == component]
            terms, numbers = torch.tensor(pairs, device=self.points.device).T
            found.append((terms, numbers))
        return found

    @cached_property
    def boundary_products(self) -> tuple[Tensor, Tensor]:
        """Products of the boundary rows with what the weights add to the jet, ``(N, K, M)``, and with each other, ``(M, M)``."""
        axes, components = self._places
        blocks = self.boundary.reshape(len(self.boundary), self.outputs, -1) * self.sizes[:, None]
        met = torch.einsum("anp,mcp->nacm", self.jets, blocks)
        return met[:, axes, components].contiguous(), self.boundary @ self.boundary.T

    @cached_property
    def boundary_square(self) -> Tensor:
        """Products of the columns of the boundary rows, ``(outputs · P, outputs · P)``."""
        return self.boundary.T @ self.boundary

    @cached_property
    def _places(self) -> tuple[Tensor, Tensor]:
        """Of every term the number of its axes and its component, ``(K,)`` each, on the device of the points."""
        numbers = [(self.residual.axes.index(axes), c) for c, axes in self.residual.terms]
        axes, components = torch.tensor(numbers, device=self.points.device).T
        return axes, components

    def interior(self, slopes: Tensor) -> Tensor:
        """Return ``scale · Σ_k ∂r/∂jet_k · ∂jet_k/∂θ``, ``(..., N · equations, outputs · P)``, from slopes ``(..., N, eq, K)``."""
        blocks = self.blocks(self.interior_scale[..., None] * slopes)
        return (blocks[0] if self.outputs == 1 else torch.cat(blocks, -1)).flatten(-3, -2)

    def blocks(self, scaled: Tensor) -> list[Tensor]:
        """Return the parts of it that belong to each component, ``(..., N, eq, P)``, from the slopes of the weighted rows."""
        # one matrix product per point, of all models and equations together
        left, shape = scaled.movedim(-3, 0).flatten(1, -2), (*scaled.shape[:-3], scaled.shape[-2])
        products = (
            (self.sizes[component] * left[..., terms]) @ self.jets[axes].transpose(0, 1)
            for component, (terms, axes) in enumerate(self.terms_of)
        )
        return [each.reshape(-1, *shape, each.shape[-1]).movedim(0, -3) for each in products]


@dataclass(frozen=True)
class RowsJacobian:
    """J of the rows of E models, ``(E, R, P)``, without its entries: features are shared, and only the slopes of the residual differ.

    So products with it are products of all models with the features at once, and ``J Jᵀ`` weighs the products of features between
    points, which are computed once for all models and all steps of training.

    Attributes:
        of: the rows.
        linearised: returns the derivative of the residual in the jet, ``(E, N, equations, K)``.
        count: number E of models.
    """

    of: Rows
    linearised: Callable[[], Tensor]
    count: int

    @cached_property
    def slopes(self) -> Tensor:
        """The derivative of the residual in the jet, ``(E, N, equations, K)``."""
        return self.linearised()

    @property
    def rows(self) -> int:
        """Number R of rows."""
        return len(self.of.points) * self.of.residual.equations + len(self.of.boundary)

    @property
    def columns(self) -> int:
        """Number of weights of one model."""
        return self.of.boundary.shape[1]

    def dense(self) -> Tensor:
        """Return J itself, ``(E, R, P)``."""
        count, points, equations, _ = self.slopes.shape
        split, width = points * equations, self.of.jets.shape[-1]
        matrix = self.slopes.new_empty((count, self.rows, self.columns))
        matrix[:, split:] = self.of.boundary
        inner = matrix[:, :split].view(count, points, equations, -1)
        for part, block in zip(torch.split(inner, width, -1), self.of.blocks(self._scaled), strict=True):
            part.copy_(block)
        return matrix

    def times(self, vectors: Tensor) -> Tensor:
        """Return ``J p``, ``(E, R)``, for vectors as long as the weights, ``(E, P)``."""
        inner = (self._scaled * self.of.changes(vectors)[..., None, :]).sum(-1)
        return torch.cat((inner.flatten(1), vectors @ self.of.boundary.T), -1)

    def transposed_times(self, rows: Tensor) -> Tensor:
        """Return ``Jᵀ y``, ``(E, P)``, for one number per row, ``(E, R)``."""
        count = self.of.boundary.shape[0]
        inner = rows[:, : rows.shape[1] - count].reshape(self.slopes.shape[:3])
        outer = rows[:, rows.shape[1] - count :]
        return self.of.transposed_changes((inner[..., None] * self._scaled).sum(-2)) + outer @ self.of.boundary

    def select(self, index: Tensor) -> RowsJacobian:
        """Return that of some models."""
        return RowsJacobian(self.of, lambda: self.slopes[index], len(index))

    def gram(self) -> Tensor:
        """Return ``J Jᵀ``, ``(E, R, R)``."""
        if _ASKED * self.count < len(self.of.jets) ** 2:  # the products of features cost more than those of the models
            matrix = self.dense()
            return matrix @ matrix.mT
        gram = self.of.boundary.new_empty((self.count, self.rows, self.rows))
        together = max(1, _CACHED // gram[0].nbytes) if gram.device.type == "cpu" else len(gram)
        for some, scaled in zip(torch.split(gram, together), torch.split(self._scaled, together), strict=True):
            self._fill(some, scaled)
        return gram

    def normal(self) -> Tensor:
        """Return ``JᵀJ``, ``(E, P, P)``."""
        square, width, blocks = self.of.boundary_square, self.of.jets.shape[-1], self.of.blocks(self._scaled)
        normal = square.new_empty((len(self.slopes), *square.shape))
        places = [slice(component * width, (component + 1) * width) for component in range(self.of.outputs)]
        for c, d in combinations_with_replacement(range(self.of.outputs), 2):
            part = square[places[c], places[d]].expand(len(normal), -1, -1)
            for equation in range(self.slopes.shape[2]):
                if any(self._felt[c][equation]) and any(self._felt[d][equation]):
                    part = torch.baddbmm(part, blocks[c][:, :, equation].mT, blocks[d][:, :, equation])
            normal[:, places[c], places[d]] = part
            if c < d:
                normal[:, places[d], places[c]] = part.mT
        return normal

    def _fill(self, gram: Tensor, scaled: Tensor) -> None:
        """Write the products of the rows of some models, from the slopes of their weighted rows."""
        count, points, equations, _ = scaled.shape
        split = points * equations
        # one matrix product per point, of all models together
        left = scaled.transpose(0, 1).flatten(1, 2).contiguous()
        beside, corner = self.of.boundary_products
        met = (left @ beside).view(points, count, equations, -1).transpose(0, 1).flatten(1, 2)
        gram[:, :split, split:], gram[:, split:, :split], gram[:, split:, split:] = met, met.mT, corner
        inner = gram[:, :split, :split].view(count, points, equations, points, equations)
        # by the equation of the second row, so that what is summed lies together
        sums = inner.zero_().movedim(-1, 0) if equations == 1 else gram.new_zeros((equations, count, points, equations, points))
        for (terms, _), products, felt in zip(self.of.terms_of, self.of.products, self._felt, strict=True):
            own = left if self.of.outputs == 1 else left[..., terms]
            half = (own @ products).view(points, count, equations, len(terms), points)
            other = own.view(points, count, equations, len(terms)).permute(1, 2, 3, 0)
            for r, k in product(range(equations), range(len(terms))):
                if felt[r][k]:
                    sums[r].addcmul_(half[..., k, :].transpose(0, 1), other[:, None, None, r, k])
        if equations > 1:
            inner.copy_(sums.movedim(0, -1))

    @cached_property
    def _scaled(self) -> Tensor:
        """The slopes of the weighted rows, ``(E, N, equations, K)``."""
        return self.of.interior_scale[..., None] * self.slopes

    @cached_property
    def _felt(self) -> list[list[list[bool]]]:
        """For every component and equation, which terms of the component it feels; all on a device, which is not waited for."""
        equations = range(self.slopes.shape[2])
        if self.slopes.device.type != "cpu":
            return [[[True] * len(terms) for _ in equations] for terms, _ in self.of.terms_of]
        felt = self._scaled.flatten(0, 1).any(0)
        return [felt[:, terms].tolist() for terms, _ in self.of.terms_of]


@dataclass(frozen=True)
class RowsCurvature:
    """``Σ_rows row · ∂²row/∂θ²`` of E models, ``(E, P, P)``, without its entries: as `RowsJacobian`, features are shared.

    Attributes:
        of: the rows.
        second: sum over the equations of residual, weight and second derivative of the residual in the jet, ``(E, N, K, K)``.
    """

    of: Rows
    second: Tensor

    def dense(self) -> Tensor:
        """Return the matrices themselves, ``(E, outputs · P, outputs · P)``."""
        of, width = self.of, self.of.jets.shape[-1]
        size = of.outputs * width
        result = self.second.new_zeros((len(self.second), size, size))
        for k, (left, left_axes) in enumerate(of.residual.terms):
            for m, (right, right_axes) in enumerate(of.residual.terms):
                block = self.second[..., k, m] * (of.sizes[left] * of.sizes[right])
                if not bool(block.any()):
                    continue
                a, b = of.jets[of.residual.axes.index(left_axes)], of.jets[of.residual.axes.index(right_axes)]
                rows, columns = slice(left * width, (left + 1) * width), slice(right * width, (right + 1) * width)
                result[:, rows, columns] += (block[..., None] * a).mT @ b
        return result

    def times(self, vectors: Tensor) -> Tensor:
        """Return their products with vectors as long as the weights, ``(E, outputs · P)``."""
        return self.of.transposed_changes((self.second @ self.of.changes(vectors)[..., None])[..., 0])

    def select(self, index: Tensor) -> RowsCurvature:
        """Return that of some models."""
        return RowsCurvature(self.of, self.second[index])


_ASKED = 4
"""Times that a Gram matrix is asked for in a training, at least."""

_CACHED = 3_000_000
"""Bytes of Gram matrices that are made together on a processor, so that they stay in its cache."""


class RowsModel:
    """What all models have in common whose training problem is `Rows`: they ask the rows."""

    def resting(self, prepared: Rows) -> Tensor:
        """Return weights of zero, ``(E, outputs · P)``."""
        return prepared.targets.new_zeros((len(prepared.targets), prepared.boundary.shape[1]))

    def residuals(self, prepared: Rows, weights: Tensor) -> Tensor:
        """Return the weighted rows ``(E, R)`` at weights ``(E, outputs · P)``."""
        return prepared.residuals(weights)

    def linearise(self, prepared: Rows, weights: Tensor) -> tuple[Tensor, RowsJacobian]:
        """Return the rows ``(E, R)`` and their Jacobian in the weights ``(E, outputs · P)``."""
        return prepared.linearise(weights)

    def tensors(self, prepared: Rows) -> tuple[Tensor, ...]:
        """Return the tensors that the rows are made of."""
        return prepared.tensors

    def with_tensors(self, prepared: Rows, tensors: Sequence[Tensor]) -> Rows:
        """Return rows of the same equation made of others, of the same shapes."""
        return prepared.with_tensors(tensors)

    def curvature(self, prepared: Rows, weights: Tensor) -> RowsCurvature:
        """Return ``Σ_rows row · ∂²row/∂θ²``."""
        return prepared.curvature(weights)
