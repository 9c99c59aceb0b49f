"""Gauss-Newton on the output weights of a feature model, for PDEs that are not linear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.learners.jacobian import Curvature, Jacobian, solve_factored
from pinndd.problem import Episodes


class LeastSquaresModel(Protocol):
    """A model whose training is non-linear least squares in a moderate number of weights."""

    @property
    def parameter_count(self) -> int:
        """Number of weights P."""

    def prepare(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Compute once what does not depend on the weights."""

    def residuals(self, prepared: Any, weights: Tensor) -> Tensor:
        """Return the weighted rows ``(E, R)`` at weights ``(E, P)``, differentiable in both the weights and the data."""

    def linearise(self, prepared: Any, weights: Tensor) -> tuple[Tensor, Jacobian]:
        """Return rows ``(E, R)`` and their Jacobian, off the graph."""

    def curvature(self, prepared: Any, weights: Tensor) -> Curvature:
        """Return ``Σ_rows row · ∂²row/∂θ²``, off the graph."""

    def fitted(self, weights: Tensor, episodes: Episodes) -> Any:
        """Return the models with weights ``(E, P)``."""

    def weights(self, fitted: Any) -> Tensor:
        """Return the weights ``(E, P)`` of trained models."""


_PRECISION = 1e-7
"""Relative size of the remainder at which conjugate gradients stop."""

_MOST_PRODUCTS = 200
"""Most Hessian-vector products of one solve, after which a dense one is cheaper."""

_ROUNDING = 512
"""A rise of the loss by fewer units in its last place is rounding: no shorter step is tried, since steps still converge there."""


@dataclass(frozen=True)
class GaussNewton:
    """Fit ``min_θ ½ ‖ρ(θ)‖² + ½ penalty ‖θ‖²``, a batch of episodes at a time, by Gauss-Newton with step halving.

    Args:
        model: gives the rows ρ.
        penalty: weight of ``‖θ‖²``; positive.
        iterations: most Gauss-Newton steps; fewer where the steps have become small.
        halvings: most halvings of a step that does not lower the loss of an episode.
        tolerance: relative size of the step at which training stops.
        decrease: relative decrease of the loss of every episode, from step to step, below which training stops as well.
        promise: part of the loss that the linearised problem must leave for that, or the step was only cut too short.
        progress: called before every step with the number of steps done and ``iterations`` (None: nobody waits for a single fit).

    Raises:
        ValueError: the penalty is not positive, or there are no iterations.
    """

    model: LeastSquaresModel
    penalty: float = 1e-8
    iterations: int = 12
    halvings: int = 10
    tolerance: float = 1e-7
    decrease: float = 0.0
    promise: float = 0.0
    progress: Callable[[int, int], None] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.penalty <= 0 or self.iterations < 1:
            raise ValueError(
                f"GaussNewton: penalty={self.penalty} must be positive and iterations={self.iterations} at least 1"
            )

    @property
    def differentiation(self) -> str:
        """Training ends where the gradient of its loss vanishes."""
        return "implicit"

    def fit(self, data: SyntheticData, episodes: Episodes, start: Tensor | None = None) -> Any:
        """Fit one model per episode. The result is off the graph.

        Args:
            data: the points.
            episodes: what the models are fitted for.
            start: weights to begin from, ``(E, P)``, such as those of a similar episode (None: zeros).
        """
        with torch.no_grad():
            prepared = self.model.prepare(data, episodes)
            count = len(episodes)
            reference = next(iter(data.fields.values()))
            zeros = torch.zeros((count, self.model.parameter_count), dtype=reference.dtype, device=reference.device)
            theta = zeros if start is None else start
            loss = self._loss(prepared, theta)
            for k in range(self.iterations):
                if self.progress is not None:
                    self.progress(k, self.iterations)
                rows, jacobian = self.model.linearise(prepared, theta)
                target = jacobian.times(theta) - rows
                proposal = self._minimiser(jacobian, target)
                before = loss
                theta, loss, moved = self._backtrack(prepared, theta, loss, proposal)
                done = moved < self.tolerance
                if self.decrease > 0:
                    promised = self._objective(jacobian.times(proposal) - target, proposal)
                    flat = (before - loss < self.decrease * before) & (promised >= self.promise * before)
                    done = done | flat.all()
                if bool(done):
                    break
        return self.model.fitted(theta, episodes)

    def parameters(self, fitted: Any) -> Tensor:
        """Return the trained weights ``(E, P)``."""
        return self.model.weights(fitted)

    def with_parameters(self, fitted: Any, parameters: Tensor) -> Any:
        """Return the trained models with other weights ``(E, P)``."""
        return self.model.fitted(parameters, fitted.episodes)

    def training_loss(self, parameters: Tensor, data: SyntheticData, episodes: Episodes) -> Tensor:
        """Return ``½ ‖ρ(θ)‖² + ½ penalty ‖θ‖²`` of every episode, ``(E,)``."""
        return self._loss(self.model.prepare(data, episodes), parameters)

    def solve_hessian(self, parameters: Tensor, data: SyntheticData, episodes: Episodes, right: Tensor) -> Tensor:
        """Solve ``(JᵀJ + Σ ρ ∇²ρ + penalty I) v = right`` for every episode, ``(E, P)``.

        With fewer rows than weights: by conjugate gradients on exact Hessian-vector products, preconditioned by the Gauss-Newton
        part, whose inverse needs a matrix of the size of the rows only. Episodes for which that does not converge, such as those
        whose training has not come to a minimum, and all with more rows: densely.
        """
        with torch.no_grad():
            prepared = self.model.prepare(data, episodes)
            _, jacobian = self.model.linearise(prepared, parameters)
            curvature = self.model.curvature(prepared, parameters)
            if jacobian.rows >= jacobian.columns:
                return self._solve_densely(jacobian, curvature, right)
            solution, converged = self._conjugate_gradients(jacobian, curvature, right)
            (others,) = (~converged).nonzero(as_tuple=True)
            if len(others):
                dense = self._solve_densely(jacobian.select(others), curvature.select(others), right[others])
                solution = solution.index_copy(0, others, dense)
        return solution

    def _solve_densely(self, jacobian: Jacobian, curvature: Curvature, right: Tensor) -> Tensor:
        hessian = jacobian.normal() + curvature.dense()
        hessian.diagonal(dim1=-2, dim2=-1).add_(self.penalty)
        solution: Tensor = torch.linalg.solve(hessian, right)
        return solution

    def _conjugate_gradients(self, jacobian: Jacobian, curvature: Curvature, right: Tensor) -> tuple[Tensor, Tensor]:
        """Solve with the exact Hessian, ``(E, P)``, and say for which episodes that has converged, ``(E,)``."""
        gram = jacobian.gram()
        gram.diagonal(dim1=-2, dim2=-1).add_(self.penalty)
        factor, info = torch.linalg.cholesky_ex(gram)

        def product(vector: Tensor) -> Tensor:
            return jacobian.transposed_times(jacobian.times(vector)) + curvature.times(vector) + self.penalty * vector

        def precondition(vector: Tensor) -> Tensor:
            # (JᵀJ + penalty I)⁻¹ by the Woodbury identity
            return (vector - jacobian.transposed_times(solve_factored(factor, jacobian.times(vector)))) / self.penalty

        def dot(one: Tensor, other: Tensor) -> Tensor:
            return (one * other).sum(-1, keepdim=True)

        solution = precondition(right)
        rest = right - product(solution)
        search = improved = precondition(rest)
        size = dot(rest, improved)
        goal = _PRECISION * right.norm(dim=-1, keepdim=True)
        sound = (info == 0)[:, None]
        for _ in range(_MOST_PRODUCTS):
            going = sound & ~(rest.norm(dim=-1, keepdim=True) <= goal)
            if not bool(going.any()):
                break
            image = product(search)
            along = dot(search, image)
            sound = sound & ~(going & ~(along > 0))
            # an episode that is done stays as it is
            going = going & sound
            step = torch.where(going, size / along, 0)
            solution, rest = solution + step * search, rest - step * image
            improved = precondition(rest)
            size, before = dot(rest, improved), size
            search = improved + torch.where(going, size / before, 0) * search
        return solution, (sound & (rest.norm(dim=-1, keepdim=True) <= goal))[:, 0]

    def _loss(self, prepared: Any, theta: Tensor) -> Tensor:
        return self._objective(self.model.residuals(prepared, theta), theta)

    def _objective(self, rows: Tensor, theta: Tensor) -> Tensor:
        return 0.5 * rows.square().sum(-1) + 0.5 * self.penalty * theta.square().sum(-1)

    def _minimiser(self, jacobian: Jacobian, target: Tensor) -> Tensor:
        """Minimise ``‖J θ - target‖² + penalty ‖θ‖²`` through the smaller of the two Gram matrices, ``(E, P)``."""
        if jacobian.rows < jacobian.columns:
            gram = jacobian.gram()
            gram.diagonal(dim1=-2, dim2=-1).add_(self.penalty)
            return jacobian.transposed_times(_solve_positive(gram, target))
        gram = jacobian.normal()
        gram.diagonal(dim1=-2, dim2=-1).add_(self.penalty)
        return _solve_positive(gram, jacobian.transposed_times(target))

    def _backtrack(self, prepared: Any, theta: Tensor, loss: Tensor, proposal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        direction = proposal - theta
        size = torch.ones_like(loss)
        most = loss * (1 + _ROUNDING * torch.finfo(loss.dtype).eps)
        for _ in range(self.halvings + 1):
            candidate = theta + size[:, None] * direction
            new = self._loss(prepared, candidate)
            worse = ~(new <= most)
            if not bool(worse.any()):
                break
            size = torch.where(worse, size / 2, size)
        accept = new <= most
        moved = (size * accept)[:, None] * direction
        relative = moved.norm(dim=-1) / (1e-12 + theta.norm(dim=-1))
        return theta + moved, torch.where(accept, new, loss), relative.max()


def _solve_positive(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve by Cholesky, or by LU where rounding has made a matrix indefinite."""
    factor, info = torch.linalg.cholesky_ex(matrix)
    solution: Tensor = (
        torch.linalg.solve(matrix, right)
        if bool((info > 0).any())
        else solve_factored(factor, right)
    )
    return solution
