"""One PINN for all boundary conditions: features of a point and of a condition, fitted once to tuples of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.jets.features import Axes, Encoding, Features, RandomFeatures
from pinndd.pinn.jets.residual import PointwiseResidual
from pinndd.pinn.jets.rows import Rows, RowsModel
from pinndd.pinn.models.picard import PicardIterates
from pinndd.pinn.sets.collocation import INTERIOR, row_scales
from pinndd.pinn.sets.condition_code import code_scales
from pinndd.pinn.tasks.questions import Questions


class ConditionedInputs:
    """Inputs of a conditioned network: the point, the code of the condition, and the Picard iterates with their gradients.

    Args:
        encoding: of the point.
        code: scaled coefficients ``(..., C)``, constant along the domain.
        iterates: weights of the Picard iterates, ``(count, ..., outputs · P)``.
        basis: the features that the iterates are combinations of.
        outputs: components of u.

    The leading axes of ``code`` and ``iterates`` broadcast against those of the points.
    """

    def __init__(self, encoding: Encoding, code: Tensor, iterates: Tensor, basis: Features, outputs: int) -> None:
        self.encoding, self.code, self.basis = encoding, code, basis
        self.iterates = iterates.reshape(*iterates.shape[:-1], outputs, basis.width)
        self._jets: dict[Axes, Tensor] = {}

    def prepare(self, points: Tensor, axes: Sequence[Axes]) -> None:
        """Evaluate the basis and all derivatives of it that inputs differentiated along ``axes`` need, in one pass."""
        seen = [(), *((a,) for a in range(self.encoding.domain.dimension))]
        parts = {part for wanted in axes for part in _subsets(wanted)}
        needed = list({tuple(sorted((*part, *s))) for part in parts for s in seen})
        self._jets = dict(zip(needed, self.basis.jets(points, needed), strict=True))

    def iterate(self, axes: Axes) -> Tensor:
        """Return a derivative of every iterate, ``(count, ..., outputs)``."""
        return (self._jets[axes][..., None, :] * self.iterates).sum(-1)

    def derivative(self, points: Tensor, axes: Axes) -> Tensor:
        """Differentiate the inputs along ``axes``."""
        gradient = range(self.encoding.domain.dimension)
        columns = [self.iterate(tuple(sorted((*axes, *extra)))) for extra in [(), *((a,) for a in gradient)]]
        seen = torch.cat([column.movedim(0, -1).flatten(-2) for column in columns], -1)
        shape = seen.shape[:-1]
        place = self.encoding.derivative(points, axes).expand(*shape, -1)
        code = (torch.zeros_like(self.code) if axes else self.code).expand(*shape, -1)
        return torch.cat((place, code, seen), -1)

    def vanishes(self, axes: Axes) -> bool:
        """No derivative of all inputs vanishes."""
        return False


def _subsets(axes: Axes) -> set[Axes]:
    """All sub-multisets of ``axes``, sorted."""
    found: set[Axes] = {()}
    for axis in axes:
        found |= {tuple(sorted((*part, axis))) for part in found}
    return found


@dataclass(frozen=True)
class ConditionedModel(RowsModel):
    """Random-feature PINN u(x; condition) of the amortised protocol, a model for `pinndd.learners.gauss_newton.GaussNewton`.

    ``u = u_0 + size · Σ_p θ_p tanh(w_p · z + b_p)``, where u_0 is the first Picard iterate, the solution of the linearised PDE, and
    z holds the point, the code of the condition (coefficients in standard deviations), and all iterates with their
    gradients, each divided by its standard deviation over the training family. With ``iterates=0`` the network sees point
    and code only, and nothing is added.

    Args:
        pde: the equation.
        width: features per output.
        place_scale, code_scale, iterate_scale: standard deviations of the inner weights on the three groups of inputs.
        iterates: number of Picard iterates.
    """

    pde: PDE
    width: int = 1200
    place_scale: float = 0.5
    code_scale: float = 0.03
    iterate_scale: float = 0.3
    iterates: int = 3

    @cached_property
    def residual(self) -> PointwiseResidual:
        """The residual as a function of the jet."""
        return pointwise_residual(self.pde)

    @property
    def parameter_count(self) -> int:
        """Number of trained weights."""
        return self.width * self.pde.output_count

    def prepare(self, data: SyntheticData, episodes: Questions) -> Rows:
        """Evaluate the features, the offset and the boundary values at the tuples of ``data``."""
        d, scales = self.pde.box.dimension, row_scales(self.pde, data)
        points, codes = data[INTERIOR][:, :d], data[INTERIOR][:, d:]
        axes = self.residual.axes
        jets, offsets = self.evaluate(points, codes, axes, episodes.seed)
        terms = [(axes.index(a), c) for c, a in self.residual.terms]
        training, sizes = self.pde.ensemble(), self.pde.sizes.to(points).values
        rows, targets = [], []
        for name, operator in self.pde.operators.items():
            k = self.pde.patches[name].dimension
            s, code = data[name][:, :k], data[name][:, k:]
            place = self.pde.patches[name].points(s)
            features, known = self.evaluate(place, code, operator.axes, episodes.seed)
            rows.append(scales[name][:, None] * operator.rows(place, features, self.pde.output_count, sizes))
            targets.append(scales[name] * (training.value(name, code, s) - operator.apply(place, known)))
        return Rows(
            self.residual,
            self.pde.output_count,
            points,
            torch.stack(jets),
            scales[INTERIOR],
            torch.cat(rows),
            torch.cat(targets)[None],
            sizes,
            torch.stack([offsets[a][..., c] for a, c in terms], -1),
        )

    def evaluate(self, points: Tensor, codes: Tensor, axes: Sequence[Axes], seed: int) -> tuple[list[Tensor], list[Tensor]]:
        """Differentiate features and offset.

        Args:
            points: ``(..., d)``.
            codes: coefficients ``(..., C)`` whose leading axes broadcast against those of the points.
            axes: the derivatives.
            seed: of the features.

        Returns:
            Features ``(..., P)`` and offsets ``(..., outputs)``, one per derivative.
        """
        inputs = self._inputs(codes)
        inputs.prepare(points, axes)
        weight, bias = self._inner_weights(seed, points)
        jets = RandomFeatures(inputs, weight, bias).jets(points, axes)
        if self.iterates:
            return jets, [inputs.iterate(tuple(sorted(a)))[0] for a in axes]
        means = self.pde.sizes.to(points).means
        return jets, [(0.0 if a else 1.0) * means.expand(*jet.shape[:-1], -1) for jet, a in zip(jets, axes, strict=True)]

    def fitted(self, weights: Tensor, episodes: Questions) -> FittedConditioned:
        """Return the model with output weights ``(1, outputs · P)``."""
        return FittedConditioned(self, weights, episodes)

    def weights(self, fitted: FittedConditioned) -> Tensor:
        """Return the output weights of a trained model."""
        return fitted.weights

    @cached_property
    def picard(self) -> PicardIterates:
        """The Picard iterates among the inputs."""
        return PicardIterates(self.pde, self.iterates)

    @cached_property
    def _code_scales(self) -> Tensor:
        return code_scales(self.pde.ensemble())

    def _inputs(self, codes: Tensor) -> ConditionedInputs:
        encoding = Encoding(self.pde.box, self.pde.periodic_axes)
        basis = self.picard.basis(codes)
        none = codes.new_zeros((0, *codes.shape[:-1], basis.width * self.pde.output_count))
        weights = self.picard.weights(codes) if self.iterates else none
        return ConditionedInputs(encoding, codes / self._code_scales.to(codes), weights, basis, self.pde.output_count)

    @cached_property
    def _centres(self) -> tuple[Tensor, Tensor]:
        """Inputs of random points and conditions of the training family, ``(draws, size)``, and the scale of each input."""
        generator = torch.Generator().manual_seed(0)
        points = self.pde.box.scale(torch.rand((2000, self.pde.box.dimension), generator=generator, dtype=torch.float64))
        inputs = self._inputs(self.pde.ensemble().sample(len(points), generator))
        inputs.prepare(points, [()])
        z = inputs.derivative(points, ())
        place, code = inputs.encoding.size, inputs.code.shape[-1]
        spread = z.std(0)
        spread = torch.where(spread > _STILL * z.abs().amax(0), spread, z.abs().amax(0).clamp_min(_STILL))
        scale = torch.full_like(spread, self.iterate_scale) / spread
        scale[:place] = self.place_scale
        scale[place : place + code] = self.code_scale
        return z, scale

    def _inner_weights(self, seed: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Draw inner weights ``(P, size)`` and biases ``(P,)``: each feature's zero passes through inputs of the training family."""
        z, scale = self._centres
        generator = torch.Generator().manual_seed(seed)
        weight = scale * torch.randn((self.width, z.shape[-1]), generator=generator, dtype=torch.float64)
        centre = z[torch.randint(z.shape[0], (self.width,), generator=generator)]
        return weight.to(like), -(weight * centre).sum(-1).to(like)


_STILL = 1e-9
"""Part of its values below which an input does not vary."""


@dataclass(frozen=True)
class FittedConditioned:
    """A trained network u(x; condition).

    Attributes:
        model: what it is.
        weights: ``(1, outputs · P)``.
        episodes: the questions it was trained for.
    """

    model: ConditionedModel
    weights: Tensor
    episodes: Questions

    def __call__(self, points: Tensor, codes: Tensor, derivatives: int = 0) -> Tensor:
        """Evaluate at ``(Q, d)`` for coefficients ``(B, C)``: ``(B, Q, outputs)``, and d partial derivatives if wanted."""
        axes = [(), *((a,) for a in range(points.shape[-1]))] if derivatives else [()]
        jets, offsets = self.model.evaluate(points, codes[:, None, :], axes, self.episodes.seed)
        block = self.weights.reshape(self.model.pde.output_count, -1) * self.model.pde.sizes.to(self.weights).values[:, None]
        return torch.cat([jet @ block.T + offset for jet, offset in zip(jets, offsets, strict=True)], -1)
