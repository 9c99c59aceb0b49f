"""Does a reference solution satisfy its own conditions and its own PDE?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from pinndd.pinn.differences import Stencil
from pinndd.pinn.finding import Finding, coordinates, where
from pinndd.pinn.pde import PDE, BoundaryValues, Reference
from pinndd.pinn.residual import PointwiseResidual

CONDITION_TOLERANCE = 1e-3
"""Largest violation of a condition by the reference, relative to the size of u."""

RESIDUAL_WARNING, RESIDUAL_ERROR = 1e-2, 1e-1
"""Residual of the reference, root mean square, relative to the size of the terms of the PDE."""

_DRAWS, _PROBES, _INTERIOR, _STEP = 4, 65, 24, 0.025


def check_reference(pde: PDE, residual: PointwiseResidual | None, generator: torch.Generator) -> Iterator[Finding]:
    """The reference must satisfy its own conditions and its own PDE."""
    for shift in ("none", *pde.shifts):
        ensemble = pde.ensemble(shift)
        values = BoundaryValues(ensemble, ensemble.sample(_DRAWS, generator))
        probes = {
            c.name: torch.rand((_PROBES, pde.patches[c.name].dimension), generator=generator, dtype=torch.float64)
            for c in pde.valued
        }
        stencil = _stencil(pde, residual, generator) if shift == "none" and residual is not None else None
        pieces = [pde.patches[name].points(s) for name, s in probes.items()]
        pieces += _periodic_pairs(pde, generator)
        pieces += [stencil.points] if stencil else []
        u = _solve(pde, pde.reference, "reference", values, torch.cat(pieces))
        if isinstance(u, str):
            yield Finding("error", f"reference, {where(shift)}", u)
            continue
        answers = list(torch.split(u, [len(p) for p in pieces], 1))
        size = max(float(u.square().mean().sqrt()), 1e-12)
        yield from _condition_findings(pde, shift, values, probes, answers, size)
        yield from _periodic_findings(pde, shift, answers[len(probes) :], size)
        if stencil and residual is not None:
            yield _residual_finding(pde, residual, stencil, answers[-1])


def _stencil(pde: PDE, residual: PointwiseResidual, generator: torch.Generator) -> Stencil:
    unit = 0.15 + 0.7 * torch.rand((_INTERIOR, pde.box.dimension), generator=generator, dtype=torch.float64)
    low, high = unit.new_tensor(pde.box.low), unit.new_tensor(pde.box.high)
    return Stencil(pde.box.scale(unit), residual.axes, _STEP * (high - low))


def _periodic_pairs(pde: PDE, generator: torch.Generator) -> Iterator[Tensor]:
    for axis in pde.periodic_axes:
        unit = torch.rand((_PROBES, pde.box.dimension), generator=generator, dtype=torch.float64)
        for end in (0.0, 1.0):
            unit[:, axis] = end
            yield pde.box.scale(unit)


def _solve(pde: PDE, solver: Reference, role: str, values: BoundaryValues, points: Tensor) -> Tensor | str:
    """Return u ``(B, Q, outputs)``, or what is wrong with it."""
    expected = (len(values), len(points), pde.outputs) if pde.outputs > 1 else (len(values), len(points))
    try:
        u = solver(values, points)
    except Exception as error:
        return f"PDE {pde.name!r}: {role} raised {type(error).__name__}: {error}"
    if not isinstance(u, Tensor):
        return f"PDE {pde.name!r}: {role} returned {type(u).__name__}, expected a tensor of shape {expected}"
    if u.dim() == 2 and pde.outputs == 1:
        u = u[..., None]
    if u.shape != (len(values), len(points), pde.outputs):
        given = tuple(u.shape[:2]) if pde.outputs == 1 and u.dim() == 3 and u.shape[2] == 1 else tuple(u.shape)
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


def _condition_findings(
    pde: PDE, shift: str, values: BoundaryValues, probes: dict[str, Tensor], answers: list[Tensor], size: float
) -> Iterator[Finding]:
    worst = 0.0
    for condition, u in zip(pde.valued, answers, strict=False):
        s = probes[condition.name]
        gap = (u[..., condition.component] - values[condition.name](s)).abs().amax(0) / size
        at = int(gap.argmax())
        worst = max(worst, float(gap[at]))
        if gap[at] > CONDITION_TOLERANCE:
            place = coordinates(pde.patches[condition.name].points(s)[at].tolist())
            yield Finding(
                "error",
                f"reference, {where(shift)}",
                f"violates the condition {condition.name!r} by {float(gap[at]):.2g} of the size of u, most at {place}; it "
                f"must take its boundary values from values[{condition.name!r}](s) with s in [0, 1]",
            )
    if worst <= CONDITION_TOLERANCE:
        yield Finding("ok", f"reference, {where(shift)}", f"meets its conditions within {worst:.1e} of the size of u")


def _periodic_findings(pde: PDE, shift: str, answers: list[Tensor], size: float) -> Iterator[Finding]:
    for k, axis in enumerate(pde.periodic_axes):
        gap = float((answers[2 * k] - answers[2 * k + 1]).abs().max()) / size
        if gap > CONDITION_TOLERANCE:
            yield Finding(
                "error",
                f"reference, {where(shift)}",
                f"is not periodic along {pde.box.names[axis]}: its two ends differ by {gap:.2g} of the size of u",
            )


def _residual_finding(pde: PDE, residual: PointwiseResidual, stencil: Stencil, u: Tensor) -> Finding:
    """Compare the residual of the reference, by central differences, with the size of the terms of the PDE."""
    points = stencil.centers
    derivatives = {c: stencil(u[..., c]) for c in range(pde.outputs)}
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
    truth = _solve(pde, pde.reference, "reference", BoundaryValues(ensemble, coefficients.detach()), points)
    if isinstance(truth, str):
        return Finding("error", "reference", truth)
    distance = float(((u.detach() - truth).flatten(1).norm(dim=1) / truth.flatten(1).norm(dim=1)).mean())
    return Finding("ok", "stand-in", f"differentiable; differs from the reference by {distance:.2g} (mean relative L2)")
