"""In which units answers are compared: a joint distance of several components that none of them swamps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinndd.distances import Distance

NOTHING = 1e-9
"""Part of its typical size below which a component counts as zero: it has no relative error."""


@dataclass(frozen=True)
class AnswerScale:
    """Makes fields comparable: ``(u - rest) / sizes``, where a component known up to a constant is less its mean over the points.

    Attributes:
        sizes: typical size of each component, ``(outputs,)``, float64.
        free: which components are known up to a constant, ``(outputs,)``, bool.
        rest: what fields are the deviation from, ``(Q, outputs)`` at the points asked, followed by its d partial derivatives
            where the distance needs them (None: zero).
    """

    sizes: Tensor
    free: Tensor
    rest: Tensor | None = None

    def of(self, fields: Tensor) -> Tensor:
        """Return fields ``(..., Q, outputs)``, perhaps followed by partial derivatives, in the units of the distance."""
        columns = fields.shape[-1]
        orders = columns // len(self.sizes)
        if self.rest is not None:
            fields = fields - self.rest[:, :columns].to(fields)
        if bool(self.free.any()):
            values = torch.arange(columns, device=fields.device) < len(self.sizes)
            fields = fields - fields.mean(-2, keepdim=True) * (self.free.repeat(orders) & values)
        return fields / self.sizes.to(fields).repeat(orders)

    def aligned(self, fields: Tensor, truth: Tensor) -> Tensor:
        """Return fields ``(..., Q, outputs)`` with the mean of the truth in the components that are known up to a constant."""
        return fields + (truth - fields).mean(-2, keepdim=True) * self.free

    def at(self, points: Tensor) -> AnswerScale:
        """Return the scale at some of the points (indices)."""
        return self if self.rest is None else replace(self, rest=self.rest[points])

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> AnswerScale:
        """Return the scale on another device or in another floating dtype."""
        rest = None if self.rest is None else self.rest.to(device, dtype)
        return AnswerScale(self.sizes.to(device, dtype), self.free.to(device), rest)


def component_errors(names: Sequence[str], distance: Distance, answer: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """Return the distance of each component alone, ``(E,)`` by name; NaN where the true component is zero everywhere.

    Args:
        names: of the components.
        distance: between answers and truths.
        answer, truth: in the units of the joint distance, ``(E, Q, outputs)``, perhaps followed by partial derivatives.
    """
    found = {}
    for k, name in enumerate(names):
        mine, true = (fields[..., k :: len(names)] for fields in (answer, truth))
        there = true.flatten(1).square().mean(1).sqrt() > NOTHING
        errors = true.new_full((len(true),), torch.nan)
        if bool(there.any()):
            errors[there] = distance(mine[there], true[there]).to(errors)
        found[name] = errors
    return found
