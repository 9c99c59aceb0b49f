"""Central differences: the risk on both sides of every entry of the data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.perturbations import slope_along, units
from pinndd.hypergradients.protocol import Gradient
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class CentralDifferences:
    """Move one entry at a time, there and back: two trainings per entry, for small data and as the oracle of tests.

    Fits every learner. The error falls with the square of ``size`` until rounding, divided by ``size``, takes over: in float32
    take 1e-2. Moves are in units of the free parameters and may leave the feasible set by that much
    (`pinndd.hypergradients.perturbations.moved`).

    Args:
        size: of the moves.

    Raises:
        ValueError: the size is not positive.
    """

    size: float = 1e-5

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise ValueError(f"CentralDifferences: size={self.size} must be positive")

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        gradient = {}
        with torch.no_grad():
            for name, scales in units(data).items():
                gradient[name] = torch.zeros_like(scales)
                for k, scale in enumerate(scales.flatten().tolist()):
                    move = torch.zeros_like(scales)
                    move.view(-1)[k] = self.size * scale
                    slope = slope_along(problem, data, episodes, {name: move})
                    gradient[name].view(-1)[k] = slope / (self.size * scale)
            return problem.evaluate(data, episodes).detach(), gradient
