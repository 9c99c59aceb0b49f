"""The cheap solver that the outer loop of the solved protocol works on, in place of the expensive one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pinndd.learners.gauss_newton import GaussNewton
from pinndd.pinn.declare.pde import PDE, BoundaryValues, Reference
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.tasks.episodes import Trainings

_STEP = 1e-3
_SEED = 4711


def stand_in_for(pde: PDE) -> Reference:
    """Return a cheap solver of ``pde``, differentiable in the coefficients of the conditions.

    That is the module's own ``stand_in``, by central differences where it leaves the graph; without one, a random-feature
    PINN on many points (`FeatureStandIn`). Conditions that it cannot solve give NaN.
    """
    if pde.stand_in is None:
        return solve_each(FeatureStandIn(pde))
    probe = torch.zeros((1, pde.ensemble().size), dtype=torch.float64, requires_grad=True)
    centre = pde.box.scale(torch.full((1, pde.box.dimension), 0.5, dtype=torch.float64))
    with torch.enable_grad():
        found = pde.stand_in(BoundaryValues(pde.ensemble(), probe), centre)
    return solve_each(pde.stand_in if found.requires_grad else DifferentiableSolver(pde.stand_in))


def solve_each(solver: Reference) -> Reference:
    """Wrap a solver so that a condition that it cannot solve gives NaN, and does not stop the others."""

    def solve(values: BoundaryValues, points: Tensor) -> Tensor:
        try:
            return solver(values, points)
        except ArithmeticError:
            if len(values) == 1:
                return points.new_full((1, points.shape[0]), float("nan"))
        middle = len(values) // 2
        halves = (values.coefficients[:middle], values.coefficients[middle:])
        return torch.cat([solve(BoundaryValues(values.ensemble, half), points) for half in halves])

    return solve


class DifferentiableSolver:
    """A solver that leaves the graph, made differentiable in the few coefficients by central differences.

    Args:
        solver: any solver, called with 2 C conditions for each one that is differentiated.
        step: relative to the largest coefficient.
    """

    def __init__(self, solver: Reference, step: float = _STEP) -> None:
        self.solver, self.step = solver, step

    def __call__(self, values: BoundaryValues, points: Tensor) -> Tensor:
        """Solve: ``(B, Q)`` or ``(B, Q, outputs)``."""
        found: Tensor = _Differences.apply(values.coefficients, values.ensemble, points, self)  # type: ignore[no-untyped-call]
        return found


class _Differences(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, coefficients: Tensor, ensemble: Any, points: Tensor, owner: DifferentiableSolver) -> Tensor:
        ctx.save_for_backward(coefficients)
        ctx.ensemble, ctx.points, ctx.owner = ensemble, points, owner
        with torch.no_grad():
            return owner.solver(BoundaryValues(ensemble, coefficients), points)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None, None]:
        (coefficients,) = ctx.saved_tensors
        count, size = coefficients.shape
        step = ctx.owner.step * float(coefficients.abs().max().clamp_min(1e-300))
        shifts = step * torch.eye(size, dtype=coefficients.dtype, device=coefficients.device)
        both = torch.cat((coefficients[:, None] + shifts, coefficients[:, None] - shifts)).reshape(-1, size)
        with torch.no_grad():
            solved = ctx.owner.solver(BoundaryValues(ctx.ensemble, both), ctx.points)
        plus, minus = solved.reshape(2, count, size, -1)
        slopes = (plus - minus) / (2 * step)
        return (slopes * upstream[0].reshape(count, 1, -1)).sum(-1), None, None, None


class FeatureStandIn:
    """A random-feature PINN on many points as a solver, for PDEs without a cheap solver of their own.

    Its derivative in the coefficients is that of one Newton step from the trained weights, which is the implicit one.

    Args:
        pde: the equation.
        width: features per output.
        points, boundary_points: Sobol points of the fit.
    """

    def __init__(self, pde: PDE, width: int = 160, points: int = 300, boundary_points: int = 90) -> None:
        self.pde = pde
        self.model = FeatureModel(pde, width=width)
        self.learner = GaussNewton(self.model, penalty=1e-7)
        interior, boundary = sample_points(pde, "sobol", points, boundary_points, _SEED)
        self.data = collocation_data(pde, interior, boundary, 30.0)

    def __call__(self, values: BoundaryValues, points: Tensor) -> Tensor:
        """Solve: ``(B, Q, outputs)``."""
        with torch.no_grad():
            detached = BoundaryValues(values.ensemble, values.coefficients.detach())
            fitted = self.learner.fit(self.data, Trainings(detached, _SEED))
        if not (torch.is_grad_enabled() and values.coefficients.requires_grad):
            found: Tensor = fitted(points)
            return found
        episodes = Trainings(values, _SEED)
        theta = self.learner.parameters(fitted).detach().requires_grad_()
        prepared = self.learner.prepare(self.data, episodes)
        loss = self.learner.training_loss(theta, prepared).sum()
        (slope,) = torch.autograd.grad(loss, theta, create_graph=True)
        step = _NewtonStep.apply(slope, self.learner, theta.detach(), prepared)  # type: ignore[no-untyped-call]
        moved: Tensor = self.learner.with_parameters(fitted, theta.detach() - step)(points)
        return moved


class _NewtonStep(torch.autograd.Function):
    """``H⁻¹ g`` with a fixed symmetric H: the backward pass is one more solve."""

    @staticmethod
    def forward(ctx: Any, slope: Tensor, learner: Any, theta: Tensor, prepared: Any) -> Tensor:
        ctx.learner, ctx.theta, ctx.prepared = learner, theta, prepared
        solved: Tensor = learner.solve_hessian(theta, prepared, slope)
        return solved

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None, None]:
        return ctx.learner.solve_hessian(ctx.theta, ctx.prepared, upstream[0]), None, None, None
