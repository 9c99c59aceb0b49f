"""Rows of a PINN that is linear in its trained weights, scaled to one size whatever the units of measurement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.pinn.jets.rows import Rows, RowsModel
from pinndd.pinn.models.features import HeadModel
from pinndd.pinn.tasks.episodes import Draws


@dataclass(frozen=True)
class Balance:
    """Factors that give rows of every equation and of every condition a typical size of 1.

    Attributes:
        equations: ``(equations,)``.
        conditions: by name.
    """

    equations: Tensor
    conditions: Mapping[str, float]

    @staticmethod
    def of(model: HeadModel, data: SyntheticData, episodes: Draws, size: float) -> Balance:
        """Measure the rows of a model: a row is as large as the root mean square of its derivatives in the weights.

        Args:
            model: whose features are like those to be scaled.
            data: the points.
            episodes: which draw of the features.
            size: of u, relative to its typical size, at which the terms of a nonlinear equation are compared.
        """
        rows = model.prepare(data, episodes)
        equations = typical_equations(rows, size) / model.pde.sizes.to(rows.boundary).equations[:, None]
        conditions, start = {}, 0
        total = rows.boundary.shape[0]
        for name in model.pde.operators:
            count = data[name].shape[0]
            block = rows.boundary[start : start + count]
            conditions[name] = 1 / max(math.sqrt(total * float(block.square().mean())), _TINY)
            start += count
        return Balance(1 / equations.square().mean((0, 2)).sqrt().clamp_min(_TINY), conditions)


@dataclass(frozen=True)
class BalancedModel(RowsModel):
    """A model whose rows are scaled by a balance.

    Args:
        model: gives the rows.
        balance: the factors.
        boundary_weight: of the conditions against the equations, where rows of both have a typical size of 1.
    """

    model: HeadModel
    balance: Balance
    boundary_weight: float = 1.0

    def prepare(self, data: SyntheticData, episodes: Draws) -> Rows:
        """Evaluate features and boundary values at the points of ``data``, and scale every row."""
        rows = self.model.prepare(data, episodes)
        names = self.model.pde.operators
        factors = [math.sqrt(self.boundary_weight) * self.balance.conditions[name] for name in names]
        counts = rows.boundary.new_tensor([data[name].shape[0] for name in names], dtype=torch.long)
        scales = rows.boundary.new_tensor(factors).repeat_interleave(counts)
        return replace(
            rows,
            interior_scale=self.balance.equations.to(rows.boundary) * rows.interior_scale,
            boundary=scales[:, None] * rows.boundary,
            targets=scales * rows.targets,
        )


def typical_equations(rows: Rows, size: float) -> Tensor:
    """Return the unscaled rows of every equation, linearised at a random u, ``(N, equations, outputs · P)``.

    Args:
        rows: of the model.
        size: of that u, relative to its typical size.
    """
    normal = torch.randn(rows.boundary.shape[-1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = normal.to(rows.jets) * (size / rows.jets[0].square().sum(-1).mean().sqrt())
    _, slopes = rows.residual.linearise(rows.points, rows.jet_values(weights[None]))
    plain = replace(rows, interior_scale=torch.ones_like(rows.interior_scale))
    return plain.interior(slopes)[0].reshape(*slopes.shape[1:3], -1)


_TINY = 1e-300
