"""A boundary of straight and circular pieces: nearest points, what it encloses, heights and areas below it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from pinndd.regions.pieces import CLOSE, CircleArc, Piece, Segment


class Curves:
    """Pieces of a closed boundary, each a function of x and of y (no arc turns through more than a right angle)."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = tuple(pieces)
        self._segments = [p for p in pieces if isinstance(p, Segment)]
        self._arcs = [p for p in pieces if isinstance(p, CircleArc)]

    def nearest(self, points: Tensor) -> Tensor:
        """Return the nearest points of the boundary, ``(..., 2)``."""
        feet = torch.cat([f(points) for f, own in ((self._straight, self._segments), (self._round, self._arcs)) if own], -2)
        best = (points[..., None, :] - feet).norm(dim=-1).argmin(-1)
        return feet.gather(-2, best[..., None, None].expand(*best.shape, 1, 2))[..., 0, :]

    def _straight(self, points: Tensor) -> Tensor:
        start = points.new_tensor([s.start for s in self._segments])
        along = points.new_tensor([s.end for s in self._segments]) - start
        share = ((points[..., None, :] - start) * along).sum(-1) / along.square().sum(-1)
        return start + share.clamp(0, 1)[..., None] * along

    def _round(self, points: Tensor) -> Tensor:
        center = points.new_tensor([a.center for a in self._arcs])
        low, width, radius = (points.new_tensor(v) for v in zip(*((a.low, a.high - a.low, a.radius) for a in self._arcs), strict=True))
        offset = points[..., None, :] - center
        turn = torch.remainder(torch.atan2(offset[..., 1], offset[..., 0]) - low, 2 * math.pi)
        beyond = torch.where(turn - width < 2 * math.pi - turn, width, torch.zeros_like(turn))
        angle = low + torch.where(turn <= width, turn, beyond)
        return center + radius[:, None] * torch.stack((angle.cos(), angle.sin()), -1)

    def enclose(self, points: Tensor) -> Tensor:
        """Whether a ray to the right crosses the boundary an odd number of times, ``(...)``."""
        x, y = points[..., 0], points[..., 1]
        crossed = torch.zeros(points.shape[:-1], dtype=torch.long, device=points.device)
        for piece, (bottom, top) in zip(self._pieces, self._levels, strict=True):
            spans = (bottom > y) != (top > y)
            if isinstance(piece, Segment):
                (x0, y0), (x1, y1) = piece.start, piece.end
                at = x0 + (y - y0) * ((x1 - x0) / (y1 - y0)) if y1 != y0 else torch.full_like(x, x0)
            else:
                at = piece.center[0] + self._side(piece)[0] * (piece.radius**2 - (y - piece.center[1]).square()).clamp_min(0).sqrt()
            crossed += spans & (x < at)
        return crossed % 2 == 1

    @cached_property
    def _levels(self) -> list[tuple[float, float]]:
        """Heights of the ends of each piece, equal where pieces meet."""
        heights = [y for p in self._pieces for y in (p.start[1], p.end[1])]
        slack, known = 2 * CLOSE * (max(heights) - min(heights)), list[float]()

        def one(y: float) -> float:
            near = next((k for k in known if abs(k - y) <= slack), None)
            if near is None:
                known.append(y)
            return y if near is None else near

        return [(one(p.start[1]), one(p.end[1])) for p in self._pieces]

    @staticmethod
    def _side(arc: CircleArc) -> tuple[float, float]:
        """On which side of its centre an arc lies: signs along x and y."""
        (x, y), _ = arc.middle()
        return math.copysign(1.0, x - arc.center[0]), math.copysign(1.0, y - arc.center[1])

    def across(self, x: float) -> list[int]:
        """Return the numbers of the pieces that have a point at x."""
        ends = [sorted((p.start[0], p.end[0])) for p in self._pieces]
        return [k for k, (left, right) in enumerate(ends) if left < x < right]

    def height(self, number: int, x: Tensor) -> Tensor:
        """Return y of a piece at x, ``(n,)``."""
        piece = self._pieces[number]
        if isinstance(piece, Segment):
            (x0, y0), (x1, y1) = piece.start, piece.end
            return y0 + ((x - x0) / (x1 - x0)).clamp(0, 1) * (y1 - y0)
        return piece.center[1] + self._side(piece)[1] * (piece.radius**2 - (x - piece.center[0]).square()).clamp_min(0).sqrt()

    def integral(self, number: int, x: Tensor) -> Tensor:
        """Return an antiderivative of `height`, ``(n,)``."""
        piece = self._pieces[number]
        if isinstance(piece, Segment):
            (x0, y0), (x1, y1) = piece.start, piece.end
            return y0 * (x - x0) + (y1 - y0) / (x1 - x0) * (x - x0).square() / 2
        (cx, cy), r = piece.center, piece.radius
        share = ((x - cx) / r).clamp(-1, 1)
        cap = r**2 / 2 * (share * (1 - share.square()).sqrt() + share.arcsin())
        return cy * (x - cx) + self._side(piece)[1] * cap
