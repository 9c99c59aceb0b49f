"""How many conditions an equation asks for, and where a PDE declares fewer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from pinndd.pinn.declare.in_words import coordinates
from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.geometry.patches import Face, Patch
from pinndd.pinn.geometry.places import whole_boundary
from pinndd.pinn.jets.residual import PointwiseResidual

_PLACES = 64
"""Random places at which every piece of the boundary is looked at."""

_DRAWS = 16
"""Jets at every point of the probe."""

_LEVEL = 1e-6
"""Entry of a unit normal below which a coordinate runs along the boundary."""


def missing_conditions(pde: PDE) -> list[str]:
    """Say where a PDE has fewer conditions than its equations ask for, in sentences.

    A component whose highest derivative in time is of order q asks for q conditions at the start; one whose highest derivative
    across the boundary is of order p asks for p/2 conditions, rounded down, on every piece of it, or for as many more on the
    opposite face of a box. Components are counted together, since a condition on one may stand for that on another, as the slope of
    a stream function does for the vorticity. It is a count and no proof: an equation that degenerates at the boundary, such as
    ``r u_rr + u_r`` at r = 0, needs fewer.

    Raises:
        ValueError: a condition has no meaning where it stands.
        UserCodeError: the residual fails.
    """
    return [*_at_the_start(pde), *_on_the_boundary(pde)]


def without_effect(residual: PointwiseResidual) -> list[int]:
    """Return the numbers of the terms that the residual asks for, though they change no equation, nor lead to a higher derivative."""
    jets = residual.probe.jets(residual.terms, _DRAWS, 0)
    slopes = residual.linearise(residual.probe.points, jets)[1].detach()
    felt = {term: bool((slopes[..., k].abs().nan_to_num() > 0).any()) for k, term in enumerate(residual.terms)}

    def passes_on(component: int, axes: tuple[int, ...]) -> bool:
        """Whether a higher derivative, which DeepXDE takes by way of this one, is asked for."""
        return any(of == component and len(more) > len(axes) and not Counter(axes) - Counter(more) for of, more in felt)

    return [k for k, term in enumerate(residual.terms) if term[1] and not felt[term] and not passes_on(*term)]


def _at_the_start(pde: PDE) -> Iterator[str]:
    axis = pde.box.dimension - 1
    if not pde.box.has_time or axis in pde.periodic_axes:
        return
    asked, terms = _asked(pde, lambda axes: axes.count(axis))
    start, end = (_fewest(pde, Face(pde.box, {axis: value})) for value in (pde.box.low[axis], pde.box.high[axis]))
    if start[0] + end[0] < asked:
        yield (
            f"{terms}: {asked} condition(s) needed at the initial time, {start[0]} declared; without Initial(...), with order=1 for a "
            "velocity, the solution is arbitrary."
        )


def _on_the_boundary(pde: PDE) -> Iterator[str]:
    for patch in whole_boundary(pde.box):
        fixed = set(patch.fixed) if isinstance(patch, Face) else set()
        if fixed & set(pde.periodic_axes):
            continue
        given, place = _fewest(pde, patch)
        across = {a for a, entry in enumerate(patch.normal(place).tolist()) if abs(entry) > _LEVEL}
        asked, terms = _asked(pde, partial(_half_order, across=across, space=pde.box.space_dimension))
        opposite = _fewest(pde, patch.opposite)[0] if isinstance(patch, Face) else 0
        if given < asked and given + opposite < 2 * asked:
            yield (
                f"{terms}: {asked} condition(s) needed at {coordinates(place.tolist())} on the boundary, {given} declared; without "
                "them the solution is arbitrary, unless the equation degenerates there. Where nothing passes say Neumann(..., "
                "values=families.Zero())."
            )


def _half_order(axes: tuple[int, ...], across: set[int], space: int) -> int:
    """Return half the order of a derivative across the boundary; one that is taken along it, in part, counts nothing."""
    spatial = [a for a in axes if a < space]
    return len(spatial) // 2 if across.issuperset(spatial) else 0


def _asked(pde: PDE, order: Callable[[tuple[int, ...]], int]) -> tuple[int, str]:
    """Return how many conditions the derivatives of all components ask for, and the names of those derivatives."""
    highest: dict[int, tuple[int, ...]] = {}
    residual = pointwise_residual(pde)
    idle = without_effect(residual)
    for k, (component, axes) in enumerate(residual.terms):
        if k not in idle and order(axes) > order(highest.get(component, ())):
            highest[component] = axes
    terms = ", ".join(pde.derivative_name(component, axes) for component, axes in sorted(highest.items()))
    return sum(map(order, highest.values())), terms


def _fewest(pde: PDE, patch: Patch) -> tuple[int, Tensor]:
    """Return how many conditions hold at the place of a patch that has the fewest, and that place, ``(d,)``."""
    places = patch.points(patch.drawn(_PLACES, torch.Generator().manual_seed(0)))
    given = sum((found.contains(places).long() for found in pde.patches.values()), torch.zeros(_PLACES, dtype=torch.long))
    worst = int(given.argmin())
    return int(given[worst]), places[worst]
