"""The implicit hypergradient, through the optimality condition of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient, differentiate, leaves, methods_of, require
from pinndd.learners.conjugate_gradients import conjugate_gradients
from pinndd.problem import DistillationProblem, Episodes, Fitted


class ImplicitLearner(Protocol):
    """What a learner offers that is differentiated through its optimality condition ``∂L/∂θ = 0``."""

    def fit(self, data: SyntheticData, episodes: Episodes) -> Fitted: ...

    def prepare(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Compute once what does not depend on the parameters, differentiably in the data."""

    def fit_prepared(self, prepared: Any, episodes: Episodes) -> Fitted:
        """Train one model per episode; the result is off the graph."""

    def with_parameters(self, fitted: Fitted, parameters: Tensor) -> Fitted:
        """Return the trained models with other parameters ``(E, P)``."""

    def parameters(self, fitted: Fitted) -> Tensor:
        """Return the trained parameters ``(E, P)``."""

    def training_loss(self, parameters: Tensor, prepared: Any) -> Tensor:
        """Return the training loss of every episode, ``(E,)``, differentiable twice in the parameters and once in the data."""

    def solve_hessian(self, parameters: Tensor, prepared: Any, right: Tensor) -> Tensor:
        """Solve ``∂²L/∂θ² v = right`` with the exact Hessian, ``(E, P)``."""


class HessianSolveError(RuntimeError):
    """The iterative solve with the Hessian of the training loss has not converged."""


class HessianSolve(Protocol):
    """A way to solve ``∂²L/∂θ² v = right`` for every episode."""

    def __call__(self, learner: ImplicitLearner, parameters: Tensor, prepared: Any, right: Tensor) -> Tensor:
        """Return v, ``(E, P)``, for parameters and ``right`` of that shape."""


@dataclass(frozen=True)
class Direct:
    """Leave the solve to the learner, which knows the structure of its Hessian."""

    def __call__(self, learner: ImplicitLearner, parameters: Tensor, prepared: Any, right: Tensor) -> Tensor:
        return learner.solve_hessian(parameters, prepared, right)


@dataclass(frozen=True)
class ConjugateGradients:
    """Solve by conjugate gradients on exact Hessian-vector products (Pedregosa 2016, arXiv 1602.02355).

    Needs no matrix; the number of products grows with the root of the condition number of the Hessian, which must be positive
    definite.

    Args:
        iterations: most products.
        tolerance: on the norm of ``∂²L/∂θ² v - right`` relative to that of ``right``, for every episode.

    Raises:
        ValueError: a setting is out of its range.
        HessianSolveError: the tolerance is not met, or the Hessian is not positive definite.
    """

    iterations: int = 1000
    tolerance: float = 1e-8

    def __post_init__(self) -> None:
        if self.iterations < 1 or not 0 < self.tolerance < 1:
            raise ValueError(
                f"ConjugateGradients: iterations={self.iterations} must be at least 1 and tolerance={self.tolerance} in (0, 1)"
            )

    def __call__(self, learner: ImplicitLearner, parameters: Tensor, prepared: Any, right: Tensor) -> Tensor:
        product = _hessian_product(learner, parameters, prepared)
        found = conjugate_gradients(product, right, iterations=self.iterations, tolerance=self.tolerance)
        if not bool(found.definite.all()):
            raise HessianSolveError(
                "ConjugateGradients: the Hessian of the training loss is not positive definite: raise the penalty of the "
                "learner, train it closer to a minimum, or use Implicit(solve=Direct())"
            )
        if not bool(found.converged.all()):
            raise HessianSolveError(
                f"ConjugateGradients: relative residual {float(found.rest.max()):.1e} after {self.iterations} iterations, expected "
                f"{self.tolerance:.1e}: raise iterations or tolerance, or use Implicit(solve=Direct())"
            )
        return found.solution


@dataclass(frozen=True)
class NeumannSeries:
    """Sum ``v = rate Σ_k (I - rate ∂²L/∂θ²)^k right`` on exact Hessian-vector products (Lorraine, Vicol & Duvenaud 2020,
    arXiv 1911.02590).

    With few terms a biased estimate on purpose, as cheap as it is short, unless a tolerance is asked for. What is left out falls
    by the factor ``1 - rate · smallest curvature`` a term.

    Args:
        rate: below 2 over the largest eigenvalue of the Hessian; the step size of gradient descent that would train well.
        terms: most terms.
        tolerance: stop when the norm of ``∂²L/∂θ² v - right`` relative to that of ``right`` is below, for every episode; None
            sums all terms and takes the result as it is.

    Raises:
        ValueError: a setting is out of its range.
        HessianSolveError: the series diverges, or the tolerance is not met.
    """

    rate: float
    terms: int = 100
    tolerance: float | None = None

    def __post_init__(self) -> None:
        if self.terms < 1 or self.rate <= 0 or (self.tolerance is not None and not 0 < self.tolerance < 1):
            raise ValueError(
                f"NeumannSeries: terms={self.terms} must be at least 1, rate={self.rate} positive, and "
                f"tolerance={self.tolerance} None or in (0, 1)"
            )

    def __call__(self, learner: ImplicitLearner, parameters: Tensor, prepared: Any, right: Tensor) -> Tensor:
        product = _hessian_product(learner, parameters, prepared)
        total, term, size, reached = torch.zeros_like(right), right, right.norm(dim=-1), 1.0
        for _ in range(self.terms):
            total = total + self.rate * term
            # the next term is also what the sum leaves of the right-hand side
            term = term - self.rate * product(term)
            reached = float((term.norm(dim=-1) / size.clamp_min(torch.finfo(size.dtype).tiny)).max())
            if not reached <= 1:
                raise HessianSolveError(
                    f"NeumannSeries: the terms grow at rate={self.rate}: lower it below 2 over the largest eigenvalue of the "
                    "Hessian, and make sure that the Hessian is positive definite"
                )
            if self.tolerance is not None and reached <= self.tolerance:
                return total
        if self.tolerance is not None:
            raise HessianSolveError(
                f"NeumannSeries: relative residual {reached:.1e} after {self.terms} terms, expected {self.tolerance:.1e}: raise "
                "terms, rate or tolerance, or use Implicit(solve=ConjugateGradients())"
            )
        return total


@dataclass(frozen=True)
class Implicit:
    """Differentiate through ``∂L/∂θ(θ̂, D̂) = 0`` by one adjoint solve with the exact Hessian.

    ``dR/dD̂ = ∂R/∂D̂ - vᵀ ∂²L/∂θ∂D̂`` with ``∂²L/∂θ² v = ∂R/∂θ``: as exact as training has converged, and as the solve.

    Args:
        solve: `Direct`, `ConjugateGradients` or `NeumannSeries`.

    Raises:
        TypeError: the learner offers no optimality condition, or lacks a method of `ImplicitLearner`.
        HessianSolveError: the solve has not converged.
    """

    solve: HessianSolve = field(default_factory=Direct)

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        needed = [name for name in methods_of(ImplicitLearner) if name != "solve_hessian" or isinstance(self.solve, Direct)]
        require(problem, "implicit", "Implicit", needed)
        learner = cast(ImplicitLearner, problem.learner)
        tracked, fields = leaves(data)
        with torch.enable_grad():
            prepared = learner.prepare(tracked, episodes)
            fitted = learner.fit_prepared(prepared, episodes)
            theta = learner.parameters(fitted).detach().requires_grad_()
            risk = problem.risk(problem.compare(learner.with_parameters(fitted, theta), episodes))
            (outer,) = torch.autograd.grad(risk, theta)
            adjoint = self.solve(learner, theta.detach(), prepared, outer).detach()
            loss = learner.training_loss(theta, prepared).sum()
            (slope,) = torch.autograd.grad(loss, theta, create_graph=True)
            _, gradient = differentiate(-(slope * adjoint).sum(), fields)
        return risk.detach(), gradient


def _hessian_product(learner: ImplicitLearner, parameters: Tensor, prepared: Any) -> Callable[[Tensor], Tensor]:
    """Return the function that multiplies a vector by ``∂²L/∂θ²``, episode by episode, ``(E, P)`` each."""
    with torch.enable_grad():
        theta = parameters.detach().requires_grad_()
        (slope,) = torch.autograd.grad(learner.training_loss(theta, prepared).sum(), theta, create_graph=True)

    def product(vector: Tensor) -> Tensor:
        (image,) = torch.autograd.grad(slope, theta, vector, retain_graph=True)
        return image

    return product
