"""True solutions of batches of boundary conditions."""

from __future__ import annotations

import torch
from torch import Tensor

from pinndd.pinn.declare.finding import coordinates
from pinndd.pinn.declare.pde import PDE, BoundaryValues, Ensemble, pointwise_residual
from pinndd.pinn.tasks.episodes import BoundaryEpisodes


def superposes(pde: PDE, ensemble: Ensemble) -> bool:
    """Whether the solution is affine in the coefficients, so that a few solutions give all."""
    return ensemble.linear and pointwise_residual(pde).is_linear()


def solutions(pde: PDE, values: BoundaryValues, points: Tensor) -> Tensor:
    """Return the reference solution at ``points`` ``(Q, d)`` for every boundary condition, ``(B, Q, outputs)``, float64.

    A linear PDE is solved once for each coefficient, and the solutions are added up.

    Raises:
        ValueError: the reference returns another shape, or values that are not finite.
    """
    size = values.ensemble.size
    if len(values) <= size + 1 or not superposes(pde, values.ensemble):
        return _reference(pde, values, points)
    unit = torch.cat((torch.zeros((1, size), dtype=torch.float64), torch.eye(size, dtype=torch.float64)))
    basis = _reference(pde, BoundaryValues(values.ensemble, unit), points)
    return basis[0] + torch.einsum("bc,cqo->bqo", values.coefficients, basis[1:] - basis[0])


def boundary_episodes(
    pde: PDE, ensemble: Ensemble, coefficients: Tensor, points: Tensor, *, seed: int = 0, derivatives: int = 0
) -> BoundaryEpisodes:
    """Return boundary conditions with their true solutions.

    Args:
        pde: gives the reference.
        ensemble: family of the conditions.
        coefficients: ``(B, C)``.
        points: where the solution is asked, ``(Q, d)``, float64.
        seed: of the network.
        derivatives: 1 to hold the gradient of the solution too, by central differences of the reference.
    """
    values = BoundaryValues(ensemble, coefficients)
    truth = solutions(pde, values, points)
    slope = _slopes(pde, values, points) if derivatives else None
    return BoundaryEpisodes(values, points, truth, seed, slope)


def _reference(pde: PDE, values: BoundaryValues, points: Tensor) -> Tensor:
    outside = ~pde.box.inside(points, -1e-9)
    if bool(outside.any()):
        first = coordinates(points[int(outside.nonzero()[0])].tolist())
        raise ValueError(f"PDE {pde.name!r}: the reference is asked at {first}, outside the domain; ask inside it")
    with torch.no_grad():
        u = pde.reference(values, points)
    u = u[..., None] if u.dim() == 2 else u
    expected = (len(values), points.shape[0], pde.outputs)
    if tuple(u.shape) != expected:
        raise ValueError(f"PDE {pde.name!r}: the reference returned shape {tuple(u.shape)}, expected {expected}")
    if not bool(u.isfinite().all()):
        raise ValueError(f"PDE {pde.name!r}: the reference returned a value that is not finite; run 'pinndd check'")
    return u


def _slopes(pde: PDE, values: BoundaryValues, points: Tensor) -> Tensor:
    """Central differences, or one-sided ones of second order at the faces, with a step of 1e-3 of the domain."""
    low, high = points.new_tensor(pde.box.low), points.new_tensor(pde.box.high)
    columns = []
    for axis in range(pde.box.dimension):
        step = 1e-3 * (high[axis] - low[axis])
        shift = torch.zeros_like(points)
        # the centre of the stencil moves inwards at a face; the quadratic through its three points is differentiated
        centre = points[:, axis].clamp(low[axis] + step, high[axis] - step)
        shift[:, axis] = centre - points[:, axis]
        side = torch.zeros_like(points)
        side[:, axis] = step
        left, middle, right = (solutions(pde, values, points + shift + k * side) for k in (-1, 0, 1))
        offset = -(shift[:, axis] / step)[None, :, None]
        columns.append((right - left) / (2 * step) + offset * (right - 2 * middle + left) / step)
    return torch.stack(columns, -1)
