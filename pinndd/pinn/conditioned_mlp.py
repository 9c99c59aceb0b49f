"""PINN u(x; condition) whose weights are all trained, on tuples of position and condition: no label enters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.pinn.broadened import broadened_sample
from pinndd.pinn.collocation import INTERIOR, row_scales
from pinndd.pinn.condition_code import code_scales
from pinndd.pinn.feature_model import pointwise_residual
from pinndd.pinn.features import Encoding
from pinndd.pinn.mlp import MLP, Streams
from pinndd.pinn.pde import PDE
from pinndd.pinn.questions import Questions
from pinndd.pinn.residual import PointwiseResidual
from pinndd.pinn.tanh_jets import closure

REACH = 4.0
"""Conditions are cut at this many standard deviations."""

_DRAWS = 20_000
_CHUNK = 50_000


@dataclass(frozen=True)
class FittedConditionedMLP:
    """A trained network u(x; condition).

    Attributes:
        model: what it is.
        parameters: ``(1, P)``.
    """

    model: ConditionedMLP
    parameters: Tensor

    def __call__(self, points: Tensor, codes: Tensor, derivatives: int = 0) -> Tensor:
        """Evaluate at ``(Q, d)`` for coefficients ``(B, C)``: ``(B, Q, outputs)``, and d partial derivatives if wanted."""
        axes = [(), *((a,) for a in range(points.shape[-1]))] if derivatives else [()]
        like = self.parameters
        chunks = []
        for part in torch.split(codes, max(1, _CHUNK // points.shape[0])):
            place = points.repeat(part.shape[0], 1).to(like)
            extra = self.model.inputs(part).repeat_interleave(points.shape[0], 0).to(like)
            jets = torch.cat(self.model.network.jets(like, place, axes, extra), -1)
            chunks.append(jets[0].reshape(part.shape[0], points.shape[0], -1).to(points))
        return torch.cat(chunks)


@dataclass(frozen=True)
class ConditionedMLP:
    """MLP in (position, coefficients of the condition), a model for `pinndd.learners.adam.Adam`.

    The loss is that of `pinndd.pinn.collocation.collocation_data`, with every row taken for its own condition.

    Args:
        pde: the equation; its training family is linear in its coefficients.
        hidden: widths of the hidden layers.
    """

    pde: PDE
    hidden: tuple[int, ...] = (64, 64, 64)

    @cached_property
    def network(self) -> MLP:
        """The shape of the network."""
        encoding = Encoding(self.pde.box, self.pde.periodic_axes)
        return MLP(encoding, self.hidden, self.pde.outputs, extra=self.pde.ensemble().size)

    @cached_property
    def residual(self) -> PointwiseResidual:
        """The residual as a function of the jet."""
        return pointwise_residual(self.pde)

    def inputs(self, codes: Tensor) -> Tensor:
        """Return coefficients in standard deviations of the training family."""
        return codes / self._scales.to(codes)

    def initial(self, episodes: Questions, like: Tensor) -> Tensor:
        """Draw initial weights ``(1, P)``."""
        return self.network.initial([episodes.seed], device=like.device, dtype=like.dtype)

    def prepare(self, data: SyntheticData, episodes: Questions) -> dict[str, Tensor]:
        """Encode the tuples and evaluate their boundary values, differentiably."""
        d, scales, training = self.pde.box.dimension, row_scales(self.pde, data), self.pde.ensemble()
        interior = data[INTERIOR]
        places, codes, targets, components = [], [interior[:, d:]], [], []
        for condition in self.pde.valued:
            k = self.pde.patches[condition.name].dimension
            s, code = data[condition.name][:, :k], data[condition.name][:, k:]
            places.append(self.pde.patches[condition.name].points(s))
            codes.append(code)
            targets.append(training.value(condition.name, code, s))
            components += [condition.component] * s.shape[0]
        points = interior[:, :d]
        extra = self.inputs(torch.cat(codes))
        streams = self.network.streams(points, self.residual.axes, extra, values_at=torch.cat(places))
        return {
            "interior": points,
            "interior_scale": scales[INTERIOR],
            "inputs": streams.values,
            "slopes": streams.slopes,
            "boundary_scale": torch.cat([scales[c.name] for c in self.pde.valued]),
            "targets": torch.cat(targets),
            "components": torch.tensor(components, device=interior.device),
        }

    def redraw(self, data: SyntheticData, generator: torch.Generator) -> SyntheticData:
        """Return as many tuples drawn anew: positions uniform, conditions from the broadened training family."""

        def draw(name: str, dimension: int) -> Tensor:
            old = data[name]
            place = torch.rand((old.shape[0], dimension), generator=generator, dtype=torch.float64)
            chosen = torch.randint(_DRAWS, (old.shape[0],), generator=generator)
            place = self.pde.box.scale(place) if name == INTERIOR else place
            return torch.cat((place, self._codes[chosen]), -1).to(old)

        fields = {c.name: draw(c.name, self.pde.patches[c.name].dimension) for c in self.pde.valued}
        return data.with_fields({INTERIOR: draw(INTERIOR, self.pde.box.dimension), **fields})

    def loss(self, prepared: dict[str, Tensor], parameters: Tensor) -> Tensor:
        """Return the training loss, ``(1,)``."""
        interior, count = prepared["interior"], prepared["interior"].shape[-2]
        streams = Streams(prepared["inputs"], prepared["slopes"], count)
        found = self.network.propagate(parameters, streams, self.residual.axes)
        rows = dict(zip(closure(self.residual.axes), found.slopes.unbind(1), strict=True))
        rows[()] = found.values[:, :count]
        jets = torch.cat([rows[axes][..., c : c + 1] for c, axes in self.residual.terms], -1)
        residuals = prepared["interior_scale"][:, None] * self.residual(interior, jets)
        index = prepared["components"].expand(found.values.shape[0], -1)[..., None]
        boundary = found.values[:, count:].gather(-1, index)[..., 0] - prepared["targets"]
        return residuals.square().flatten(1).sum(-1) + (prepared["boundary_scale"] * boundary).square().sum(-1)

    def fitted(self, parameters: Tensor, episodes: Questions) -> FittedConditionedMLP:
        """Return the network with weights ``(1, P)``."""
        return FittedConditionedMLP(self, parameters)

    @cached_property
    def _scales(self) -> Tensor:
        return code_scales(self.pde.ensemble())

    @cached_property
    def _codes(self) -> Tensor:
        drawn = broadened_sample(self.pde.ensemble(), _DRAWS, torch.Generator().manual_seed(0))
        return drawn.clamp(-REACH * self._scales, REACH * self._scales)
