"""Rows of the least-squares problem of a PINN that is linear in its trained weights, whatever its features depend on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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
        interior = self.residual(self.points, self.jet_values(weights))
        interior = (self.interior_scale * interior).flatten(1)
        return torch.cat((interior, weights @ self.boundary.T - self.targets), -1)

    def linearise(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows ``(E, R)`` and their Jacobian ``(E, R, outputs · P)``."""
        values, slopes = self.residual.linearise(self.points, self.jet_values(weights))
        interior = (self.interior_scale * values.detach()).flatten(1)
        jacobian = torch.cat((self.interior(slopes), self.boundary.expand(weights.shape[0], -1, -1)), -2)
        return torch.cat((interior, weights @ self.boundary.T - self.targets), -1), jacobian

    def curvature(self, weights: Tensor) -> Tensor:
        """Return ``Σ_rows row · ∂²row/∂θ²``, ``(E, outputs · P, outputs · P)``."""
        at = self.jet_values(weights)
        values = self.residual(self.points, at).detach()
        weighted = values * self.interior_scale.square()
        second = torch.einsum("enq,enqkl->enkl", weighted, self.residual.curvature(self.points, at))
        terms, axes, width = self.residual.terms, self.residual.axes, self.jets.shape[-1]
        result = weights.new_zeros((weights.shape[0], weights.shape[1], weights.shape[1]))
        for k, (left, left_axes) in enumerate(terms):
            for m, (right, right_axes) in enumerate(terms):
                block = second[..., k, m] * (self.sizes[left] * self.sizes[right])
                if not bool(block.any()):
                    continue
                a, b = self.jets[axes.index(left_axes)], self.jets[axes.index(right_axes)]
                rows, columns = slice(left * width, (left + 1) * width), slice(right * width, (right + 1) * width)
                result[:, rows, columns] += (block[..., None] * a).mT @ b
        return result

    def jet_values(self, weights: Tensor) -> Tensor:
        """Return u and its derivatives at the interior points, ``(E, N, K)``."""
        blocks = weights.reshape(weights.shape[0], self.outputs, -1) * self.sizes[:, None]
        needed = torch.einsum("anp,ecp->eanc", self.jets, blocks)
        values = needed.permute(0, 2, 1, 3)[..., *self._places]
        return values if self.offset is None else values + self.offset

    @cached_property
    def _places(self) -> tuple[Tensor, Tensor]:
        """Of every term the number of its axes and its component, ``(K,)`` each, on the device of the points."""
        numbers = [(self.residual.axes.index(axes), c) for c, axes in self.residual.terms]
        axes, components = torch.tensor(numbers, device=self.points.device).T
        return axes, components

    def interior(self, slopes: Tensor) -> Tensor:
        """Return ``scale · Σ_k ∂r/∂jet_k · ∂jet_k/∂θ``, ``(..., N · equations, outputs · P)``, from slopes ``(..., N, eq, K)``."""
        scaled = self.interior_scale[..., None] * slopes
        blocks = []
        for component in range(self.outputs):
            # a sum over the few terms: a contraction would become a batch of N tiny products
            factors = self.sizes[component] * scaled
            places = [(k, self.residual.axes.index(axes)) for k, (of, axes) in enumerate(self.residual.terms) if of == component]
            (first, axes), *others = places
            block = factors[..., first, None] * self.jets[axes][:, None, :]
            for k, axes in others:
                block = torch.addcmul(block, factors[..., k, None], self.jets[axes][:, None, :])
            blocks.append(block)
        return (blocks[0] if self.outputs == 1 else torch.cat(blocks, -1)).flatten(-3, -2)


class RowsModel:
    """What all models have in common whose training problem is `Rows`: they ask the rows."""

    def residuals(self, prepared: Rows, weights: Tensor) -> Tensor:
        """Return the weighted rows ``(E, R)`` at weights ``(E, outputs · P)``."""
        return prepared.residuals(weights)

    def linearise(self, prepared: Rows, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows ``(E, R)`` and their Jacobian ``(E, R, outputs · P)``."""
        return prepared.linearise(weights)

    def curvature(self, prepared: Rows, weights: Tensor) -> Tensor:
        """Return ``Σ_rows row · ∂²row/∂θ²``, ``(E, outputs · P, outputs · P)``."""
        return prepared.curvature(weights)
