"""The hypergradient of networks that interpolate: the least change of the weights that keeps all rows at zero."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.hypergradients.protocol import Gradient, differentiate, leaves, methods_of, require
from pinndd.learners.jacobian import solve_factored
from pinndd.problem import DistillationProblem, Episodes, Fitted


class InterpolatingModel(Protocol):
    """A model whose E networks have more weights than rows."""

    @property
    def parameter_count(self) -> int:
        """Number P of weights of one network."""

    def select(self, prepared: Any, index: Tensor) -> Any:
        """Return what the episodes ``index`` need."""

    def rows(self, prepared: Any, parameters: Tensor) -> Tensor:
        """Return the weighted rows ``(E, R)``, differentiably."""

    def linearise(self, prepared: Any, parameters: Tensor) -> tuple[Tensor, Any]:
        """Return the rows ``(E, R)`` and their Jacobian, which has ``gram()`` and ``times()``, off the graph."""

    def fitted(self, parameters: Tensor, episodes: Episodes) -> Fitted:
        """Return the networks with weights ``(E, P)``."""


class InterpolatingLearner(Protocol):
    """What a learner offers that drives all rows to zero."""

    @property
    def model(self) -> InterpolatingModel: ...

    def fit(self, data: SyntheticData, episodes: Episodes) -> Fitted: ...

    def prepare(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Return what training needs of the data, differentiably."""

    def initial(self, data: SyntheticData, episodes: Episodes) -> Tensor:
        """Draw initial weights ``(E, P)``."""

    def train(self, prepared: Any, theta: Tensor, iterations: int | None = None) -> Tensor:
        """Return trained weights ``(E, P)``, from given ones."""

    def batch(self, prepared: Any, device: torch.device | str = "cpu") -> int:
        """Return how many networks there is memory for at a time."""


@dataclass
class _Pool:
    """Networks that are kept alive from one call to the next."""

    episodes: Episodes = None
    theta: Tensor | None = None


@dataclass(frozen=True)
class MinimumNorm:
    """Differentiate networks that interpolate, ``ρ(θ̂, D̂) = 0`` with more weights than rows.

    Where the data move, the least change of the weights that keeps the rows at zero is ``dθ = -Jᵀ (J Jᵀ)⁻¹ (∂ρ/∂D̂) dD̂``, with
    ``J = ∂ρ/∂θ``. So with ``v = (J Jᵀ + μ I)⁻¹ J ∂R/∂θ``

        dR/dD̂ = ∂R/∂D̂ - ∂/∂D̂ [ vᵀ ρ(θ̂, D̂) ],  θ̂ and v held fixed:

    one solve with the matrix that a step of Levenberg-Marquardt takes, and one backward pass. It is `Implicit` with the Gauss-Newton
    Hessian, in its dual form. It is the total derivative of training that goes on from θ̂, to first order and up to μ; for training
    from scratch it leaves out how the end drifts within the weights that interpolate. `docs/theory.md` gives that term. The weights of
    the rows have no slope at rows of zero: do not learn them by it.

    Args:
        damping: μ, relative to the mean of the diagonal of J Jᵀ.
        alive: outer steps that a network lives. At 1 every call trains all networks from scratch. Above, a call replaces the oldest
            ``1 / alive`` of them by new ones, which are trained from scratch for episodes of the batch, and lets the others go on
            from their weights with the moved data. What is kept is in no checkpoint: a resumed run begins with new networks.
        iterations: most steps that training goes on for after a move of the data.

    Raises:
        ValueError: a setting is out of its range; when called: the networks have fewer weights than rows.
        TypeError: when called: the learner does not interpolate.
    """

    damping: float = 1e-8
    alive: int = 1
    iterations: int = 4
    _pool: _Pool = field(default_factory=_Pool, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 < self.damping < 1 or self.alive < 1 or self.iterations < 1:
            raise ValueError(
                f"MinimumNorm: damping={self.damping} must be in (0, 1), alive={self.alive} and iterations={self.iterations} at "
                "least 1"
            )

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> tuple[Tensor, Gradient]:
        require(problem, "interpolation", "MinimumNorm", methods_of(InterpolatingLearner))
        learner = cast(InterpolatingLearner, problem.learner)
        if self.alive == 1:
            with torch.no_grad():
                fitted = learner.fit(data, episodes)
            return self.after(problem, data, episodes, fitted)
        with torch.no_grad():
            episodes, theta = self._revived(learner, data, episodes)
        return self.after(problem, data, episodes, learner.model.fitted(theta, episodes))

    def after(
        self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes, fitted: Fitted
    ) -> tuple[Tensor, Gradient]:
        """Return the risk and its gradient for networks that are trained already.

        Args:
            problem: its learner interpolates.
            data: that they were trained on.
            episodes: that they were trained for.
            fitted: the networks.

        Raises:
            ValueError: they have fewer weights than rows.
        """
        learner = cast(InterpolatingLearner, problem.learner)
        model = learner.model
        with torch.enable_grad():
            tracked, fields = leaves(data)
            theta = fitted.parameters.detach().requires_grad_()
            risk = problem.risk(problem.compare(model.fitted(theta, episodes), episodes))
            (outer,) = torch.autograd.grad(risk, theta)
            prepared = learner.prepare(tracked, episodes)
            index = torch.arange(theta.shape[0], device=theta.device)
            total = risk.new_zeros(())
            for part in torch.split(index, learner.batch(prepared, theta.device)):
                own = model.select(prepared, part)
                adjoint = self._adjoint(model, own, theta[part].detach(), outer[part])
                total = total - (adjoint * model.rows(own, theta[part].detach())).sum()
            _, gradient = differentiate(total, fields)
        return risk.detach(), gradient

    def _adjoint(self, model: InterpolatingModel, prepared: Any, theta: Tensor, outer: Tensor) -> Tensor:
        """Return ``(J Jᵀ + μ I)⁻¹ J g``, ``(E, R)``, for g = ∂R/∂θ."""
        with torch.no_grad():
            rows, jacobian = model.linearise(prepared, theta)
            require_more_weights(model.parameter_count, rows.shape[-1])
            gram = jacobian.gram()
            diagonal = gram.diagonal(dim1=-2, dim2=-1)
            diagonal += self.damping * diagonal.mean(-1, keepdim=True)
            right = jacobian.times(outer)
            factor, info = torch.linalg.cholesky_ex(gram)
            solved = solve_factored(factor, right)
            if bool((info > 0).any()):  # rounding has made a matrix indefinite
                driver = "gelsd" if gram.device.type == "cpu" else None
                least = torch.linalg.lstsq(gram, right[..., None], driver=driver).solution[..., 0]
                solved = torch.where((info > 0)[:, None], least, solved)
            return solved

    def _revived(self, learner: InterpolatingLearner, data: SyntheticData, episodes: Any) -> tuple[Any, Tensor]:
        """Return the episodes and the weights of the networks that live in this step, the youngest first."""
        count, pool = len(episodes), self._pool
        if pool.theta is None or len(pool.theta) != count:
            theta = learner.train(learner.prepare(data, episodes), learner.initial(data, episodes))
        else:
            fresh = max(1, round(count / self.alive))
            new = episodes[:fresh]
            begun = learner.train(learner.prepare(data, new), learner.initial(data, new))
            old = pool.episodes[: count - fresh]
            moved = learner.train(learner.prepare(data, old), pool.theta[: count - fresh], self.iterations)
            episodes, theta = new.joined(old), torch.cat((begun, moved))
        pool.episodes, pool.theta = episodes, theta
        return episodes, theta


def require_more_weights(weights: int, rows: int) -> None:
    """Make sure that a network can interpolate.

    Args:
        weights: of one network.
        rows: that are to be zero.

    Raises:
        ValueError: it has fewer weights than rows.
    """
    if weights < rows:
        raise ValueError(
            f"MinimumNorm: {rows} rows for networks of {weights} weights, which cannot all be zero: widen the hidden layers until "
            f"there are at least {rows} weights, give fewer points, or use hypergradients.SPSA or EvolutionStrategies, which "
            "differentiate any learner; for the same network trained by Adam, UnrolledAdjoint"
        )
