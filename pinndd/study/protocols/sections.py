"""The part of a domain that a picture can show: a grid over at most two coordinates, the others held in the middle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.geometry.patches import TOLERANCE
from pinndd.study.results.outcome import FieldExample

SIDE = 64
"""Grid points per side of a picture."""


@dataclass(frozen=True)
class Section:
    """A grid over the first two coordinates of a domain, or over its only one.

    Attributes:
        sides: number of grid points along each coordinate shown.
        points: those of the grid that lie in the domain, ``(Q, d)``, float64.
        inside: which of the grid they are, ``sides``.
        at: the coordinates that are held fixed.
    """

    sides: tuple[int, ...]
    points: Tensor
    inside: Tensor
    at: Mapping[str, float]

    def example(
        self, shift: str, truth: Tensor, predictions: Mapping[str, Tensor], rest: Tensor | None = None
    ) -> FieldExample:
        """Put fields at the points, ``(Q, outputs)`` each, on the grid (see `FieldExample`)."""
        return FieldExample(
            shift,
            self._on_grid(truth),
            {name: self._on_grid(values) for name, values in predictions.items()},
            self.at,
            rest=None if rest is None else self._on_grid(rest),
        )

    def _on_grid(self, values: Tensor) -> Tensor:
        field = torch.full((*self.sides, values.shape[-1]), torch.nan, dtype=torch.float64)
        field[self.inside] = values.detach().double().cpu()
        return field[..., 0] if values.shape[-1] == 1 else field


def section_of(pde: PDE, side: int = SIDE) -> Section:
    """Return the section of a domain that its pictures show.

    Coordinates from the third on, time among them where it is one, stand at the middle of their range.

    Args:
        pde: gives the domain.
        side: grid points along each coordinate shown.
    """
    box = pde.box
    shown = min(2, box.dimension)
    low, high = torch.tensor(box.low, dtype=torch.float64), torch.tensor(box.high, dtype=torch.float64)
    unit = torch.full((*(side,) * shown, box.dimension), 0.5, dtype=torch.float64)
    axes = torch.meshgrid(*(torch.linspace(0, 1, side, dtype=torch.float64),) * shown, indexing="ij")
    unit[..., :shown] = torch.stack(axes, -1)
    grid = low + (high - low) * unit
    inside = box.inside(grid, -TOLERANCE)  # a face of the box is inside, whatever the rounding
    at = {name: float((a + b) / 2) for name, a, b in list(zip(box.names, box.low, box.high, strict=True))[shown:]}
    return Section((side,) * shown, box.project(grid[inside]), inside, at)
