"""Gauss-Newton on the output weights of a feature model, for PDEs that are not linear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.learners.conjugate_gradients import Solved, conjugate_gradients
from pinndd.learners.cuda_graphs import graphed_functions
from pinndd.learners.jacobian import Curvature, Jacobian, solve_factored
from pinndd.learners.recorded import RecordedFunctions
from pinndd.problem import Episodes


class LeastSquaresModel(Protocol):
    """A model whose training is non-linear least squares in a moderate number of weights."""

    @property
    def parameter_count(self) -> int:
        """Number of weights P."""

    def prepare(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Compute once what does not depend on the weights."""

    def resting(self, prepared: Any) -> Tensor:
        """Return weights of zero, ``(E, P)``."""

    def residuals(self, prepared: Any, weights: Tensor) -> Tensor:
        """Return the weighted rows ``(E, R)`` at weights ``(E, P)``, differentiable in both the weights and the data."""

    def linearise(self, prepared: Any, weights: Tensor) -> tuple[Tensor, Jacobian]:
        """Return rows ``(E, R)`` and their Jacobian, off the graph; best one that costs nothing until it is asked for something."""

    def curvature(self, prepared: Any, weights: Tensor) -> Curvature:
        """Return ``Σ_rows row · ∂²row/∂θ²``, off the graph."""

    def fitted(self, weights: Tensor, episodes: Episodes) -> Any:
        """Return the models with weights ``(E, P)``."""

    def weights(self, fitted: Any) -> Tensor:
        """Return the weights ``(E, P)`` of trained models."""


class RecordableModel(LeastSquaresModel, Protocol):
    """A model whose training step can be recorded: all that changes from one data set to the next is tensors."""

    def tensors(self, prepared: Any) -> tuple[Tensor, ...]:
        """Return the tensors of what training needs."""

    def with_tensors(self, prepared: Any, tensors: Sequence[Tensor]) -> Any:
        """Return the same with other tensors of these shapes."""


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
        cuda_graphs: take whole steps, and their halvings, as CUDA graphs, one for every shape of the data; the data are on a CUDA
            device, and the model is a `RecordableModel`. A step whose matrix rounding has made indefinite is taken as without.

    Raises:
        ValueError: the penalty is not positive, or there are no iterations.
        TypeError: the steps of the model cannot be recorded.
    """

    model: LeastSquaresModel
    penalty: float = 1e-8
    iterations: int = 12
    halvings: int = 10
    tolerance: float = 1e-7
    decrease: float = 0.0
    promise: float = 0.0
    progress: Callable[[int, int], None] | None = field(default=None, repr=False, compare=False)
    cuda_graphs: bool = False
    _recorded: RecordedFunctions = field(default_factory=graphed_functions, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.penalty <= 0 or self.iterations < 1:
            raise ValueError(
                f"GaussNewton: penalty={self.penalty} must be positive and iterations={self.iterations} at least 1"
            )
        if self.cuda_graphs and (missing := [name for name in ("tensors", "with_tensors") if not hasattr(self.model, name)]):
            raise TypeError(
                f"GaussNewton: cuda_graphs=True needs a model with {' and '.join(missing)}, and {type(self.model).__name__} has none: "
                "write what is missing, or leave cuda_graphs out"
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
            return self.fit_prepared(self.prepare(data, episodes), episodes, start)

    def prepare(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Return what training needs of the data, differentiably."""
        return self.model.prepare(data, episodes)

    def fit_prepared(self, prepared: Any, episodes: Episodes, start: Tensor | None = None) -> Any:
        """Fit on what `prepare` returned for these episodes. The result is off the graph."""
        with torch.no_grad():
            here = self._at(prepared, self.model.resting(prepared) if start is None else start)
            for k in range(self.iterations):
                if self.progress is not None:
                    self.progress(k, self.iterations)
                before = here
                replayed = self._replayed(prepared, before) if self.cuda_graphs else None
                here, moved, promised = replayed or self._step(prepared, before)
                done = moved < self.tolerance
                if self.decrease > 0:
                    flat = (before.loss - here.loss < self.decrease * before.loss) & (promised() >= self.promise * before.loss)
                    done = done | flat.all()
                if bool(done):
                    break
        return self.model.fitted(here.theta, episodes)

    def parameters(self, fitted: Any) -> Tensor:
        """Return the trained weights ``(E, P)``."""
        return self.model.weights(fitted)

    def with_parameters(self, fitted: Any, parameters: Tensor) -> Any:
        """Return the trained models with other weights ``(E, P)``."""
        return self.model.fitted(parameters, fitted.episodes)

    def training_loss(self, parameters: Tensor, prepared: Any) -> Tensor:
        """Return ``½ ‖ρ(θ)‖² + ½ penalty ‖θ‖²`` of every episode, ``(E,)``."""
        return self._objective(self.model.residuals(prepared, parameters), parameters)

    def solve_hessian(self, parameters: Tensor, prepared: Any, right: Tensor) -> Tensor:
        """Solve ``(JᵀJ + Σ ρ ∇²ρ + penalty I) v = right`` for every episode, ``(E, P)``.

        With fewer rows than weights: by conjugate gradients on exact Hessian-vector products, preconditioned by the Gauss-Newton
        part, whose inverse needs a matrix of the size of the rows only. Episodes for which that does not converge, such as those
        whose training has not come to a minimum, and all with more rows: densely.
        """
        with torch.no_grad():
            _, jacobian = self.model.linearise(prepared, parameters)
            curvature = self.model.curvature(prepared, parameters)
            if jacobian.rows >= jacobian.columns:
                return self._solve_densely(jacobian, curvature, right)
            found = self._solve_iteratively(jacobian, curvature, right)
            solution = found.solution
            (others,) = (~found.converged).nonzero(as_tuple=True)
            if len(others):
                dense = self._solve_densely(jacobian.select(others), curvature.select(others), right[others])
                solution = solution.index_copy(0, others, dense)
        return solution

    def _solve_densely(self, jacobian: Jacobian, curvature: Curvature, right: Tensor) -> Tensor:
        hessian = jacobian.normal() + curvature.dense()
        hessian.diagonal(dim1=-2, dim2=-1).add_(self.penalty)
        solution: Tensor = torch.linalg.solve(hessian, right)
        return solution

    def _solve_iteratively(self, jacobian: Jacobian, curvature: Curvature, right: Tensor) -> Solved:
        """Solve with the exact Hessian, preconditioned by its Gauss-Newton part."""
        gram = jacobian.gram()
        gram.diagonal(dim1=-2, dim2=-1).add_(self.penalty)
        factor, info = torch.linalg.cholesky_ex(gram)

        def product(vector: Tensor) -> Tensor:
            return jacobian.transposed_times(jacobian.times(vector)) + curvature.times(vector) + self.penalty * vector

        def precondition(vector: Tensor) -> Tensor:
            # (JᵀJ + penalty I)⁻¹ by the Woodbury identity
            return (vector - jacobian.transposed_times(solve_factored(factor, jacobian.times(vector)))) / self.penalty

        return conjugate_gradients(
            product,
            right,
            iterations=_MOST_PRODUCTS,
            tolerance=_PRECISION,
            precondition=precondition,
            sound=info == 0,
        )

    def _at(self, prepared: Any, theta: Tensor) -> _Point:
        found = self.model.linearise(prepared, theta)
        return _Point(theta, self._objective(found[0], theta), lambda: found)

    def _objective(self, rows: Tensor, theta: Tensor) -> Tensor:
        return 0.5 * rows.square().sum(-1) + 0.5 * self.penalty * theta.square().sum(-1)

    def _step(self, prepared: Any, here: _Point) -> tuple[_Point, Tensor, Callable[[], Tensor]]:
        """Take a step, halved where it does not lower the loss; return what `_backtrack` does, and what `_proposal` promised."""
        proposal, promised = self._proposal(*here.linearised(), here.theta, _solve_positive)
        return *self._backtrack(prepared, here, proposal), promised

    def _replayed(self, prepared: Any, here: _Point) -> tuple[_Point, Tensor, Callable[[], Tensor]] | None:
        """Return what `_step` does, from CUDA graphs of a whole step and of its halvings; None where a matrix is not positive."""
        model = cast(RecordableModel, self.model)
        tensors = model.tensors(prepared)

        def loss_of(theta: Tensor, *tensors: Tensor) -> Tensor:
            return self._objective(model.residuals(model.with_tensors(prepared, tensors), theta), theta)

        def whole(theta: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
            sound = []

            def solve(matrix: Tensor, right: Tensor) -> Tensor:
                factor, info = torch.linalg.cholesky_ex(matrix)
                sound.append(info == 0)
                return solve_factored(factor, right)

            linearised = model.linearise(model.with_tensors(prepared, tensors), theta)
            proposal, promised = self._proposal(*linearised, theta, solve)
            return proposal, loss_of(proposal, *tensors), promised(), *sound

        def halved(theta: Tensor, proposal: Tensor, loss: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
            most, size, reached = _at_most(loss), torch.zeros_like(loss), loss
            for k in range(self.halvings + 1):
                trial = loss_of(theta + 0.5**k * (proposal - theta), *tensors)
                good = (size == 0) & (trial <= most)
                size, reached = torch.where(good, 0.5**k, size), torch.where(good, trial, reached)
            return theta + size[:, None] * (proposal - theta), reached, size

        proposal, loss, promised, sound = self._recorded(model, whole, (here.theta, *tensors))
        sizes = torch.ones_like(loss)
        positive, enough = torch.stack((sound.all(), (loss <= _at_most(here.loss)).all())).tolist()
        if not positive:
            return None
        theta = proposal
        if not enough:
            theta, loss, sizes = self._recorded(self, halved, (here.theta, proposal, here.loss, *tensors))
        moved = _moved(sizes * (proposal - here.theta).norm(dim=-1), here.theta)
        return _Point(theta, loss, lambda: model.linearise(prepared, theta)), moved, lambda: promised

    def _proposal(
        self, rows: Tensor, jacobian: Jacobian, theta: Tensor, solve: Callable[[Tensor, Tensor], Tensor]
    ) -> tuple[Tensor, Callable[[], Tensor]]:
        """Return what minimises the linearised problem at ``theta``, ``(E, P)``, and what computes the loss left there, ``(E,)``.

        That is ``‖J (θ' - θ) + ρ‖² + penalty ‖θ'‖²``, through the smaller of the two Gram matrices.
        """
        target = jacobian.times(theta) - rows
        dual = jacobian.rows < jacobian.columns
        gram = jacobian.gram() if dual else jacobian.normal()
        gram.diagonal(dim1=-2, dim2=-1).add_(self.penalty)
        proposal = jacobian.transposed_times(solve(gram, target)) if dual else solve(gram, jacobian.transposed_times(target))
        return proposal, lambda: self._objective(jacobian.times(proposal) - target, proposal)

    def _backtrack(self, prepared: Any, here: _Point, proposal: Tensor) -> tuple[_Point, Tensor]:
        """Return the point after a step that is halved where it does not lower the loss, and the largest relative step."""
        direction = proposal - here.theta
        size = torch.ones_like(here.loss)
        for _ in range(self.halvings + 1):
            found = self._at(prepared, here.theta + size[:, None] * direction)
            worse = ~(found.loss <= _at_most(here.loss))
            if not bool(worse.any()):
                break
            size = torch.where(worse, size / 2, size)
        else:
            # some stay where they are
            size = torch.where(worse, 0, size)
            found = self._at(prepared, torch.where(worse[:, None], here.theta, found.theta))
        return found, _moved(size * direction.norm(dim=-1), here.theta)


@dataclass(frozen=True)
class _Point:
    """Weights ``(E, P)``, the losses ``(E,)`` there, and what returns the rows ``(E, R)`` and their Jacobian."""

    theta: Tensor
    loss: Tensor
    linearised: Callable[[], tuple[Tensor, Jacobian]]


def _at_most(loss: Tensor) -> Tensor:
    """Return losses, and what rounding may add to them."""
    return loss * (1 + _ROUNDING * torch.finfo(loss.dtype).eps)


def _moved(lengths: Tensor, theta: Tensor) -> Tensor:
    """Return the largest of the lengths of steps ``(E,)`` relative to the weights that they were taken from."""
    relative: Tensor = lengths / (1e-12 + theta.norm(dim=-1))
    return relative.max()


def _solve_positive(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve by Cholesky, or by LU where rounding has made a matrix indefinite."""
    factor, info = torch.linalg.cholesky_ex(matrix)
    solution: Tensor = (
        torch.linalg.solve(matrix, right)
        if bool((info > 0).any())
        else solve_factored(factor, right)
    )
    return solution
