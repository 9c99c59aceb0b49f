"""PINN u(x; condition) whose weights are all trained, on tuples of position and condition: no label enters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.jets.features import Encoding
from pinndd.pinn.jets.mlp import MLP
from pinndd.pinn.models.network_rows import NetworkRows
from pinndd.pinn.sets.broadened import broadened_sample
from pinndd.pinn.sets.collocation import INTERIOR, unit_scales
from pinndd.pinn.sets.condition_code import code_scales
from pinndd.pinn.tasks.questions import Questions

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
        like, sizes = self.parameters, self.model.pde.sizes.to(points)
        chunks = []
        for part in torch.split(codes, max(1, _CHUNK // points.shape[0])):
            place = points.repeat(part.shape[0], 1).to(like)
            extra = self.model.inputs(part).repeat_interleave(points.shape[0], 0).to(like)
            found = [jet.to(points) for jet in self.model.network.jets(like, place, axes, extra)]
            jets = sizes.of_u(found, axes)
            chunks.append(torch.cat(jets, -1)[0].reshape(part.shape[0], points.shape[0], -1))
        return torch.cat(chunks)


@dataclass(frozen=True)
class ConditionedMLP:
    """MLP in (position, coefficients of the condition), a model for `pinndd.learners.adam.Adam`.

    The loss is that of `pinndd.pinn.sets.collocation.collocation_data`, with every row taken for its own condition.

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
        return MLP(encoding, self.hidden, self.pde.output_count, extra=self.pde.ensemble().size)

    @cached_property
    def equations(self) -> NetworkRows:
        """What the network is trained to satisfy."""
        return NetworkRows(self.pde)

    def inputs(self, codes: Tensor) -> Tensor:
        """Return coefficients in standard deviations of the training family."""
        return codes / self._scales.to(codes)

    def initial(self, episodes: Questions, like: Tensor) -> Tensor:
        """Draw initial weights ``(1, P)``."""
        return self.network.initial([episodes.seed], device=like.device, dtype=like.dtype)

    def prepare(self, data: SyntheticData, episodes: Questions) -> dict[str, Tensor]:
        """Encode the tuples and evaluate their boundary values, differentiably."""
        d, scales, training = self.pde.box.dimension, unit_scales(self.pde, data), self.pde.ensemble()
        dimensions = {name: patch.dimension for name, patch in self.pde.patches.items()}
        local = {name: data[name][:, :k] for name, k in dimensions.items()}
        codes = {name: data[name][:, k:] for name, k in dimensions.items()}
        return self.equations.prepare(
            self.network,
            data[INTERIOR][:, :d],
            {name: self.pde.patches[name].points(s) for name, s in local.items()},
            {name: training.value(name, codes[name], s) for name, s in local.items()},
            scales,
            scales[INTERIOR],
            {INTERIOR: self.inputs(data[INTERIOR][:, d:]), **{name: self.inputs(code) for name, code in codes.items()}},
        )

    def redraw(self, data: SyntheticData, generator: torch.Generator) -> SyntheticData:
        """Return as many tuples drawn anew: positions uniform, conditions from the broadened training family."""

        def draw(name: str, dimension: int) -> Tensor:
            old = data[name]
            place = torch.rand((old.shape[0], dimension), generator=generator, dtype=torch.float64)
            chosen = torch.randint(_DRAWS, (old.shape[0],), generator=generator)
            place = self.pde.box.scale(place) if name == INTERIOR else self.pde.patches[name].from_unit(place)
            return torch.cat((place, self._codes[chosen]), -1).to(old)

        fields = {c.name: draw(c.name, self.pde.patches[c.name].dimension) for c in self.pde.valued}
        return data.with_fields({INTERIOR: draw(INTERIOR, self.pde.box.dimension), **fields})

    def loss(self, prepared: dict[str, Tensor], parameters: Tensor) -> Tensor:
        """Return the training loss, ``(1,)``."""
        return self.equations(self.network, prepared, parameters).square().sum(-1)

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
