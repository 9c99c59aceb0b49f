"""Data of the solved protocol: boundary conditions, each solved once, and the model that learns from their solutions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.constraints import Box, Constraint, Fixed
from pinndd.data import SyntheticData
from pinndd.learners.kernel_ridge import KernelSurrogate
from pinndd.pinn.declare.pde import PDE, BoundaryValues, Ensemble, Reference
from pinndd.pinn.sets.condition_code import code_scales
from pinndd.pinn.tasks.questions import Questions

CONDITIONS = "conditions"
METRIC = "metric"
LABEL_POINTS = 600

Base = Callable[[Tensor, Tensor], Tensor]
"""``(points (Q, d), coefficients (B, C)) -> u (B, Q, outputs)``: what is known without labels; labels correct it."""


def condition_data(pde: PDE, coefficients: Tensor, metric: Tensor, *, reach: float = 2.5) -> SyntheticData:
    """Put boundary conditions into a synthetic data set for the solved protocol.

    Args:
        pde: gives the training family.
        coefficients: of the conditions, in the training family, ``(m, C)``; cut to the box.
        metric: of the learner's inputs, ``(C, C)``, see `sensitivity_metric`; not learned.
        reach: half width of the box of each coefficient, in standard deviations of the training family.
    """
    bound = reach * code_scales(pde.ensemble())
    fields = {CONDITIONS: coefficients.clamp(-bound, bound), METRIC: metric}
    box = Box(tuple((-bound).tolist()), tuple(bound.tolist()))
    constraints: dict[str, Constraint] = {CONDITIONS: box, METRIC: Fixed()}
    return SyntheticData(fields, constraints)


def sensitivity_metric(training: Ensemble, solver: Reference, points: Tensor, seed: int, *, draws: int) -> Tensor:
    """Return the coordinates in which equally long steps change the solution equally much, on average.

    ``A = (E ∂uᵀ∂u)^½``, the average over conditions of the training family and over the points, scaled so that the inputs
    ``c A`` have a mean square of one each over the family: the metric of active subspaces (Constantine et al. 2014,
    doi 10.1137/130916138), which tells a surrogate how near two conditions are by how near their solutions are.

    Args:
        training: the training family, linear in its coefficients.
        solver: the cheap one.
        points: ``(Q, d)``.
        seed: of the draws.
        draws: conditions at which the solution is differentiated, by central differences.

    Returns:
        ``(C, C)``, symmetric.
    """
    scales = code_scales(training)
    base = training.sample(draws, torch.Generator().manual_seed(seed))
    slopes = []
    with torch.no_grad():
        for k in range(training.size):
            shift = torch.zeros_like(scales)
            shift[k] = 0.05 * scales[k]
            pair = torch.cat((base + shift, base - shift))
            plus, minus = torch.split(solver(BoundaryValues(training, pair), points).flatten(1), draws)
            slopes.append((plus - minus) / (0.1 * scales[k]))
    jacobian = torch.stack(slopes)
    solved = jacobian.isfinite().all(-1).all(0)
    gram = torch.einsum("ibq,jbq->ij", jacobian[:, solved], jacobian[:, solved])
    values, vectors = torch.linalg.eigh(gram)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    metric: Tensor = root * (training.size**0.5 / (scales[:, None] * root).norm())
    return metric


def field_points(pde: PDE, count: int = LABEL_POINTS) -> Tensor:
    """Return a grid of about ``count`` points over the domain, boundary included, ``(Q, d)``, last coordinate fastest."""
    sides = grid_sides(pde, count)
    axes = [torch.linspace(0, 1, n, dtype=torch.float64) for n in sides]
    return pde.box.scale(torch.cartesian_prod(*axes).reshape(-1, len(sides)))


def grid_sides(pde: PDE, count: int = LABEL_POINTS) -> tuple[int, ...]:
    """Return the number of grid points along each axis."""
    return (max(2, round(count ** (1 / pde.box.dimension))),) * pde.box.dimension


@dataclass(frozen=True)
class FittedField:
    """A surrogate for the solution field at fixed points.

    Attributes:
        surrogate: from conditions in the metric to the field.
        metric: ``(C, C)``.
        points: where it knows the field, ``(Q, d)``.
        base: what the surrogate corrects (None: zero).
    """

    surrogate: KernelSurrogate
    metric: Tensor
    points: Tensor
    base: Base | None = None

    def __call__(self, points: Tensor, codes: Tensor, derivatives: int = 0) -> Tensor:
        """Predict for coefficients ``(B, C)``: ``(B, Q, outputs)``.

        Raises:
            ValueError: other points are asked than those it was fitted at, or derivatives.
        """
        if derivatives or points.shape != self.points.shape or not bool((points == self.points).all()):
            raise ValueError("the kernel surrogate knows values at the points of its labels only: ask there, no derivatives")
        correction = self.surrogate(codes @ self.metric).reshape(codes.shape[0], points.shape[0], -1)
        return correction if self.base is None else correction + self.base(points, codes)


@dataclass(frozen=True)
class ConditionToField:
    """Solve the conditions of a data set and learn the map from a condition to its field at the points asked.

    A model for `pinndd.learners.kernel_ridge.KernelRidge`.

    Args:
        pde: the equation.
        solver: who solves: the stand-in in the outer loop, the expensive reference in the end.
        base: what the labels correct, differentiable in the coefficients (None: zero).
    """

    pde: PDE
    solver: Reference
    base: Base | None = None

    def examples(self, data: SyntheticData, episodes: Questions) -> tuple[Tensor, Tensor]:
        """Return the conditions in the metric ``(m, C)``, and their fields less the base ``(m, Q · outputs)``."""
        codes = data[CONDITIONS]
        labels = self.solver(BoundaryValues(self.pde.ensemble(), codes), episodes.points)
        labels = labels.reshape(codes.shape[0], episodes.points.shape[0], -1)
        if self.base is not None:
            labels = labels - self.base(episodes.points, codes)
        return codes @ data[METRIC], labels.flatten(1)

    def fitted(self, surrogate: KernelSurrogate, data: SyntheticData, episodes: Questions) -> FittedField:
        """Return the surrogate as a predictor of fields."""
        return FittedField(surrogate, data[METRIC], episodes.points, self.base)
