"""Picard iterates of a PDE: what linear theory says about the solution for a boundary condition, and a few corrections."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinndd.learners.ridge import ridge_solve
from pinndd.pinn.declare.pde import PDE, BoundaryValues
from pinndd.pinn.jets.features import Features
from pinndd.pinn.jets.rows import Rows
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.condition_code import grid_values
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.tasks.episodes import Trainings

_SEED = 20250
_PENALTY = 1e-9
_BOUNDARY_WEIGHT = 100.0


@dataclass(frozen=True)
class PicardIterates:
    """Solve ``L v = L u_{k-1} - r(u_{k-1})`` under the conditions of the PDE, by ridge on random features, and step towards v.

    The first iterate u₀ starts from zero and takes the whole step; later ones are damped, ``u_k = u_{k-1} + damping (v - u_{k-1})``,
    since whole steps grow without bound where the equation is far from linear.

    L is the residual r linearised about the values that the conditions of the training family take, on average over them
    (statistical linearisation; Roberts and Spanos 1990, Random Vibration and Statistical Linearization). Its factorisation is
    done once, so an iterate costs a few small matrix products; all iterates are differentiable in the condition.

    Args:
        pde: the equation.
        count: number of iterates returned, u₀ included.
        damping: share of each step that is taken.
        between: steps from one returned iterate to the next.
        width: features per output.
        scale: standard deviation of the inner weights.
        points, boundary_points: Sobol points of the ridge fit.
    """

    pde: PDE
    count: int = 3
    damping: float = 0.5
    between: int = 2
    width: int = 160
    scale: float = 2.0
    points: int = 300
    boundary_points: int = 100

    def basis(self, like: Tensor) -> Features:
        """Return the features that the iterates are combinations of."""
        return self._model.whole_features(_SEED, like)

    def weights(self, coefficients: Tensor) -> Tensor:
        """Return the weights of every iterate, in the units of u: coefficients ``(..., C)`` give ``(count, ..., outputs · width)``."""
        operator = self._operator(coefficients)
        flat = coefficients.reshape(-1, coefficients.shape[-1])
        boundary = flat @ operator.from_conditions + operator.from_means
        current = boundary + operator.from_rest
        iterates = [current]
        while len(iterates) < self.count:
            for _ in range(self.between):
                current = current + self.damping * (operator.correct(boundary, current) - current)
            iterates.append(current)
        whole = self._model.whole_weights(torch.stack(iterates))
        return whole.reshape(self.count, *coefficients.shape[:-1], -1)

    @cached_property
    def _model(self) -> FeatureModel:
        return FeatureModel(self.pde, self.width, self.scale)

    @cached_property
    def _operators(self) -> dict[tuple[torch.device, torch.dtype], _Operator]:
        return {}

    def _operator(self, like: Tensor) -> _Operator:
        key = (like.device, like.dtype)
        if key not in self._operators:
            with torch.no_grad():
                self._operators[key] = self._factorise(like)
        return self._operators[key]

    def _factorise(self, like: Tensor) -> _Operator:
        training = self.pde.ensemble()
        interior, boundary = sample_points(self.pde, "sobol", self.points, self.boundary_points, _SEED)
        data = collocation_data(self.pde, interior, boundary, _BOUNDARY_WEIGHT).to(like.device, like.dtype)
        identity = torch.eye(training.size, dtype=like.dtype, device=like.device)
        units = BoundaryValues(training, torch.cat((torch.zeros_like(identity[:1]), identity)))
        rows = self._model.prepare(data, Trainings(units, _SEED))
        slopes = self._average_slopes(rows)
        matrix, _ = rows.system(slopes)
        inverse = ridge_solve(matrix, torch.eye(matrix.shape[0], dtype=like.dtype, device=like.device), _PENALTY)
        split = matrix.shape[0] - rows.targets.shape[-1]
        resting = like.new_zeros(slopes.shape[0], slopes.shape[-1]) if rows.offset is None else rows.offset
        rest = -(rows.interior_scale * rows.residual(rows.points, resting))
        means, targets = rows.targets[0], rows.targets[1:] - rows.targets[0]
        return _Operator(
            rows,
            slopes,
            targets @ inverse[split:],
            means @ inverse[split:],
            inverse[:split],
            rest.flatten() @ inverse[:split],
        )

    def _average_slopes(self, rows: Rows, draws: int = 64) -> Tensor:
        """Return the mean derivative of the residual in the jet, ``(N, equations, K)``, over constant states of the family."""
        generator = torch.Generator().manual_seed(_SEED)
        training = self.pde.ensemble()
        values = grid_values(training, training.sample(draws, generator).to(rows.points), nodes=5)
        jets = rows.points.new_zeros((draws, len(rows.residual.terms)))
        for condition in self.pde.valued:
            if not condition.gives_value:
                continue
            drawn = values[condition.name]
            column = torch.randint(drawn.shape[1], (draws,), generator=generator).to(drawn.device)
            jets[:, condition.component_number] = drawn.gather(1, column[:, None])[:, 0]
        many = jets[:, None, :].expand(-1, rows.points.shape[0], -1)
        return rows.residual.linearise(rows.points, many)[1].detach().mean(0)


@dataclass(frozen=True)
class _Operator:
    """The factorised linear problem.

    Attributes:
        rows: features and points of the ridge fit.
        slopes: derivative of the residual in the jet, ``(N, equations, K)``.
        from_conditions: weights for unit coefficients, ``(C, outputs · width)``.
        from_means: weights for the means of the families, ``(outputs · width,)``.
        from_source: weights for unit right-hand sides, ``(N · equations, outputs · width)``.
        from_rest: weights that balance the residual of zero, ``(outputs · width,)``.
    """

    rows: Rows
    slopes: Tensor
    from_conditions: Tensor
    from_means: Tensor
    from_source: Tensor
    from_rest: Tensor

    def correct(self, boundary: Tensor, weights: Tensor) -> Tensor:
        """Return the whole step from ``weights``, ``(E, outputs · width)`` each."""
        jets = self.rows.jet_values(weights)
        moved = jets if self.rows.offset is None else jets - self.rows.offset
        source = torch.einsum("nqk,enk->enq", self.slopes, moved) - self.rows.residual(self.rows.points, jets)
        return boundary + (self.rows.interior_scale * source).flatten(1) @ self.from_source
