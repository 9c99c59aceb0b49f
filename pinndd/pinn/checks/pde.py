"""Tell what is wrong with a PDE module before any training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import torch
from torch import Tensor

from pinndd.finding import Finding
from pinndd.pinn.checks.families import check_families
from pinndd.pinn.checks.own import check_own_reference, compare_with_own
from pinndd.pinn.checks.residual import residual_faults
from pinndd.pinn.checks.solutions import check_reference, check_stand_in
from pinndd.pinn.declare.in_words import coordinates, where
from pinndd.pinn.declare.meetings import meetings
from pinndd.pinn.declare.pde import PDE, Ensemble, pointwise_residual
from pinndd.pinn.declare.posed import missing_conditions, without_effect
from pinndd.pinn.declare.sizes import probe_of
from pinndd.pinn.families import Family, LinearFamily
from pinndd.pinn.jets.residual import PointwiseResidual
from pinndd.user_code import UserCodeError

__all__ = ["Finding", "check_pde"]

_PROBES, _SIDE = 65, 9

_JUMP = 1e-6
"""Largest difference of two conditions where they meet, relative to the size of their values."""


def check_pde(pde: PDE, *, seed: int = 0) -> list[Finding]:
    """Check a PDE's residual, families, shifts, corners, reference and stand-in.

    Args:
        pde: the declaration.
        seed: of the conditions and points that are drawn.

    Returns:
        Findings in the order of the checks; the module is fit for use when none has the level ``"error"``.
    """
    generator = torch.Generator().manual_seed(seed)
    findings: list[Finding] = []
    families = list(check_families(pde, generator))
    drawable = all(f.level != "error" for f in families)
    residual = _residual(pde, findings, torch.Generator().manual_seed(seed) if drawable else None)
    findings += _operators(pde)
    if residual is not None and drawable and _usable(pde):
        findings += [Finding("warning", "conditions", said) for said in missing_conditions(pde)]
    findings += families
    findings += _units(pde)
    unusable = any(f.level == "error" and f.subject != "residual" for f in findings)
    findings += _shifts(pde, residual is not None and residual.is_linear())
    if unusable:
        return findings
    findings += _corners(pde, generator)
    findings += check_reference(pde, residual, generator) if pde.reference is not None else check_own_reference(pde, generator)
    if pde.stand_in is not None:
        solved = not any(f.level == "error" and f.subject.startswith("reference") for f in findings)
        findings += filter(None, [check_stand_in(pde, pde.stand_in, generator, compared=solved)])
    if pde.reference is None or any(f.level == "error" for f in findings):
        return findings
    if apart := list(compare_with_own(pde, generator)):  # the same cause as a warning of its residual, with the number that counts
        return [f for f in findings if f.subject != "reference" or f.level == "ok"] + apart
    return findings


def _residual(pde: PDE, findings: list[Finding], generator: torch.Generator | None) -> PointwiseResidual | None:
    """Look at the residual, on values of the families where they can be drawn (a generator is given)."""
    try:
        plain = PointwiseResidual(pde.residual, pde.box.dimension, pde.output_count, pde.name, probe_of(pde))
        residual = plain if generator is None or not _usable(pde) else pointwise_residual(pde)
        linear = residual.is_linear()
    except UserCodeError as error:
        findings.append(Finding("error", "residual", str(error)))
        return None
    faults = [] if generator is None else residual_faults(pde, residual, generator)
    if faults:
        findings += [Finding("error", "residual", fault) for fault in faults]
        return None
    terms = [pde.derivative_name(component, axes) for component, axes in residual.terms]
    kind = "linear" if linear else "nonlinear"
    findings.append(Finding("ok", "residual", f"{kind}, {residual.equations} equation(s) in {', '.join(terms)}"))
    if idle := [f"{terms[k]}{residual.places[residual.terms[k]]}" for k in without_effect(residual)]:
        findings.append(
            Finding(
                "warning",
                "residual",
                f"it asks for {', '.join(idle)}, which changes no equation: its coefficient is zero, or the term cancels; look "
                "whether that is meant",
            )
        )
    return residual


def _usable(pde: PDE) -> bool:
    """Whether every condition has a meaning where it stands; `_operators` says which has none."""
    try:
        return bool(pde.operators)
    except ValueError:
        return False


def _units(pde: PDE) -> Iterator[Finding]:
    """One unit for all of several components that nobody named is most likely that of the first."""
    unit = pde.units.get(pde.components[0])
    if pde.outputs == pde.output_count > 1 and unit not in (None, "1") and {pde.units.get(c) for c in pde.components} == {unit}:
        yield Finding(
            "warning",
            "units",
            f"{', '.join(pde.components)} are all in {unit}; where that is not so, name the components with outputs=(...), and give "
            "each its unit",
        )


def _operators(pde: PDE) -> Iterator[Finding]:
    """Every condition must have a meaning where it stands."""
    try:
        derived = [c.name for c in pde.valued if pde.operators[c.name].differentiates]
    except ValueError as error:
        yield Finding("error", "conditions", str(error))
        return
    if derived:
        yield Finding("ok", "conditions", f"on derivatives: {', '.join(derived)}")


def _shifts(pde: PDE, linear: bool) -> Iterator[Finding]:
    """A shift must differ from training, and for a linear PDE by more than an amplitude."""
    if not pde.shifts:
        yield Finding("warning", "shifts", "none declared; without one nothing is tested outside the training family")
    for shift in pde.shifts:
        ensemble = pde.ensemble(shift)
        ratios = [_amplitude_ratio(ensemble.families[name], family) for name, family in ensemble.base.items()]
        if all(r == 1 for r in ratios):
            yield Finding("error", where(shift), "equals the training family; change a family in it, or remove the shift")
        elif linear and ratios[0] is not None and all(r == ratios[0] for r in ratios):
            yield Finding(
                "warning",
                where(shift),
                f"only multiplies all conditions by {ratios[0]:.3g}, which is trivial for a linear PDE; change the "
                "spectrum, the shape or the correlation",
            )
        else:
            yield Finding("ok", where(shift), "differs from the training family")


def _amplitude_ratio(family: Family, base: Family) -> float | None:
    """Return the factor between two families that differ by nothing else, or None."""
    if family == base:
        return 1.0
    if type(family) is not type(base) or not is_dataclass(family):
        return None
    scaling = {"amplitude", "weights", "decay"} if isinstance(family, LinearFamily) else {"amplitude"}
    for field in fields(family):
        if field.name not in scaling and getattr(family, field.name) != getattr(base, field.name):
            return None
    if not isinstance(family, LinearFamily) or not isinstance(base, LinearFamily):
        return (
            float(family.amplitude / base.amplitude) if hasattr(family, "amplitude") and hasattr(base, "amplitude") else None
        )
    ours, theirs = (torch.tensor(f.scales, dtype=torch.float64) for f in (family, base))
    largest = int(theirs.abs().argmax())
    ratio = round(float(ours[largest] / theirs[largest]), 9)
    return ratio if torch.allclose(ours, ratio * theirs, rtol=1e-8) else None


def _corners(pde: PDE, generator: torch.Generator) -> Iterator[Finding]:
    """Conditions that meet should agree there."""
    for one, two, points in meetings(pde, generator):
        jumps = {shift: _jump(pde.ensemble(shift), one.name, two.name, points, generator) for shift in ("none", *pde.shifts)}
        apart = {where(shift): jump for shift, jump in jumps.items() if not jump <= _JUMP}
        subject = f"conditions {one.name!r} and {two.name!r}"
        place = coordinates(points[0].tolist())
        if apart:
            worst, jump = max(apart.items(), key=lambda item: item[1])
            yield Finding(
                "warning",
                subject,
                f"meet at {place}, but differ there by up to {jump:.2g} of their size ({worst}; incompatible in: {', '.join(apart)}); "
                "give one of them joins=(...) and families that vanish at both ends, or expect a singular solution",
            )
        else:
            yield Finding("ok", subject, f"agree where they meet, at {place}")


def _jump(ensemble: Ensemble, one: str, two: str, points: Tensor, generator: torch.Generator) -> float:
    coefficients = ensemble.sample(_PROBES, generator)[:, None]
    ours, theirs = (ensemble.value(name, coefficients, ensemble.patches[name].local(points)) for name in (one, two))
    return float((ours - theirs).abs().max()) / max(_size(ensemble, one, coefficients), _size(ensemble, two, coefficients), 1e-300)


def _size(ensemble: Ensemble, name: str, coefficients: Tensor) -> float:
    """Largest value of a condition over a grid of its places, less their mean where there are known ones, such as 300 K."""
    dimension = ensemble.patches[name].dimension
    line = torch.linspace(0, 1, _SIDE, dtype=torch.float64)
    s = torch.cartesian_prod(*(line,) * dimension).reshape(-1, dimension) if dimension else line[:1, None][:, :0]
    values = ensemble.value(name, coefficients, s)
    return float((values - values.mean() if ensemble.has_mean else values).abs().max())
