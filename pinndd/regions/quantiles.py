"""A plane region as slabs between its corners: the map of the unit square onto it by quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Slab(Protocol):
    """The part of a region between two neighbouring corners in x."""

    @property
    def area(self) -> float: ...

    def place(self, area: Tensor, share: Tensor) -> Tensor:
        """Return the points with ``area`` of the slab to their left and ``share`` of their section below them."""


def by_quantiles(slabs: Sequence[Slab], unit: Tensor) -> Tensor:
    """Map points of the unit square ``(..., 2)`` by the quantiles of x, then by those of y at that x.

    Source: Rosenblatt 1952, doi:10.1214/aoms/1177729394.
    """
    flat = unit.reshape(-1, 2)
    shares = torch.tensor([s.area for s in slabs], dtype=torch.float64).cumsum(0).to(flat)
    wanted = flat[:, 0].clamp(0, 1) * shares[-1]
    owner = torch.bucketize(wanted.contiguous(), shares).clamp_max(len(slabs) - 1)
    points = torch.empty_like(flat)
    for k, slab in enumerate(slabs):
        mine = owner == k
        points[mine] = slab.place(wanted[mine] - (shares[k] - slab.area), flat[mine, 1])
    return points.reshape(unit.shape)


def height_at(lower: Tensor, upper: Tensor, share: Tensor) -> Tensor:
    """Return the heights ``(n,)`` that have ``share`` ``(n,)`` of the sections from ``lower`` to ``upper`` ``(n, k)`` below them."""
    ends = (upper - lower).cumsum(-1)
    offset = share.clamp(0, 1) * ends[:, -1]
    owner = (offset[:, None] > ends[:, :-1]).sum(-1, keepdim=True)
    before = torch.cat((torch.zeros_like(ends[:, :1]), ends[:, :-1]), -1)
    return lower.gather(-1, owner)[:, 0] + offset - before.gather(-1, owner)[:, 0]
