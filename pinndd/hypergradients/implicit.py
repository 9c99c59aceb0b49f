"""The implicit hypergradient, through the optimality condition of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient, leaves, require
from pinndd.problem import DistillationProblem, Episodes, Fitted


class ImplicitLearner(Protocol):
    """What a learner offers that is differentiated through its optimality condition ``∂L/∂θ = 0``."""

    def fit(self, data: SyntheticData, episodes: Episodes) -> Fitted: ...

    def with_parameters(self, fitted: Fitted, parameters: Tensor) -> Fitted:
        """Return the trained models with other parameters ``(E, P)``."""

    def parameters(self, fitted: Fitted) -> Tensor:
        """Return the trained parameters ``(E, P)``."""

    def training_loss(self, parameters: Tensor, data: SyntheticData, episodes: Episodes) -> Tensor:
        """Return the training loss of every episode, ``(E,)``, differentiable twice in the parameters and once in the data."""

    def solve_hessian(self, parameters: Tensor, data: SyntheticData, episodes: Episodes, right: Tensor) -> Tensor:
        """Solve ``∂²L/∂θ² v = right`` with the exact Hessian, ``(E, P)``."""


@dataclass(frozen=True)
class Implicit:
    """Differentiate through ``∂L/∂θ(θ̂, D̂) = 0`` by one adjoint solve with the exact Hessian.

    ``dR/dD̂ = ∂R/∂D̂ - vᵀ ∂²L/∂θ∂D̂`` with ``∂²L/∂θ² v = ∂R/∂θ``: as exact as training has converged.

    Raises:
        TypeError: the learner offers no optimality condition.
    """

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        require(problem, "implicit", "Implicit")
        learner = cast(ImplicitLearner, problem.learner)
        with torch.no_grad():
            fitted = learner.fit(data, episodes)
        with torch.enable_grad():
            theta = learner.parameters(fitted).detach().requires_grad_()
            risk = problem.risk(problem.compare(learner.with_parameters(fitted, theta), episodes))
            (outer,) = torch.autograd.grad(risk, theta)
            adjoint = learner.solve_hessian(theta.detach(), data, episodes, outer).detach()
            tracked, fields = leaves(data)
            loss = learner.training_loss(theta, tracked, episodes).sum()
            (slope,) = torch.autograd.grad(loss, theta, create_graph=True)
            gradients = torch.autograd.grad(-(slope * adjoint).sum(), list(fields.values()), allow_unused=True)
        return risk.detach(), {
            name: torch.zeros_like(leaf) if g is None else g for (name, leaf), g in zip(fields.items(), gradients, strict=True)
        }
