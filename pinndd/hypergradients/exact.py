"""The exact hypergradient, through a learner that trains in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient, differentiate, leaves, require
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class Exact:
    """Differentiate the risk through the closed form of the fit: the total derivative, to rounding.

    Raises:
        TypeError: the learner has no closed form.
    """

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        require(problem, "closed form", "Exact")
        with torch.enable_grad():
            tracked, fields = leaves(data)
            return differentiate(problem.evaluate(tracked, episodes), fields)
