"""PINNs that are linear in their trained weights: features of the point, drawn or trained before, fitted to collocation data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.jets.body import Body
from pinndd.pinn.jets.features import Axes, Encoding, Features, draw_features
from pinndd.pinn.jets.powers import Constant, CornerPowers, JoinedFeatures
from pinndd.pinn.jets.residual import PointwiseResidual
from pinndd.pinn.jets.rows import Rows, RowsModel
from pinndd.pinn.models.corners import corner_features
from pinndd.pinn.sets.collocation import INTERIOR, row_scales
from pinndd.pinn.tasks.episodes import Draws


@dataclass(frozen=True)
class FittedFeatures:
    """A batch of trained models ``u(x) = Σ_p θ_p φ_p(x)``.

    Attributes:
        features: the features they share.
        weights: ``(E, outputs · P)``, in the units of u.
        episodes: what they were trained for.
        outputs: components of u.
    """

    features: Features
    weights: Tensor
    episodes: Draws
    outputs: int

    def __call__(self, points: Tensor, derivatives: int = 0) -> Tensor:
        """Evaluate at ``(Q, d)``: ``(E, Q, outputs)``, followed by the d partial derivatives if ``derivatives`` is 1."""
        axes = [()] + [(a,) for a in range(points.shape[-1])] * (derivatives > 0)
        return torch.cat(self.jets(points, axes), -1)

    def jets(self, points: Tensor, axes: Sequence[Axes]) -> list[Tensor]:
        """Differentiate u at ``(Q, d)`` or ``(E, Q, d)``: one tensor ``(E, Q, outputs)`` for each of ``axes``."""
        blocks = self.weights.reshape(self.weights.shape[0], self.outputs, -1).mT
        return [jet @ blocks for jet in self.features.jets(points, axes)]


class HeadModel(RowsModel, ABC):
    """PINN of the retrain protocol whose features are given, as a `pinndd.learners.ridge.LinearModel` or a least-squares model.

    The learner finds its output layer, the *head*.

    Attributes:
        pde: the equation.
        width: features per output.
    """

    pde: PDE
    width: int

    @abstractmethod
    def features(self, seed: int, like: Tensor) -> Features:
        """Return the features of a draw, on the device and in the dtype of ``like``."""

    @cached_property
    def residual(self) -> PointwiseResidual:
        """The residual as a function of the jet."""
        return pointwise_residual(self.pde)

    @property
    def parameter_count(self) -> int:
        """Number of weights of the head."""
        return self.width * self.pde.output_count

    def prepare(self, data: SyntheticData, episodes: Draws) -> Rows:
        """Evaluate the features and the boundary values at the points of ``data``."""
        points, scales = data[INTERIOR], row_scales(self.pde, data)
        features, sizes = self.features(episodes.seed, points), self.pde.sizes.to(points)
        rows, targets = [], []
        for name, operator in self.pde.operators.items():
            s = data[name]
            place = self.pde.patches[name].points(s)
            rows.append(scales[name][:, None] * operator.rows_of(features, place, self.pde.output_count, sizes.values))
            targets.append(scales[name] * (episodes.values[name](s) - operator.at_rest(place, sizes.means)))
        return Rows(
            self.residual,
            self.pde.output_count,
            points,
            torch.stack(features.jets(points, self.residual.axes)),
            scales[INTERIOR],
            torch.cat(rows),
            torch.cat(targets, -1),
            sizes.values,
            sizes.resting(self.residual.terms).expand(len(points), -1) if sizes.has_means else None,
        )

    def system(self, data: SyntheticData, episodes: Draws) -> tuple[Tensor, Tensor]:
        """Return the rows of a linear PDE: matrix ``(R, outputs · P)`` and right-hand sides ``(E, R)``."""
        return self.prepare(data, episodes).system()

    def fitted(self, weights: Tensor, episodes: Draws) -> FittedFeatures:
        """Return the models with trained weights ``(E, outputs · P)``, which are in units of the sizes of u."""
        features = self.whole_features(episodes.seed, weights)
        return FittedFeatures(features, self.whole_weights(weights), episodes, self.pde.output_count)

    def weights(self, fitted: FittedFeatures) -> Tensor:
        """Return the trained weights of models, in units of the sizes of u."""
        sizes = self.pde.sizes.to(fitted.weights)
        blocks = fitted.weights.reshape(len(fitted.weights), self.pde.output_count, -1) / sizes.values[:, None]
        return (blocks[..., :-1] if sizes.has_means else blocks).flatten(1)

    def whole_features(self, seed: int, like: Tensor) -> Features:
        """Return the features that u is a combination of: those of a draw, and 1 where u varies about something else than 0."""
        features = self.features(seed, like)
        return JoinedFeatures((features, Constant())) if self.pde.sizes.has_means else features

    def whole_weights(self, weights: Tensor) -> Tensor:
        """Return the weights of `whole_features` ``(..., outputs · P')``, in the units of u, from trained ones."""
        sizes = self.pde.sizes.to(weights)
        blocks = weights.reshape(*weights.shape[:-1], self.pde.output_count, -1) * sizes.values[:, None]
        if sizes.has_means:
            blocks = torch.cat((blocks, sizes.means[:, None].expand(*blocks.shape[:-1], 1)), -1)
        return blocks.flatten(-2)

    @property
    def whole_count(self) -> int:
        """Number of weights of `whole_features`."""
        return self.parameter_count + self.pde.output_count * self.pde.sizes.has_means


@dataclass(frozen=True)
class FeatureModel(HeadModel):
    """PINN on random features.

    Args:
        pde: the equation.
        width: features per output.
        scale: standard deviation of the inner weights.
        singular: whether the features include what is singular at corners of the domain, see `corner_features`.
    """

    pde: PDE
    width: int = 256
    scale: float = 2.0
    singular: bool = False

    @property
    def parameter_count(self) -> int:
        """Number of trained weights."""
        return (self.width + sum(corner.width for corner in self.corners)) * self.pde.output_count

    @cached_property
    def corners(self) -> tuple[CornerPowers, ...]:
        """The singular features beside the random ones."""
        return corner_features(self.pde, self.residual) if self.singular else ()

    def features(self, seed: int, like: Tensor) -> Features:
        """Draw the random features of a seed, on the device and in the dtype of ``like``; singular ones follow them."""
        encoding = Encoding(self.pde.box, self.pde.periodic_axes)
        drawn = draw_features(encoding, self.width, self.scale, seed, device=like.device, dtype=like.dtype)
        return JoinedFeatures((drawn, *self.corners)) if self.corners else drawn

    def with_settings(self, width: int, scale: float) -> FeatureModel:
        """Return the model with another width and feature scale."""
        return replace(self, width=width, scale=scale)


@dataclass(frozen=True)
class BodyModel(HeadModel):
    """PINN whose hidden layers were trained before (`pinndd.pinn.bodies`), for all boundary conditions together.

    Args:
        pde: the equation.
        width: features per output, those of every body.
        bodies: of which each draw takes one: draw n the body n modulo their number.
    """

    pde: PDE
    width: int
    bodies: Sequence[Body]

    def features(self, seed: int, like: Tensor) -> Body:
        """Return the body of a draw, on the device and in the dtype of ``like``."""
        return self.bodies[seed % len(self.bodies)].to(like)
