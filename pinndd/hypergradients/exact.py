"""The exact hypergradient, through a learner that trains in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient, leaves, require
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
            risk = problem.evaluate(tracked, episodes)
            gradients = torch.autograd.grad(risk, list(fields.values()), allow_unused=True)
        return risk.detach(), {
            name: torch.zeros_like(leaf) if g is None else g for (name, leaf), g in zip(fields.items(), gradients, strict=True)
        }
