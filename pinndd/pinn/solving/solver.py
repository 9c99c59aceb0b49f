"""Solve a PDE for given boundary values: two independent fits, whose difference estimates the error."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinndd.devices import Work
from pinndd.pinn.declare.in_words import coordinates
from pinndd.pinn.declare.meetings import meetings
from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.declare.posed import missing_conditions
from pinndd.pinn.models.features import FittedFeatures
from pinndd.pinn.solving.dense import DenseSettings, condition_places, dense_counts, solve_densely, solve_nearby
from pinndd.pinn.solving.given import GivenValues, SomeValues
from pinndd.pinn.solving.solution import Solution
from pinndd.pinn.solving.telling import Progress
from pinndd.pinn.solving.windows import can_be_cut
from pinndd.pinn.tasks.episodes import ConditionValues

WIDTHS = {1: (200, 400, 800), 2: (500, 900, 1600), 3: (900, 1600, 2400), 4: (1200, 2400)}
"""Random features per output, by the number of coordinates: the first, and what is added until a tolerance is met."""

GOAL = 1e-3
"""Estimated error above which windows of time and another weighting are tried."""

WINDOWS = 4
"""Windows of time into which an evolving equation is cut where one does not do."""

DOUBT = 3.0
"""Part of the goal that the estimate of a nonlinear equation must reach in one window: fits that resolve too little agree too well."""

WEIGHTS = (1.0, 0.03)
"""Weights of the conditions against the equations: the second helps where a corner keeps the equations from being met."""

CALIBRATION = 0.8
"""Error of a fit ÷ difference from another draw. Independent errors would make it 0.7, and errors that are partly shared more: it is
measured on the packaged families, by ``benchmarks/solve.py``."""

PROBES = 1000
"""Places where two fits are compared."""

MISSED = 0.3
"""Part of the given values by which a solution misses them where it was not found; beside a jump alone it misses less."""

UNRESOLVED = 0.1
"""Residual relative to its terms above which the estimate says little: on the packaged families it is .03 at most."""

DRAWS = 16
_MISSED_AT = 64
_JUMP = 1e-2
_CHUNK = 20_000_000



@dataclass(frozen=True)
class DenseSolution:
    """A fit for some boundary conditions, and what another one says of it that differs in draw and weights.

    Attributes:
        fitted: the fit.
        settings: of it.
        error: estimated relative error of each condition, ``(B,)``.
    """

    fitted: FittedFeatures
    settings: DenseSettings
    error: Tensor


def solve_with_estimate(
    pde: PDE, values: ConditionValues, width: int, *, goal: float = GOAL, device: str = "cpu"
) -> DenseSolution:
    """Solve for B boundary conditions and estimate the errors.

    A second fit has other draws of features and points, and less weight on the conditions; what the two differ by is about the error
    of the first. Where that is more than ``goal``, both are repeated in windows of time, one after the other; and if that does not
    do either, with much less weight on the conditions (a nonlinear equation that evolves is left at windows, and one window must
    reach the goal divided by `DOUBT`). The pair that agrees best counts; but of a nonlinear equation the one in
    windows, unless it found no solution: two fits that resolve too little may agree on what is none.

    Args:
        pde: the equation.
        values: the conditions.
        width: random features per output.
        goal: estimated error that is good enough, for the median condition.
        device: where.
    """
    found: list[DenseSolution] = []
    linear = pointwise_residual(pde).is_linear()
    enough = goal if linear else goal / DOUBT
    for settings in _attempts(pde, width, linear):
        fits = [solve_densely(pde, values, each, device) for each in (settings, settings.second)]
        found.append(DenseSolution(fits[0], settings, estimated_error(pde, values, fits[0], fits[1])))
        if not _typical(found[-1]) > enough:
            break
    last = found[-1]
    if last.settings.windows > 1 and not linear and _typical(last) <= MISSED:
        return last
    return min(found, key=_typical)


def _attempts(pde: PDE, width: int, linear: bool) -> Iterator[DenseSettings]:
    """Yield the settings of the first fit of every pair, in the order in which they are tried."""
    first, cut = DenseSettings(width, seed=0, weight=WEIGHTS[0]), can_be_cut(pde)
    yield first
    if cut:
        yield replace(first, windows=WINDOWS)
    if linear or not cut:
        yield replace(first, weight=WEIGHTS[1])


def _typical(found: DenseSolution) -> float:
    """Return the estimated error of the median condition."""
    return float(found.error.median())


def probes(pde: PDE, seed: int = 17) -> Tensor:
    """Draw the places where fits are compared, ``(PROBES, d)``."""
    unit = torch.rand((PROBES, pde.box.dimension), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return pde.box.scale(unit)


def estimated_error(
    pde: PDE,
    values: ConditionValues,
    one: FittedFeatures,
    other: FittedFeatures,
    places: Mapping[str, Tensor] | None = None,
    calibration: float = CALIBRATION,
) -> Tensor:
    """Estimate the relative error of the first of two fits for every boundary condition, ``(B,)``.

    It is their `difference` times a calibration; but where the fit misses the given values by more than a part of `MISSED`, that
    part if it is larger: two fits that both failed may agree.

    Args:
        pde: the equation.
        values: the conditions.
        one, other: the fits.
        places: local coordinates where the values are known (None: everywhere).
        calibration: part of the difference of two dense fits that is the error of one; 1 where nobody has measured it.
    """
    return at_least_missed(calibration * difference(pde, one, other), missed_values(pde, values, one, places))


def at_least_missed(error: Tensor, missed: Tensor) -> Tensor:
    """Return estimated errors ``(B,)``, where the given values are missed by more than a part of `MISSED` that part at least."""
    return torch.maximum(error, torch.where(missed > MISSED, missed, 0.0))


def missed_values(
    pde: PDE, values: ConditionValues, fitted: FittedFeatures, places: Mapping[str, Tensor] | None = None
) -> Tensor:
    """Return by which part a fit misses the given values, ``(B,)``: root mean square over all conditions, each in its own units.

    Args:
        pde: the equation.
        values: the conditions.
        fitted: the models.
        places: local coordinates of every condition (None: random ones).
    """
    generator = torch.Generator().manual_seed(19)
    gap, size = torch.zeros(len(values), dtype=torch.float64), torch.zeros(len(values), dtype=torch.float64)
    for name, operator in pde.operators.items():
        patch = pde.patches[name]
        s = (patch.drawn(_MISSED_AT, generator) if places is None else places[name]).to(fitted.weights)
        where = patch.points(s)
        rows = operator.rows_of(fitted.features, where, pde.output_count)
        given, unit_size = values[name](s), rows.square().sum(-1).mean().clamp_min(torch.finfo(rows.dtype).tiny)
        gap += ((fitted.weights @ rows.T - given).square().mean(1) / unit_size).cpu()
        size += (given.square().mean(1) / unit_size).cpu()
    return (gap / size.clamp_min(torch.finfo(size.dtype).tiny)).sqrt()


def difference(pde: PDE, one: FittedFeatures, other: FittedFeatures) -> Tensor:
    """Return the relative difference of two fits for every boundary condition, ``(B,)``: `relative_gap` at the probes."""
    where = probes(pde).to(one.weights)
    return relative_gap(pde, one(where), other(where)).cpu()


def relative_gap(pde: PDE, u: Tensor, other: Tensor) -> Tensor:
    """Return by how much solutions at the same points differ, relative to the first, for every boundary condition, ``(B,)``.

    It is the root mean square over the points and over components, each component relative to its own size: at least a thousandth of
    what it is in the other conditions, and a hundredth of the largest component of the same unit. A component known up to a
    constant is taken less its mean; where the family has a mean, sizes are those of how far u varies over the domain.

    Args:
        pde: the equation.
        u: ``(B, Q, outputs)``.
        other: ``(B, Q, outputs)``.
    """
    gap = (_less_free_means(pde, u) - _less_free_means(pde, other)).square().mean(1)
    return (gap / _sizes(pde, u)).mean(-1).sqrt()


def _less_free_means(pde: PDE, u: Tensor) -> Tensor:
    free = u.new_tensor([name in pde.up_to_constant for name in pde.components])
    return u - free * u.mean(1, keepdim=True)


def _sizes(pde: PDE, u: Tensor) -> Tensor:
    """Return the mean squares that errors of solutions ``(B, Q, outputs)`` are relative to, ``(B, outputs)``, see `relative_gap`."""
    u = _less_free_means(pde, u)
    # a large known mean, such as 300 K, is nothing that a solver deserves praise for
    varying = u - u.mean(1, keepdim=True) if pde.ensemble().has_mean else u
    size = varying.square().mean(1)
    units = [pde.units.get(name) for name in pde.components]
    same = torch.tensor([[one == two for two in units] for one in units], device=u.device)
    largest = (size[:, None] * same).amax(-1)
    return torch.maximum(size, torch.maximum(1e-6 * size.mean(0), 1e-4 * largest)).clamp_min(torch.finfo(size.dtype).tiny)


def dense_work(pde: PDE, tolerance: float | None = None) -> Work:
    """Return the work of a step of `solve_given`, of its largest size; the conditions are solved for one after the other."""
    width = WIDTHS[pde.box.dimension][0 if tolerance is None else -1]
    interior, boundary = dense_counts(pde, DenseSettings(width, seed=0))
    return Work(1, interior * pde.equation_count + boundary, width * pde.output_count)


def solve_given(
    pde: PDE,
    values: GivenValues,
    *,
    tolerance: float | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Solution:
    """Solve for given boundary values by the fast solver.

    Args:
        pde: the equation.
        values: the boundary values.
        tolerance: estimated error that every condition should reach, by more features and points (None: one size).
        device: where.
        progress: called for every size.

    Raises:
        ValueError: the tolerance is not positive.
        ArithmeticError: the solution is not finite.
    """
    if tolerance is not None:
        require_tolerance(tolerance)
    start = time.perf_counter()
    widths = WIDTHS[pde.box.dimension][: 1 if tolerance is None else None]
    best: DenseSolution | None = None
    for k, width in enumerate(widths):
        if progress is not None:
            progress(f"solving with {width} features", k, len(widths), None if best is None else float(best.error.max()))
        found = solve_with_estimate(pde, values, width, goal=tolerance or GOAL, device=device)
        if best is None or float(found.error.max()) < float(best.error.max()):
            best = found
        if tolerance is not None and float(best.error.max()) <= tolerance:
            break
    assert best is not None
    if not bool(best.error.isfinite().all()):
        raise ArithmeticError(f"PDE {pde.name!r}: the solution is not finite for these values; check their size")
    features = best.fitted.features.width
    jumps = corner_notes(pde, values)
    notes = [*missing_conditions(pde), *jumps, *given_notes(values)]
    uncertainty = None
    if values.uncertain:
        places = condition_places(pde, best.settings)
        first = replace(best.fitted, weights=best.fitted.weights[:1])
        drawn = solve_nearby(pde, first, SomeValues(values, slice(1)), values.drawn(DRAWS, 0, places), best.settings)
        uncertainty = spread(pde, drawn, best.fitted)
    if tolerance is not None and float(best.error.max()) > tolerance:
        notes.append(
            f"The tolerance {tolerance:g} was not reached: the estimated error is {float(best.error.max()):.1e} with "
            f"{features} features; a corner or a jump in the values may be why."
        )
    residual = relative_residual(pde, best.fitted)
    notes += not_found_notes(best.error) or ([] if jumps else unresolved_notes(residual))
    return Solution(
        pde,
        best.fitted.__call__,
        best.error.numpy(),
        residual.numpy(),
        uncertainty,
        features,
        dense_counts(pde, best.settings),
        time.perf_counter() - start,
        tuple(notes),
    )


def require_tolerance(tolerance: float) -> None:
    """Refuse a tolerance that no solution can be held to.

    Raises:
        ValueError: it is not between 0 and 1.
    """
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance {tolerance:g}: expected a relative error between 0 and 1, such as 1e-3")


def spread(pde: PDE, drawn: FittedFeatures, fitted: FittedFeatures) -> np.ndarray[Any, Any]:
    """Root mean square of the standard deviation of draws, relative to every solution, ``(B,)``; 0 where the draws agree."""
    where = probes(pde).to(fitted.weights)
    variance = _less_free_means(pde, drawn(where)).var(0).mean(0)
    return (variance / _sizes(pde, fitted(where))).mean(-1).sqrt().cpu().numpy()


def relative_residual(pde: PDE, fitted: FittedFeatures) -> Tensor:
    """Return the residual at fresh points relative to the size of its terms, ``(B,)``: root mean square, the worst equation.

    A term smaller than a hundredth of what it is for a field that changes by its own size over the domain counts as that: where all
    are zero but for rounding, their ratio says nothing.
    """
    residual, where = pointwise_residual(pde), probes(pde, 18).to(fitted.weights)
    blocks = fitted.weights.reshape(len(fitted.weights), pde.output_count, -1)
    jets = torch.einsum("aqp,ecp->eaqc", torch.stack(fitted.features.jets(where, residual.axes)), blocks)
    terms = torch.stack([jets[:, residual.axes.index(axes), :, c] for c, axes in residual.terms], -1)
    length = where.new_tensor([h - low for low, h in zip(pde.box.low, pde.box.high, strict=True)])
    sizes = fitted(where).square().mean(1).sqrt()
    least = 1e-2 * torch.stack([sizes[:, c] / length[list(axes)].prod() for c, axes in residual.terms], -1)
    found = []
    step = max(1, _CHUNK // terms[0].numel())
    for part, few in zip(torch.split(terms, step), torch.split(least, step), strict=True):
        values, slopes = residual.linearise(where, part)
        size = (slopes * torch.maximum(part.abs(), few[:, None])[:, :, None]).square().sum(-1) + values.detach().square()
        ratio = values.detach().square().mean(1) / size.mean(1).clamp_min(torch.finfo(size.dtype).tiny)
        found.append(ratio.amax(-1).sqrt())
    return torch.cat(found).cpu()


def corner_notes(pde: PDE, values: ConditionValues) -> list[str]:
    """Say where values of u jump from one condition to the next."""
    notes, generator = [], torch.Generator().manual_seed(0)
    scale = 0.0
    for condition in pde.valued:
        if condition.gives_value:
            s = pde.patches[condition.name].drawn(64, torch.Generator().manual_seed(0))
            scale = max(scale, float(values[condition.name](s).abs().max()))
    for one, two, shared in meetings(pde, generator):
        ours, theirs = (values[c.name](pde.patches[c.name].local(shared)) for c in (one, two))
        jump = (ours - theirs).abs().amax(0)
        worst = int(jump.argmax())
        if float(jump[worst]) > _JUMP * scale:
            notes.append(
                f"{one.name} and {two.name} differ by {float(jump[worst]):.3g} where they meet, at "
                f"{coordinates(shared[worst].tolist())}: u jumps there, and the error is larger near it."
            )
    return notes


def unresolved_notes(residual: Tensor) -> list[str]:
    """Say for how many boundary conditions the equation is met so badly that the estimate of the error cannot be relied on."""
    bad = residual > UNRESOLVED
    if not bool(bad.any()):
        return []
    which = f" for {int(bad.sum())} of {len(residual)} boundary conditions" if len(residual) > 1 else ""
    return [
        f"At fresh points the equation is left with up to {float(residual.max()):.0%} of the size of its terms{which}: something in "
        "the solution, a front or a layer, is thinner than the features resolve, and the error may be many times the estimate. "
        "Compare with a solver that is made for it."
    ]


def not_found_notes(error: Tensor) -> list[str]:
    """Say for which boundary conditions nothing like a solution was found."""
    bad = error > MISSED
    if not bool(bad.any()):
        return []
    which = f"for {int(bad.sum())} of {len(error)} boundary conditions, the first of them number {int(bad.nonzero()[0]) + 1}"
    return [
        f"No solution was found {which if len(error) > 1 else 'for these values'}: do not use the field; smaller values may help, if "
        "there is a solution."
    ]


def given_notes(values: GivenValues) -> list[str]:
    """Say which functions are constants unawares, and which conditions the samples leave open."""
    notes = list(values.notes)
    for name, found in values.measured.items():
        if found.uncertainty > 0.02 * found.size:
            notes.append(
                f"The {found.count} samples of {name} leave it open by {found.uncertainty:.2g} (standard deviation between samples): "
                "measure at more places."
            )
    return notes
