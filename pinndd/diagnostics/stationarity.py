"""First-order optimality: multipliers, the stationarity residual, and the conditioning of training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from pinndd.constraints import Constraint, Simplex
from pinndd.data import SyntheticData
from pinndd.hypergradients.implicit import ImplicitLearner
from pinndd.hypergradients.protocol import Gradient, differentiate, leaves
from pinndd.problem import DistillationProblem, Episodes


@dataclass(frozen=True)
class Optimality:
    """The first-order optimality conditions of the distillation problem at one data set.

    With the Lagrangian ``R(𝔻(a, a*)) + μ · (I(M_θ) - a) + λ · ∂L/∂θ(θ, D̂)`` of the answers a, parameters θ and data D̂ all conditions
    but the last are met by construction: ``μ = ∂R/∂a``, and ``∂²L/∂θ² λ = -(∂I/∂θ)ᵀ μ``.

    Attributes:
        risk: R.
        answer_multipliers: μ of the inference constraint, ``(E, Q, K)``.
        training_multipliers: λ of the training constraint, ``(E, P)``.
        gradient: ``(∂²L/∂θ∂D̂)ᵀ λ`` of each learnable field, which is the hypergradient ``dR/dD̂``.
        residuals: what is left of the gradient when each field may only move within its constraint, see `projected_residual`.
        training_residual: largest norm over the episodes of ``∂L/∂θ``: how well the training constraint is met.
        adjoint_residual: largest relative norm over the episodes of what the adjoint solve has left.
        conditions: condition number of the training Hessian ``∂²L/∂θ²`` of each episode, ``(E,)``.
    """

    risk: float
    answer_multipliers: Tensor
    training_multipliers: Tensor
    gradient: Gradient
    residuals: Mapping[str, Tensor]
    training_residual: float
    adjoint_residual: float
    conditions: Tensor

    @property
    def stationarity(self) -> float:
        """Norm of the residuals of all fields together: 0 where no feasible direction lowers the risk to first order."""
        return math.hypot(*(float(residual.norm()) for residual in self.residuals.values()))

    def __str__(self) -> str:
        fields = ", ".join(f"{name} {float(residual.norm()):.3g}" for name, residual in self.residuals.items())
        return (
            f"risk {self.risk:.4g}, stationarity residual {self.stationarity:.3g} ({fields}); residual of training "
            f"{self.training_residual:.2g}, of the adjoint {self.adjoint_residual:.2g}; condition number of training up to "
            f"{float(self.conditions.max()):.3g}"
        )


def optimality(problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> Optimality:
    """Evaluate the first-order optimality conditions of the problem at ``data`` on a batch of episodes.

    The multipliers of the training constraint come from one adjoint solve with the exact training Hessian (Kungurtsev et al. 2024,
    arXiv 2409.01410, section 4). The Hessian is also formed for its condition number: P products with it an episode.

    Args:
        problem: its learner trains to a stationary point of ``training_loss``, in closed form or by iteration.
        data: where to evaluate.
        episodes: a batch of the task.

    Raises:
        TypeError: the learner offers no optimality condition.
    """
    learner = _stationary_learner(problem)
    with torch.no_grad():
        fitted = learner.fit(data, episodes)
        truth = problem.task.truth(episodes, problem.distance.derivatives)
    with torch.enable_grad():
        theta = learner.parameters(fitted).detach().requires_grad_()
        models = learner.with_parameters(fitted, theta)
        answer = problem.task.answer(models, episodes, problem.distance.derivatives)
        asked = answer.detach().requires_grad_()
        risk = problem.risk(problem.distance(asked, truth))
        (answer_multipliers,) = torch.autograd.grad(risk, asked)
        (outer,) = torch.autograd.grad(answer, theta, answer_multipliers)
        tracked, fields = leaves(data)
        prepared = learner.prepare(tracked, episodes)
        multipliers = -learner.solve_hessian(theta.detach(), prepared, outer).detach()
        loss = learner.training_loss(theta, prepared).sum()
        (slope,) = torch.autograd.grad(loss, theta, create_graph=True)
        hessian = _rows_of_hessian(slope, theta)
        _, gradient = differentiate((slope * multipliers).sum(), fields)
    left = (hessian @ multipliers[..., None])[..., 0] + outer
    residuals = {n: projected_residual(data.constraints[n], data[n].detach(), g) for n, g in gradient.items()}
    return Optimality(
        risk=float(risk.detach()),
        answer_multipliers=answer_multipliers,
        training_multipliers=multipliers,
        gradient=gradient,
        residuals=residuals,
        training_residual=float(slope.detach().norm(dim=-1).max()),
        adjoint_residual=float((left.norm(dim=-1) / outer.norm(dim=-1).clamp_min(torch.finfo(outer.dtype).tiny)).max()),
        conditions=torch.linalg.cond(hessian),
    )


def projected_residual(constraint: Constraint, value: Tensor, gradient: Tensor) -> Tensor:
    """Return how far a projected gradient step of size 1 moves a field: 0 at a stationary point, of the field's shape.

    The step is taken in the free parameters of the constraint, the outer loop's own (positions scaled to [0, 1], logarithms); for
    a simplex in the probabilities themselves, since logits do not see that a probability of zero should grow.

    Args:
        constraint: of the field.
        value: of the field.
        gradient: of the risk in the field.
    """
    if isinstance(constraint, Simplex):
        return value - nearest_probabilities(value - gradient)
    with torch.enable_grad():
        free = constraint.to_free(value).detach().requires_grad_()
        (slope,) = torch.autograd.grad(constraint.from_free(free), free, gradient)
    free = free.detach()
    return constraint.project(free) - constraint.project(free - slope)


def nearest_probabilities(vectors: Tensor) -> Tensor:
    """Project ``(..., K)`` onto the probability simplex of its last axis, in the Euclidean norm.

    By sorting (Held, Wolfe & Crowder 1974, doi 10.1007/BF01580223).
    """
    ordered = vectors.sort(dim=-1, descending=True).values
    ranks = torch.arange(1, vectors.shape[-1] + 1, dtype=vectors.dtype, device=vectors.device)
    excess = (ordered.cumsum(-1) - 1) / ranks
    support = (ordered > excess).sum(-1, keepdim=True)
    return (vectors - excess.gather(-1, support - 1)).clamp_min(0)


def _stationary_learner(problem: DistillationProblem) -> ImplicitLearner:
    needed = ("prepare", "parameters", "with_parameters", "training_loss", "solve_hessian")
    missing = [name for name in needed if not hasattr(problem.learner, name)]
    if missing:
        raise TypeError(
            "optimality needs the training loss of the learner and its Hessian; "
            f"{type(problem.learner).__name__} lacks {', '.join(missing)}"
        )
    return cast(ImplicitLearner, problem.learner)


def _rows_of_hessian(slope: Tensor, theta: Tensor) -> Tensor:
    """Return ``∂slope/∂θ``, ``(E, P, P)``: one product per parameter, for all episodes at once."""
    rows = [
        torch.autograd.grad(slope[:, p].sum(), theta, retain_graph=True, materialize_grads=True)[0]
        for p in range(theta.shape[1])
    ]
    return torch.stack(rows, 1)
