"""True solutions of batches of boundary conditions."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from pinndd.pinn.declare.finding import coordinates
from pinndd.pinn.declare.pde import PDE, BoundaryValues, Ensemble, pointwise_residual
from pinndd.pinn.geometry.patches import TOLERANCE
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.pinn.tasks.scales import AnswerScale

_CONDITIONS, _POINTS, _SEED = 16, 256, 44
"""Conditions of the training family and points by which the typical size of a component is measured."""

_ROUNDING = 1e-15
"""Part of the largest component below which another one is zero, whatever their units."""


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


def answer_scale(pde: PDE, points: Tensor, derivatives: int = 0) -> AnswerScale | None:
    """Return in which units answers at ``points`` ``(Q, d)`` are compared (None: as they are, a relative error needs no more).

    Args:
        pde: where its training family has a mean, answers are compared by their deviation from the solution for that mean.
        points: where the solution is asked, float64.
        derivatives: 1 if the distance takes gradients too.

    Raises:
        ValueError: the solution of the training family is zero everywhere.
    """
    if pde.output_count == 1 and not pde.up_to_constant and not pde.ensemble().has_mean:
        return None
    return AnswerScale(typical_sizes(pde), _free(pde), _rest(pde, points, derivatives))


def _free(pde: PDE) -> Tensor:
    return torch.tensor([name in pde.up_to_constant for name in pde.components])


def _rest(pde: PDE, points: Tensor, derivatives: int = 0) -> Tensor | None:
    """Return the solution for the mean of the training family, followed by its partial derivatives if they are wanted."""
    if not pde.ensemble().has_mean:
        return None
    ensemble = pde.ensemble().rest()
    values = BoundaryValues(ensemble, torch.zeros((1, ensemble.size), dtype=torch.float64))
    fields = [solutions(pde, values, points)[0]]
    if derivatives:
        fields.append(_slopes(pde, values, points)[0].transpose(-1, -2).flatten(-2))
    return torch.cat(fields, -1)


@lru_cache(maxsize=32)
def typical_sizes(pde: PDE) -> Tensor:
    """Return the root mean square of each component over the training family and the domain, ``(outputs,)``, float64.

    The numbers are those of 16 fixed conditions at 256 fixed points, the same in every run, less the solution for the mean of the
    family. A component known up to a constant is taken less its mean; one that does not vary is given the size of the
    largest. A single component has size 1.

    Raises:
        ValueError: no component varies.
    """
    if pde.output_count == 1:
        return torch.ones(1, dtype=torch.float64)
    ensemble, generator = pde.ensemble(), torch.Generator().manual_seed(_SEED)
    drawn = ensemble.sample(_CONDITIONS, generator)
    points = pde.box.scale(torch.rand((_POINTS, pde.box.dimension), generator=generator, dtype=torch.float64))
    plain = AnswerScale(torch.ones(pde.output_count, dtype=torch.float64), _free(pde), _rest(pde, points))
    sizes = plain.of(solutions(pde, BoundaryValues(ensemble, drawn), points)).square().mean((0, 1)).sqrt()
    largest = float(sizes.max())
    if largest == 0:
        raise ValueError(
            f"PDE {pde.name!r}: the true solution is the same for the whole training family; give it conditions that vary"
        )
    return torch.where(sizes > _ROUNDING * largest, sizes, largest)


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
    return BoundaryEpisodes(values, points, truth, seed, slope, answer_scale(pde, points, derivatives))


def _reference(pde: PDE, values: BoundaryValues, points: Tensor) -> Tensor:
    outside = ~pde.box.inside(points, -TOLERANCE)
    if bool(outside.any()):
        first = coordinates(points[int(outside.nonzero()[0])].tolist())
        raise ValueError(f"PDE {pde.name!r}: the reference is asked at {first}, outside the domain; ask inside it")
    with torch.no_grad():
        u = pde.reference(values, points)
    u = u[..., None] if u.dim() == 2 else u
    expected = (len(values), points.shape[0], pde.output_count)
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
