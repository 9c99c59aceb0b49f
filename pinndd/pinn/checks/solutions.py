"""Does a reference solution satisfy its own conditions and its own PDE?"""

from __future__ import annotations

import itertools
import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from pinndd.finding import Finding
from pinndd.pinn.declare.in_words import coordinates, where
from pinndd.pinn.declare.pde import PDE, BoundaryValues, Reference
from pinndd.pinn.jets.cloud_fit import CloudFit
from pinndd.pinn.jets.differences import Stencil
from pinndd.pinn.jets.residual import PointwiseResidual
from pinndd.pinn.solving.truth import reference_of
from pinndd.user_code import Signal, UserCodeError

CONDITION_TOLERANCE = 1e-3
"""Largest violation of a condition on u by the reference, relative to the size of u."""

DERIVATIVE_TOLERANCE = 2e-2
"""Largest violation of a condition on derivatives of u, relative to the size of the terms of the condition."""

RESIDUAL_WARNING, RESIDUAL_ERROR = 1e-2, 1e-1
"""Residual of the reference, root mean square, relative to the size of the terms of the PDE."""

_COARSE = 0.3
"""A smaller violation may come from interpolating on a coarse grid."""

_DRAWS, _PROBES, _INTERIOR, _STEP = 4, 65, 24, 0.025
_CLOUDS = 8
_NARROW = 8
"""How many times smaller than usual the steps of differences may be, in narrow parts of a domain."""
_VANISHED = 1e-6


def check_reference(pde: PDE, residual: PointwiseResidual | None, generator: torch.Generator) -> Iterator[Finding]:
    """The reference must satisfy its own conditions and its own PDE, in training and under every shift.

    All ensembles are asked together where the reference allows, since many solvers take hardly longer for more conditions.
    """
    drawn = {s: BoundaryValues(e, e.sample(_DRAWS, generator)) for s in ("none", *pde.shifts) for e in [pde.ensemble(s)]}
    probes = [_probe(pde, c.name, generator) for c in pde.valued]
    pairs = list(_periodic_pairs(pde, generator))
    stencil = _stencil(pde, residual, generator) if residual is not None else None
    pieces = [probe.points for probe in probes] + pairs + ([stencil.points] if stencil else [])
    points = torch.cat(pieces)
    before = time.perf_counter()
    solved = _solve_together(pde, drawn, points)
    seconds = (time.perf_counter() - before) / (_DRAWS * len(drawn))
    unsolved: dict[str, list[str]] = {}
    first: dict[str, str] = {}
    violations: dict[str, list[_Violation]] = {}
    worst, good = 0.0, []
    for shift, u in solved.items():
        if isinstance(u, str):
            unsolved.setdefault(_cause(u), []).append(shift)
            first.setdefault(_cause(u), u)
            continue
        answers = list(torch.split(u, [len(p) for p in pieces], 1))
        sizes = _sizes(_varying(pde, u), _given_size(pde, drawn[shift]))
        gaps = [_condition_gap(pde, probe, drawn[shift], answer, sizes) for probe, answer in zip(probes, answers, strict=False)]
        gaps += _periodic_gaps(pde, answers[len(probes) :], sizes)
        wrong = [gap for gap in gaps if not gap.size <= gap.tolerance]
        if wrong:
            violations[shift] = wrong
        else:
            good.append(shift)
            worst = max(worst, *(gap.size for gap in gaps))
        if shift == "none" and stencil and residual is not None:
            yield _residual_finding(pde, residual, stencil, answers[-1], sizes)
    for cause, shifts in unsolved.items():
        yield Finding("error", _subject(shifts), first[cause])
    if violations:
        yield Finding("error", _subject(violations), _violated(violations))
    if good:
        yield Finding("ok", _subject(good), f"meets its conditions within {worst:.1e} of the size of u")
    if not unsolved:
        asked = f"{_DRAWS * len(drawn)} at {len(points)} points"
        yield Finding("ok", "reference, time", f"{seconds:.2g} s per boundary condition ({asked})")


def _cause(message: str) -> str:
    """Return a message without its numbers, which is the same where the same thing failed."""
    return re.sub(r"\d[\d.e+-]*", "#", message)


def _subject(shifts: Iterable[str]) -> str:
    """Name the ensembles that a finding on the reference is about."""
    names = [repr(shift) for shift in shifts if shift != "none"]
    parts = [where("none")] if "none" in shifts else []
    parts += [f"shift{'s' if len(names) > 1 else ''} {', '.join(names)}"] if names else []
    return f"reference, {' and '.join(parts)}"


@dataclass(frozen=True)
class _Violation:
    """How far a reference is from one of its conditions.

    Attributes:
        size: relative to that of u, or of the terms of the condition.
        tolerance: largest size that is no violation.
        words: the violation.
        condition: its name; empty for a periodic axis.
    """

    size: float
    tolerance: float
    words: str
    condition: str = ""

    @property
    def subject(self) -> str:
        """What it is about: the same for all ensembles."""
        return self.words.partition(" by ")[0]


def _violated(violations: Mapping[str, Sequence[_Violation]]) -> str:
    """One message for all conditions and shifts: each condition where it is worst, what to do, and why it may be."""
    largest: dict[str, _Violation] = {}
    for violation in itertools.chain(*violations.values()):
        known = largest.get(violation.subject)
        if known is None or not violation.size <= known.size:
            largest[violation.subject] = violation
    named = [violation.condition for violation in largest.values() if violation.condition]
    advice = f"; it must take its boundary values from values[{named[0]!r}](s) with s in [0, 1]" if named else ""
    if any(violation.size < _COARSE for violation in largest.values()):
        advice += "; or, if it interpolates between the nodes of a grid, the grid is too coarse: refine it"
    return "; ".join(violation.words for violation in largest.values()) + advice


@dataclass(frozen=True)
class _Probe:
    """Where a condition is tested.

    Attributes:
        name: of the condition.
        places: ``(N, d)``.
        local: their local coordinates ``(N, k)``.
        points: where the reference is asked, ``(Q, d)``.
        derivatives: from values there to the derivatives that the condition needs (None: the value itself).
    """

    name: str
    places: Tensor
    local: Tensor
    points: Tensor
    derivatives: CloudFit | None


def _probe(pde: PDE, name: str, generator: torch.Generator) -> _Probe:
    patch, operator = pde.patches[name], pde.operators[name]
    count = _CLOUDS if operator.differentiates else _PROBES
    s = patch.drawn(count, generator)
    places = patch.points(s)
    fit = CloudFit(pde.box, places, operator.axes, generator) if operator.differentiates else None
    return _Probe(name, places, s, places if fit is None else fit.points, fit)


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


class _Together(BoundaryValues):
    """Boundary conditions of several ensembles, one after the other, for a reference that asks for their values alone."""

    def __init__(self, parts: Sequence[BoundaryValues]) -> None:
        object.__setattr__(self, "parts", parts)

    def __getattr__(self, name: str) -> Any:
        raise _NotTogether

    def __len__(self) -> int:
        return sum(len(part) for part in self.__dict__["parts"])

    def __getitem__(self, name: str) -> Any:
        functions = [part[name] for part in self.__dict__["parts"]]

        def evaluate(s: Any) -> Any:
            answers = [function(s) for function in functions]
            return torch.cat(answers) if isinstance(s, Tensor) else np.concatenate(answers)

        return evaluate


class _NotTogether(Signal):
    """A reference looks at the coefficients or the families themselves."""


def _solve_together(pde: PDE, drawn: Mapping[str, BoundaryValues], points: Tensor) -> dict[str, Tensor | str]:
    """Return u ``(B, Q, outputs)`` of every ensemble, or what is wrong with it."""
    try:
        u = _solve(pde, reference_of(pde), "reference", _Together(list(drawn.values())), points)
        if not isinstance(u, str):
            return dict(zip(drawn, torch.split(u, [len(values) for values in drawn.values()]), strict=True))
    except _NotTogether:
        pass
    # one by one, to see which of them fail
    return {shift: _solve(pde, reference_of(pde), "reference", values, points) for shift, values in drawn.items()}


def _solve(pde: PDE, solver: Reference, role: str, values: BoundaryValues, points: Tensor) -> Tensor | str:
    """Return u ``(B, Q, outputs)``, or what is wrong with it."""
    try:
        u: Tensor = solver(values, points)
    except UserCodeError as error:
        return str(error)
    u = u[..., None] if u.dim() == 2 else u
    u = u.detach() if role == "reference" else u
    bad = ~u.isfinite().all(-1)
    if bad.any():
        first = points[int(bad.any(0).nonzero()[0])].tolist()
        return (
            f"PDE {pde.name!r}: {role} gave values that are not finite, the first at {coordinates(first)}; "
            "the solver breaks down there, or the solution blows up"
        )
    return u


def _sizes(u: Tensor, given: float) -> Tensor:
    """Return the root mean square of each component; one that is zero is as large as the largest, or as the values that are given."""
    sizes = u.square().mean((0, 1)).sqrt()
    largest = torch.maximum(sizes.max(), sizes.new_tensor(_VANISHED * given if bool(sizes.any()) else given)).clamp_min(1e-300)
    return torch.where(sizes > 1e-15 * largest, sizes, largest)


def _given_size(pde: PDE, values: BoundaryValues) -> float:
    """Return the root mean square of the largest of the conditions that give u, 0 where none does."""
    generator = torch.Generator().manual_seed(0)
    found = [values[c.name](pde.patches[c.name].drawn(_PROBES, generator)) for c in pde.valued if c.gives_value]
    return max((float(_varying(pde, each).square().mean().sqrt()) for each in found), default=0.0)


def _varying(pde: PDE, u: Tensor) -> Tensor:
    """Return what u is beyond its mean over conditions and points, ``(B, Q, ...)``, where the families have means: 300 K, say."""
    return u - u.mean((0, 1)) if pde.ensemble().has_mean else u


def _condition_gap(pde: PDE, probe: _Probe, values: BoundaryValues, u: Tensor, sizes: Tensor) -> _Violation:
    operator, wanted = pde.operators[probe.name], values[probe.name](probe.local)
    if probe.derivatives is None:
        size = max(float(sizes[c]) for c, _ in operator.terms)
        gap = (operator.apply(probe.places, [u]) - wanted).abs().amax(0) / size
        at, tolerance, of = int(gap.argmax()), CONDITION_TOLERANCE, "of u"
    else:
        gap = _derivative_gap(pde, probe, wanted, u, sizes)
        # half of the probes: where a solution has a kink, no polynomial fits
        at, tolerance, of = int(gap.argsort()[len(gap) // 2]), DERIVATIVE_TOLERANCE, "of its terms"
    place = coordinates(probe.places[at].tolist())
    words = f"violates the condition {probe.name!r} by {float(gap[at]):.2g} of the size {of}, most at {place}"
    return _Violation(float(gap[at]), tolerance, words, probe.name)


def _derivative_gap(pde: PDE, probe: _Probe, wanted: Tensor, u: Tensor, sizes: Tensor) -> Tensor:
    """Return how far a condition on derivatives is from met at each place ``(N,)``, relative to the size of its terms."""
    assert probe.derivatives is not None
    operator = pde.operators[probe.name]
    found = torch.stack([probe.derivatives(u[..., c]) for c in range(pde.output_count)], -1)
    jets = list(found.unbind(2))
    factors = operator.coefficients(probe.places).abs()
    terms = [factors[:, k] * jets[operator.axes.index(a)][..., c].abs() for k, (c, a) in enumerate(operator.terms)]
    widths = [high - low for low, high in zip(pde.box.low, pde.box.high, strict=True)]
    least = max(float(sizes[c]) * math.prod(1 / widths[a] for a in axes) for c, axes in operator.terms)
    scale = max(float(torch.stack(terms).sum(0).square().mean().sqrt()), float(wanted.square().mean().sqrt()), least)
    gap: Tensor = (operator.apply(probe.places, jets) - wanted).abs().amax(0) / scale
    return gap


def _periodic_gaps(pde: PDE, answers: Sequence[Tensor], sizes: Tensor) -> Iterator[_Violation]:
    for k, axis in enumerate(pde.periodic_axes):
        gap, name = float(((answers[2 * k] - answers[2 * k + 1]).abs() / sizes).max()), pde.box.names[axis]
        words = f"is not periodic along {name}: its two ends differ by {gap:.2g} of the size of u"
        yield _Violation(gap, CONDITION_TOLERANCE, words)


def _residual_finding(pde: PDE, residual: PointwiseResidual, stencil: Stencil, u: Tensor, sizes: Tensor) -> Finding:
    """Compare the residual of the reference, by central differences, with the size of the terms of the PDE."""
    points = stencil.centers
    derivatives = {c: stencil(u[..., c]) for c in range(pde.output_count)}
    jets = torch.stack([derivatives[c][..., residual.axes.index(axes)] for c, axes in residual.terms], -1)
    values, slopes = residual.linearise(points, jets)
    # a known mean, such as 300 K, makes no term larger than what u varies by
    rest = pde.sizes.resting(residual.terms).expand(jets.shape)
    terms = ((slopes * (jets - rest)[..., None, :]).abs().sum(-1) + residual(points, rest).abs()).square().mean((0, 1)).sqrt()
    # where all terms vanish, as for a constant, what is left is roundoff: it is compared with what derivatives of u would give
    widths = [high - low for low, high in zip(pde.box.low, pde.box.high, strict=True)]
    usual = torch.stack([sizes[c] / math.prod(widths[a] for a in axes) for c, axes in residual.terms])
    terms = torch.maximum(terms, _VANISHED * (slopes.abs() * usual).sum(-1).mean((0, 1))).clamp_min(1e-300)
    relative = (values.detach() / terms.detach()).abs()
    rms = float(relative.square().mean((0, 1)).sqrt().max())
    at = int(relative.amax((0, 2)).argmax())
    message = (
        f"residual {rms:.1e} of the size of the terms (root mean square over {_INTERIOR} interior points), largest "
        f"{float(relative.max()):.1e} at {coordinates(points[at].tolist())}"
    )
    if rms <= RESIDUAL_WARNING:
        return Finding("ok", "reference", message)
    level: Literal["error", "warning"] = "warning" if rms <= RESIDUAL_ERROR else "error"
    return Finding(level, "reference", f"{message}; it solves another equation than `residual`, or not accurately enough")


def check_stand_in(pde: PDE, solver: Reference, generator: torch.Generator, *, compared: bool = True) -> Finding | None:
    """The stand-in must have the reference's signature and carry gradients to the coefficients.

    Args:
        pde: the declaration.
        solver: its stand-in.
        generator: of conditions and points.
        compared: with the reference; where that fails, nothing but what is wrong with the stand-in is found.
    """
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
    if not compared:
        return None
    truth = _solve(pde, reference_of(pde), "reference", BoundaryValues(ensemble, coefficients.detach()), points)
    if isinstance(truth, str):
        return Finding("error", "reference", truth)
    distance = float(((u.detach() - truth).flatten(1).norm(dim=1) / truth.flatten(1).norm(dim=1)).mean())
    return Finding("ok", "stand-in", f"differentiable; differs from the reference by {distance:.2g} (mean relative L2)")
