"""Features of the amortised protocol for linear PDEs: products of features of the point with the code of the condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.pinn.collocation import INTERIOR, row_scales
from pinndd.pinn.condition_code import code_scales
from pinndd.pinn.feature_model import FeatureModel
from pinndd.pinn.features import Axes
from pinndd.pinn.pde import PDE
from pinndd.pinn.questions import Questions
from pinndd.pinn.rows import Rows


@dataclass(frozen=True)
class FittedLinear:
    """A trained network u(x; condition), affine in the condition; ``weights`` is ``(1, outputs · P)``."""

    model: LinearConditionedModel
    weights: Tensor
    episodes: Questions

    def __call__(self, points: Tensor, codes: Tensor, derivatives: int = 0) -> Tensor:
        """Evaluate at ``(Q, d)`` for coefficients ``(B, C)``: ``(B, Q, outputs)``, and d partial derivatives if wanted."""
        axes = [(), *((a,) for a in range(points.shape[-1]))] if derivatives else [()]
        jets = self.model.evaluate(points, codes[:, None, :], axes, self.episodes.seed)
        block = self.weights.reshape(self.model.pde.outputs, -1)
        return torch.cat([jet @ block.T for jet in jets], -1)


@dataclass(frozen=True)
class LinearConditionedModel:
    """PINN ``u = Σ_pc θ_pc φ_p(x) (1, code)_c`` for linear PDEs, a model for `pinndd.learners.ridge.Ridge`.

    Args:
        pde: the equation.
        width: features of the point.
        scale: standard deviation of the inner weights.
    """

    pde: PDE
    width: int = 80
    scale: float = 1.0

    @cached_property
    def _places(self) -> FeatureModel:
        return FeatureModel(self.pde, self.width, self.scale)

    def evaluate(self, points: Tensor, codes: Tensor, axes: Sequence[Axes], seed: int) -> list[Tensor]:
        """Return features ``(..., P)``, one tensor a derivative; leading axes of points and codes broadcast."""
        code = codes / code_scales(self.pde.ensemble()).to(codes)
        code = torch.cat((torch.ones_like(code[..., :1]), code), -1)
        jets = self._places.features(seed, points).jets(points, axes)
        return [(jet[..., :, None] * code[..., None, :]).flatten(-2) for jet in jets]

    def system(self, data: SyntheticData, episodes: Questions) -> tuple[Tensor, Tensor]:
        """Return the weighted rows of the tuples and their right-hand side."""
        d, scales, training = self.pde.box.dimension, row_scales(self.pde, data), self.pde.ensemble()
        residual = self._places.residual
        points = data[INTERIOR][:, :d]
        jets = self.evaluate(points, data[INTERIOR][:, d:], residual.axes, episodes.seed)
        values, targets, components = [], [], []
        for condition in self.pde.valued:
            k = self.pde.patches[condition.name].dimension
            s, code = data[condition.name][:, :k], data[condition.name][:, k:]
            (value,) = self.evaluate(self.pde.patches[condition.name].points(s), code, [()], episodes.seed)
            values.append(scales[condition.name][:, None] * value)
            targets.append(scales[condition.name] * training.value(condition.name, code, s))
            components += [condition.component] * s.shape[0]
        return Rows(
            residual,
            self.pde.outputs,
            points,
            torch.stack(jets),
            scales[INTERIOR],
            torch.cat(values),
            torch.cat(targets)[None],
            torch.tensor(components, device=points.device),
        ).system()

    def fitted(self, weights: Tensor, episodes: Questions) -> FittedLinear:
        """Return the network with output weights ``(1, outputs · P)``."""
        return FittedLinear(self, weights, episodes)
