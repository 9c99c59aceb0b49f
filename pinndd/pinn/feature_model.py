"""PINNs that are linear in their trained weights: random features of the point, fitted to collocation data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.pinn.collocation import INTERIOR, row_scales
from pinndd.pinn.episodes import BoundaryEpisodes
from pinndd.pinn.features import Encoding, RandomFeatures, draw_features
from pinndd.pinn.pde import PDE
from pinndd.pinn.residual import PointwiseResidual


@dataclass(frozen=True)
class FittedFeatures:
    """A batch of trained models ``u(x) = Σ_p θ_p φ_p(x)``.

    Attributes:
        features: the features they share.
        weights: ``(E, outputs · P)``.
        episodes: what they were trained for.
        outputs: components of u.
    """

    features: RandomFeatures
    weights: Tensor
    episodes: BoundaryEpisodes
    outputs: int

    def __call__(self, points: Tensor, derivatives: int = 0) -> Tensor:
        """Evaluate at ``(Q, d)``: ``(E, Q, outputs)``, followed by the d partial derivatives if ``derivatives`` is 1."""
        axes = [()] + [(a,) for a in range(points.shape[-1])] * (derivatives > 0)
        blocks = self.weights.reshape(self.weights.shape[0], self.outputs, -1)
        parts = [torch.einsum("qp,ecp->eqc", jet, blocks) for jet in self.features.jets(points, axes)]
        return torch.cat(parts, -1)


@dataclass(frozen=True)
class Prepared:
    """What the rows of a batch need beside the weights."""

    points: Tensor
    jets: Tensor  # (A, N, P), one a derivative
    interior_scale: Tensor  # (N,)
    values: Tensor  # (M, P), scaled features on the boundary
    targets: Tensor  # (E, M), scaled boundary values
    components: Tensor  # (M,) the output that each boundary row is about


@dataclass(frozen=True)
class FeatureModel:
    """Random-feature PINN of the retrain protocol, as a `pinndd.learners.ridge.LinearModel` or a least-squares model.

    Args:
        pde: the equation.
        width: features an output.
        scale: standard deviation of the inner weights.
    """

    pde: PDE
    width: int = 256
    scale: float = 2.0

    @cached_property
    def residual(self) -> PointwiseResidual:
        """The residual as a function of the jet."""
        return pointwise_residual(self.pde)

    @property
    def parameter_count(self) -> int:
        """Number of trained weights."""
        return self.width * self.pde.outputs

    def features(self, seed: int, like: Tensor) -> RandomFeatures:
        """Draw the features of a seed, on the device and in the dtype of ``like``."""
        encoding = Encoding(self.pde.box, self.pde.periodic_axes)
        return draw_features(encoding, self.width, self.scale, seed, device=like.device, dtype=like.dtype)

    def prepare(self, data: SyntheticData, episodes: BoundaryEpisodes) -> Prepared:
        """Evaluate the features and the boundary values at the points of ``data``."""
        points, scales = data[INTERIOR], row_scales(self.pde, data)
        features = self.features(episodes.seed, points)
        values, targets, components = [], [], []
        for condition in self.pde.valued:
            s = data[condition.name]
            (value,) = features.jets(self.pde.patches[condition.name].points(s), [()])
            values.append(scales[condition.name][:, None] * value)
            targets.append(scales[condition.name] * episodes.values[condition.name](s))
            components += [condition.component] * s.shape[0]
        return Prepared(
            points,
            torch.stack(features.jets(points, self.residual.axes)),
            scales[INTERIOR],
            torch.cat(values),
            torch.cat(targets, -1),
            torch.tensor(components, device=points.device),
        )

    def system(self, data: SyntheticData, episodes: BoundaryEpisodes) -> tuple[Tensor, Tensor]:
        """Return the rows of a linear PDE: matrix ``(R, outputs · P)`` and right-hand sides ``(E, R)``."""
        prepared = self.prepare(data, episodes)
        zero = prepared.points.new_zeros((prepared.points.shape[0], len(self.residual.terms)))
        offset, slopes = self.residual.linearise(prepared.points, zero, create_graph=torch.is_grad_enabled())
        interior = self._interior_rows(prepared, slopes)
        matrix = torch.cat((interior, self._boundary_rows(prepared)))
        right = -(prepared.interior_scale[:, None] * offset).flatten()
        return matrix, torch.cat((right.expand(len(episodes), -1), prepared.targets), -1)

    def residuals(self, prepared: Prepared, weights: Tensor) -> Tensor:
        """Return the weighted rows ``(E, R)`` at weights ``(E, outputs · P)``."""
        interior = self.residual(prepared.points, self._jet_values(prepared, weights))
        interior = (prepared.interior_scale[:, None] * interior).flatten(1)
        boundary = weights @ self._boundary_rows(prepared).T - prepared.targets
        return torch.cat((interior, boundary), -1)

    def linearise(self, prepared: Prepared, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows ``(E, R)`` and their Jacobian ``(E, R, outputs · P)``."""
        values, slopes = self.residual.linearise(prepared.points, self._jet_values(prepared, weights))
        interior = (prepared.interior_scale[:, None] * values.detach()).flatten(1)
        rows = self._boundary_rows(prepared)
        boundary = weights @ rows.T - prepared.targets
        jacobian = torch.cat((self._interior_rows(prepared, slopes), rows.expand(weights.shape[0], -1, -1)), -2)
        return torch.cat((interior, boundary), -1), jacobian

    def curvature(self, prepared: Prepared, weights: Tensor) -> Tensor:
        """Return ``Σ_rows row · ∂²row/∂θ²``, ``(E, outputs · P, outputs · P)``."""
        jets = self._jet_values(prepared, weights)
        values = self.residual(prepared.points, jets).detach()
        second = torch.einsum("enq,enqkl->enkl", values, self.residual.curvature(prepared.points, jets))
        second = second * prepared.interior_scale.square()[:, None, None]
        terms, axes, width = self.residual.terms, self.residual.axes, prepared.jets.shape[-1]
        result = weights.new_zeros((weights.shape[0], weights.shape[1], weights.shape[1]))
        for k, (left, left_axes) in enumerate(terms):
            for m, (right, right_axes) in enumerate(terms):
                block = second[..., k, m]
                if not bool(block.any()):
                    continue
                a, b = prepared.jets[axes.index(left_axes)], prepared.jets[axes.index(right_axes)]
                rows, columns = slice(left * width, (left + 1) * width), slice(right * width, (right + 1) * width)
                result[:, rows, columns] += (block[..., None] * a).mT @ b
        return result

    def fitted(self, weights: Tensor, episodes: BoundaryEpisodes) -> FittedFeatures:
        """Return the models with output weights ``(E, outputs · P)``."""
        return FittedFeatures(self.features(episodes.seed, weights), weights, episodes, self.pde.outputs)

    def weights(self, fitted: FittedFeatures) -> Tensor:
        """Return the output weights of trained models."""
        return fitted.weights

    def _jet_values(self, prepared: Prepared, weights: Tensor) -> Tensor:
        """Return u and its derivatives at the interior points, ``(E, N, K)``."""
        blocks = weights.reshape(weights.shape[0], self.pde.outputs, -1)
        needed = torch.einsum("anp,ecp->eanc", prepared.jets, blocks)
        index = [self.residual.axes.index(axes) for _, axes in self.residual.terms]
        component = [c for c, _ in self.residual.terms]
        return needed.permute(0, 2, 1, 3)[..., index, component]

    def _interior_rows(self, prepared: Prepared, slopes: Tensor) -> Tensor:
        """Return ``scale · Σ_k ∂r/∂jet_k · ∂jet_k/∂θ``, ``(..., N · equations, outputs · P)``, from slopes ``(..., N, eq, K)``."""
        blocks = []
        for component in range(self.pde.outputs):
            mine = [k for k, (c, _) in enumerate(self.residual.terms) if c == component]
            jets = prepared.jets[[self.residual.axes.index(self.residual.terms[k][1]) for k in mine]]
            blocks.append(torch.einsum("...nqk,knp->...nqp", slopes[..., mine], jets))
        rows = prepared.interior_scale[:, None, None] * torch.cat(blocks, -1)
        return rows.flatten(-3, -2)

    def _boundary_rows(self, prepared: Prepared) -> Tensor:
        if self.pde.outputs == 1:
            return prepared.values
        chosen = torch.nn.functional.one_hot(prepared.components, self.pde.outputs).to(prepared.values)
        return (chosen[:, :, None] * prepared.values[:, None, :]).flatten(1)

    def with_settings(self, width: int, scale: float) -> FeatureModel:
        """Return the model with another width and feature scale."""
        return replace(self, width=width, scale=scale)


def pointwise_residual(pde: PDE) -> PointwiseResidual:
    """Return the residual of ``pde`` as a pointwise function of the jet."""
    return PointwiseResidual(pde.residual, pde.box.dimension, pde.outputs, pde.name)
