"""Does a reference solution satisfy its own conditions and its own PDE?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pinndd.pinn.declare.finding import Finding, coordinates, where
from pinndd.pinn.declare.pde import PDE, BoundaryValues, Reference
from pinndd.pinn.jets.cloud_fit import CloudFit
from pinndd.pinn.jets.differences import Stencil
from pinndd.pinn.jets.residual import PointwiseResidual
from pinndd.pinn.solving.truth import reference_of

CONDITION_TOLERANCE = 1e-3
"""Largest violation of a condition on u by the reference, relative to the size of u."""

DERIVATIVE_TOLERANCE = 2e-2
"""Largest violation of a condition on derivatives of u, relative to the size of the terms of the condition."""

RESIDUAL_WARNING, RESIDUAL_ERROR = 1e-2, 1e-1
"""Residual of the reference, root mean square, relative to the size of the terms of the PDE."""

_DRAWS, _PROBES, _INTERIOR, _STEP = 4, 65, 24, 0.025
_CLOUDS = 8
_NARROW = 8
"""How many times smaller than usual the steps of differences may be, in narrow parts of a domain."""


def check_reference(pde: PDE, residual: PointwiseResidual | None, generator: torch.Generator) -> Iterator[Finding]:
    """The reference must satisfy its own conditions and its own PDE."""
    for shift in ("none", *pde.shifts):
        ensemble = pde.ensemble(shift)
        values = BoundaryValues(ensemble, ensemble.sample(_DRAWS, generator))
        probes = [_probe(pde, c.name, values, generator) for c in pde.valued]
        stencil = _stencil(pde, residual, generator) if shift == "none" and residual is not None else None
        pieces = [probe.points for probe in probes]
        pieces += _periodic_pairs(pde, generator)
        pieces += [stencil.points] if stencil else []
        u = _solve(pde, reference_of(pde), "reference", values, torch.cat(pieces))
        if isinstance(u, str):
            yield Finding("error", f"reference, {where(shift)}", u)
            continue
        answers = list(torch.split(u, [len(p) for p in pieces], 1))
        sizes = _sizes(u)
        yield from _condition_findings(pde, shift, probes, answers, sizes)
        yield from _periodic_findings(pde, shift, answers[len(probes) :], sizes)
        if stencil and residual is not None:
            yield _residual_finding(pde, residual, stencil, answers[-1])


@dataclass(frozen=True)
class _Probe:
    """Where a condition is tested.

    Attributes:
        name: of the condition.
        places: ``(N, d)``.
        wanted: values there, ``(B, N)``.
        points: where the reference is asked, ``(Q, d)``.
        derivatives: from values there to the derivatives that the condition needs (None: the value itself).
    """

    name: str
    places: Tensor
    wanted: Tensor
    points: Tensor
    derivatives: CloudFit | None


def _probe(pde: PDE, name: str, values: BoundaryValues, generator: torch.Generator) -> _Probe:
    patch, operator = pde.patches[name], pde.operators[name]
    count = _CLOUDS if operator.differentiates else _PROBES
    s = patch.from_unit(torch.rand((count, patch.dimension), generator=generator, dtype=torch.float64))
    places = patch.points(s)
    fit = CloudFit(pde.box, places, operator.axes, generator) if operator.differentiates else None
    return _Probe(name, places, values[name](s), places if fit is None else fit.points, fit)


def _stencil(pde: PDE, residual: PointwiseResidual, generator: torch.Generator) -> Stencil:
    many = _INTERIOR if pde.box.region is None else 40 * _INTERIOR
    unit = 0.15 + 0.7 * torch.rand((many, pde.box.dimension), generator=generator, dtype=torch.float64)
    widths = unit.new_tensor(pde.box.high) - unit.new_tensor(pde.box.low)
    centers, step = pde.box.scale(unit), _STEP
    if pde.box.region is not None:
        inside = pde.box.inside(centers, 4 * 2**0.5 * step)
        while int(inside.sum()) < _INTERIOR and step > _STEP / _NARROW:  # the domain is a ring, or has narrow arms
            step /= 2
            inside = pde.box.inside(centers, 4 * 2**0.5 * step)
        centers = centers[inside]
    return Stencil(centers[:_INTERIOR], residual.axes, step * widths)


def _periodic_pairs(pde: PDE, generator: torch.Generator) -> Iterator[Tensor]:
    for axis in pde.periodic_axes:
        unit = torch.rand((_PROBES, pde.box.dimension), generator=generator, dtype=torch.float64)
        for end in (0.0, 1.0):
            unit[:, axis] = end
            yield pde.box.scale(unit)


def _solve(pde: PDE, solver: Reference, role: str, values: BoundaryValues, points: Tensor) -> Tensor | str:
    """Return u ``(B, Q, outputs)``, or what is wrong with it."""
    expected = (len(values), len(points), pde.output_count) if pde.output_count > 1 else (len(values), len(points))
    try:
        u = solver(values, points)
    except Exception as error:
        return f"PDE {pde.name!r}: {role} raised {type(error).__name__}: {error}"
    if not isinstance(u, Tensor):
        return f"PDE {pde.name!r}: {role} returned {type(u).__name__}, expected a tensor of shape {expected}"
    if u.dim() == 2 and pde.output_count == 1:
        u = u[..., None]
    if u.shape != (len(values), len(points), pde.output_count):
        given = tuple(u.shape[:2]) if pde.output_count == 1 and u.dim() == 3 and u.shape[2] == 1 else tuple(u.shape)
        return (
            f"PDE {pde.name!r}: {role} returned shape {given}, expected {expected} for {len(values)} boundary conditions at "
            f"{len(points)} points"
        )
    bad = ~u.isfinite().all(-1)
    if bad.any():
        first = points[int(bad.any(0).nonzero()[0])].tolist()
        return (
            f"PDE {pde.name!r}: {role} gave {int(bad.sum())} values that are not finite, the first at {coordinates(first)}; "
            "the solver breaks down there, or the solution blows up"
        )
    return u.double()


def _sizes(u: Tensor) -> Tensor:
    """Return the root mean square of each component; one that is zero is as large as the largest."""
    sizes = u.square().mean((0, 1)).sqrt()
    largest = sizes.max().clamp_min(1e-300)
    return torch.where(sizes > 1e-15 * largest, sizes, largest)


def _condition_findings(
    pde: PDE, shift: str, probes: list[_Probe], answers: list[Tensor], sizes: Tensor
) -> Iterator[Finding]:
    worst, fine = 0.0, True
    for probe, u in zip(probes, answers, strict=False):
        operator = pde.operators[probe.name]
        if probe.derivatives is None:
            size = max(float(sizes[c]) for c, _ in operator.terms)
            gap = (operator.apply(probe.places, [u]) - probe.wanted).abs().amax(0) / size
            at, tolerance, of = int(gap.argmax()), CONDITION_TOLERANCE, "of u"
        else:
            gap = _derivative_gap(pde, probe, u, sizes)
            # half of the probes: where a solution has a kink, no polynomial fits
            at, tolerance, of = int(gap.argsort()[len(gap) // 2]), DERIVATIVE_TOLERANCE, "of its terms"
        worst = max(worst, float(gap[at]))
        if gap[at] > tolerance:
            fine = False
            yield Finding(
                "error",
                f"reference, {where(shift)}",
                f"violates the condition {probe.name!r} by {float(gap[at]):.2g} of the size {of}, most at "
                f"{coordinates(probe.places[at].tolist())}; it must take its boundary values from values[{probe.name!r}](s) with "
                "s in [0, 1]",
            )
    if fine:
        yield Finding("ok", f"reference, {where(shift)}", f"meets its conditions within {worst:.1e} of the size of u")


def _derivative_gap(pde: PDE, probe: _Probe, u: Tensor, sizes: Tensor) -> Tensor:
    """Return how far a condition on derivatives is from met at each place ``(N,)``, relative to the size of its terms."""
    assert probe.derivatives is not None
    operator = pde.operators[probe.name]
    found = torch.stack([probe.derivatives(u[..., c]) for c in range(pde.output_count)], -1)
    jets = list(found.unbind(2))
    factors = operator.coefficients(probe.places).abs()
    terms = [factors[:, k] * jets[operator.axes.index(a)][..., c].abs() for k, (c, a) in enumerate(operator.terms)]
    widths = [high - low for low, high in zip(pde.box.low, pde.box.high, strict=True)]
    least = max(float(sizes[c]) * math.prod(1 / widths[a] for a in axes) for c, axes in operator.terms)
    scale = max(float(torch.stack(terms).sum(0).square().mean().sqrt()), float(probe.wanted.square().mean().sqrt()), least)
    gap: Tensor = (operator.apply(probe.places, jets) - probe.wanted).abs().amax(0) / scale
    return gap


def _periodic_findings(pde: PDE, shift: str, answers: list[Tensor], sizes: Tensor) -> Iterator[Finding]:
    for k, axis in enumerate(pde.periodic_axes):
        gap = float(((answers[2 * k] - answers[2 * k + 1]).abs() / sizes).max())
        if gap > CONDITION_TOLERANCE:
            yield Finding(
                "error",
                f"reference, {where(shift)}",
                f"is not periodic along {pde.box.names[axis]}: its two ends differ by {gap:.2g} of the size of u",
            )


def _residual_finding(pde: PDE, residual: PointwiseResidual, stencil: Stencil, u: Tensor) -> Finding:
    """Compare the residual of the reference, by central differences, with the size of the terms of the PDE."""
    points = stencil.centers
    derivatives = {c: stencil(u[..., c]) for c in range(pde.output_count)}
    jets = torch.stack([derivatives[c][..., residual.axes.index(axes)] for c, axes in residual.terms], -1)
    values, slopes = residual.linearise(points, jets)
    source = residual(points, torch.zeros_like(jets))
    terms = ((slopes * jets[..., None, :]).abs().sum(-1) + source.abs()).square().mean((0, 1)).sqrt().clamp_min(1e-300)
    relative = (values.detach() / terms.detach()).abs()
    rms = float(relative.square().mean((0, 1)).sqrt().max())
    at = int(relative.amax((0, 2)).argmax())
    message = (
        f"residual {rms:.1e} of the size of the terms (root mean square over {_INTERIOR} interior points), largest "
        f"{float(relative.max()):.1e} at {coordinates(points[at].tolist())}"
    )
    if rms <= RESIDUAL_WARNING:
        return Finding("ok", "reference", message)
    level: Literal["error", "warning"] = "error" if rms > RESIDUAL_ERROR else "warning"
    return Finding(level, "reference", f"{message}; it solves another equation than `residual`, or not accurately enough")


def check_stand_in(pde: PDE, solver: Reference, generator: torch.Generator) -> Finding:
    """The stand-in must have the reference's signature and carry gradients to the coefficients."""
    ensemble = pde.ensemble()
    coefficients = ensemble.sample(_DRAWS, generator).requires_grad_()
    points = pde.box.scale(torch.rand((_PROBES, pde.box.dimension), generator=generator, dtype=torch.float64))
    u = _solve(pde, solver, "stand_in", BoundaryValues(ensemble, coefficients), points)
    if isinstance(u, str):
        return Finding("error", "stand-in", u)
    if not u.requires_grad:
        return Finding(
            "error",
            "stand-in",
            f"PDE {pde.name!r}: stand_in does not depend on the coefficients through torch; write it in torch",
        )
    truth = _solve(pde, reference_of(pde), "reference", BoundaryValues(ensemble, coefficients.detach()), points)
    if isinstance(truth, str):
        return Finding("error", "reference", truth)
    distance = float(((u.detach() - truth).flatten(1).norm(dim=1) / truth.flatten(1).norm(dim=1)).mean())
    return Finding("ok", "stand-in", f"differentiable; differs from the reference by {distance:.2g} (mean relative L2)")
