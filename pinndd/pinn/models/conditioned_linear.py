"""A PINN of point and condition for linear PDEs: linear in the condition, as the solution is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.jets.rows import Rows
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.sets.collocation import INTERIOR, row_scales
from pinndd.pinn.sets.condition_code import code_scales
from pinndd.pinn.tasks.questions import Questions


@dataclass(frozen=True)
class LinearConditionedModel:
    """PINN ``u = size · Σ_pc θ_pc φ_p(x) (1, code)_c``, a model for `pinndd.learners.product_ridge.ProductRidge`.

    The code of a condition are its coefficients in standard deviations; the 1 serves equations with a source.

    Args:
        pde: the equation, linear.
        width: features of the point, an output.
        scale: standard deviation of the inner weights.
    """

    pde: PDE
    width: int = 400
    scale: float = 1.0

    def factors(self, data: SyntheticData, episodes: Questions) -> tuple[Tensor, Tensor, Tensor]:
        """Return the weighted rows of the tuples: place factors ``(R, outputs · P)``, codes ``(R, C + 1)``, targets ``(1, R)``."""
        d, scales, training = self.pde.box.dimension, row_scales(self.pde, data), self.pde.ensemble()
        residual, points = self.places.residual, data[INTERIOR][:, :d]
        features, sizes = self.places.features(episodes.seed, points), self.pde.sizes.to(points)
        rows, targets = [], []
        codes = [self.code(data[INTERIOR][:, d:]).repeat_interleave(residual.equations, 0)]
        for name, operator in self.pde.operators.items():
            k = self.pde.patches[name].dimension
            s, coefficients = data[name][:, :k], data[name][:, k:]
            place = self.pde.patches[name].points(s)
            rows.append(scales[name][:, None] * operator.rows_of(features, place, self.pde.output_count, sizes.values))
            targets.append(scales[name] * (training.value(name, coefficients, s) - operator.at_rest(place, sizes.means)))
            codes.append(self.code(coefficients))
        places, right = Rows(
            residual,
            self.pde.output_count,
            points,
            torch.stack(features.jets(points, residual.axes)),
            scales[INTERIOR],
            torch.cat(rows),
            torch.cat(targets)[None],
            sizes.values,
            sizes.resting(residual.terms).expand(len(points), -1),
        ).system()
        return places, torch.cat(codes), right

    def fitted(self, weights: Tensor, episodes: Questions) -> FittedLinear:
        """Return the network with output weights ``(1, outputs · P · (C + 1))``."""
        return FittedLinear(self, weights, episodes)

    def code(self, coefficients: Tensor) -> Tensor:
        """Return coefficients in standard deviations, after a 1: ``(..., C)`` to ``(..., C + 1)``."""
        scaled = coefficients / code_scales(self.pde.ensemble()).to(coefficients)
        return torch.cat((torch.ones_like(scaled[..., :1]), scaled), -1)

    @cached_property
    def places(self) -> FeatureModel:
        """The features of the point."""
        return FeatureModel(self.pde, self.width, self.scale)


@dataclass(frozen=True)
class FittedLinear:
    """A trained network u(x; condition).

    Attributes:
        model: what it is.
        weights: ``(1, outputs · P · (C + 1))``.
        episodes: the questions it was trained for.
    """

    model: LinearConditionedModel
    weights: Tensor
    episodes: Questions

    def __call__(self, points: Tensor, codes: Tensor, derivatives: int = 0) -> Tensor:
        """Evaluate at ``(Q, d)`` for coefficients ``(B, C)``: ``(B, Q, outputs)``, and d partial derivatives if wanted."""
        axes = [(), *((a,) for a in range(points.shape[-1]))] if derivatives else [()]
        code = self.model.code(codes)
        weights = self.weights.reshape(self.model.pde.output_count, self.model.width, code.shape[-1])
        jets = self.model.places.features(self.episodes.seed, points).jets(points, axes)
        found = [(jet @ weights @ code.T).permute(2, 1, 0) for jet in jets]
        return torch.cat(self.model.pde.sizes.to(points).of_u(found, axes), -1)
