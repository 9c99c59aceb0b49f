"""Where conditions on the same component of u meet, and their values should agree."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from pinndd.pinn.declare.conditions import Condition
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.geometry.meeting import meeting_points


def meetings(pde: PDE, generator: torch.Generator) -> Iterator[tuple[Condition, Condition, Tensor]]:
    """Yield every two conditions that give values of the same component and meet, with points ``(n, d)`` of both."""
    for one, two in itertools.combinations(pde.valued, 2):
        points = meeting_points(pde.patches[one.name], pde.patches[two.name], generator)
        if points is not None and one.component == two.component and one.gives_value and two.gives_value:
            yield one, two, points
