"""Does a family do what the package asks of it?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from pinndd.finding import Finding
from pinndd.pinn.declare.in_words import coordinates, where
from pinndd.pinn.declare.pde import PDE, Ensemble
from pinndd.pinn.families import Family, LinearFamily, Tied
from pinndd.user_code import place_of

_PROBES = 65
_DRAWS, _PLACES = 9, 17
_STEP = 1e-6
_ROUNDING = 1e-9
"""Largest difference of what should be equal, relative to the size of the values."""


def check_families(pde: PDE, generator: torch.Generator) -> Iterator[Finding]:
    """Every family must draw and evaluate as the package relies on it, in training and under every shift.

    Args:
        pde: the declaration.
        generator: of the coefficients and coordinates that are tried.
    """
    good = True
    for shift in ("none", *pde.shifts):
        for name, family in pde.ensemble(shift).families.items():
            problem = "" if isinstance(family, Tied) else _problem(family, pde.patches[name].dimension, generator)
            if problem:
                good = False
                yield Finding("error", where(shift), f"condition {name!r}: {family} {problem}")
    if good:
        yield Finding("ok", "families", f"finite in training and under {len(pde.shifts)} shift(s)")
        yield Finding("ok", "values in training", "; ".join(_sizes(pde.ensemble())))


def _problem(family: Family, dimension: int, generator: torch.Generator) -> str:
    """Return what is wrong with a family, or an empty text."""
    found = _values_problem(family, dimension, generator)
    if found:
        return found
    try:
        return _behaviour_problem(family, dimension)
    except (Exception, SystemExit) as error:
        what = f"raised {type(error).__name__}: {error}{place_of(error)}"
        return f"{what}; it must draw any number of functions, and evaluate them at any places"


def _values_problem(family: Family, dimension: int, generator: torch.Generator) -> str:
    s = torch.cat((torch.rand((_PROBES, dimension), generator=generator, dtype=torch.float64), _ends(dimension)))
    try:
        coefficients = family.sample(_PROBES, generator)
        values = family.evaluate(coefficients[:, None], s)
    except (Exception, SystemExit) as error:
        place = place_of(error, family.evaluate)
        return f"raised {type(error).__name__}: {error}{place}; it must draw and evaluate functions of {dimension} coordinate(s)"
    if not isinstance(coefficients, Tensor) or not isinstance(values, Tensor):
        return f"gave {type(coefficients).__name__} and {type(values).__name__}; it must draw and evaluate in torch"
    if coefficients.shape != (_PROBES, family.size):
        return f"drew coefficients of shape {tuple(coefficients.shape)}, expected ({_PROBES}, {family.size})"
    if values.shape != (_PROBES, len(s)):
        return f"gave values of shape {tuple(values.shape)}, expected {(_PROBES, len(s))}"
    for what, tensor in (("drew coefficients", coefficients), ("gave values", values)):
        if tensor.dtype != torch.float64:
            return f"{what} of type {tensor.dtype}, expected torch.float64 for arguments in double precision"
    bad = ~values.isfinite()
    if bad.any():
        first = s[int(bad.any(0).nonzero()[0])].tolist()
        return (
            f"gave {int(bad.sum())} values that are not finite, the first at s = {coordinates(first)}; change its settings"
        )
    if family.size and not bool(coefficients.abs().max() > 0):
        return "drew nothing but zeros; raise its amplitude, or say families.Zero() or families.Fixed(...)"
    return ""


def _behaviour_problem(family: Family, dimension: int) -> str:
    """Draws must follow the generator alone; values must broadcast, repeat, differentiate and, if said so, be linear."""
    s = torch.rand((_PLACES, dimension), generator=_seeded(1), dtype=torch.float64)
    state = torch.get_rng_state()
    drawn = family.sample(_DRAWS, _seeded(2))
    crossed = family.evaluate(drawn[:, None], s)
    if not torch.equal(torch.get_rng_state(), state):
        torch.set_rng_state(state)
        return "draws from torch's global random state; pass the generator it is given to every draw, and draw in sample alone"
    if not torch.equal(family.sample(_DRAWS, _seeded(2)), drawn):
        return "drew other coefficients from the same generator; draw from the generator it is given, and from nothing else"
    if not _close(family.evaluate(drawn[:, None], s), crossed):
        return "gave other values for the same coefficients and places; what is random belongs into the coefficients"
    if family.sample(1, _seeded(3)).shape != (1, family.size):
        shape = tuple(family.sample(1, _seeded(3)).shape)
        return f"drew coefficients of shape {shape} for 1 function, expected (1, {family.size})"
    return (
        _broadcasting_problem(family, drawn, s, crossed)
        or _derivative_problem(family, drawn, s)
        or (_linearity_problem(family, drawn, s, crossed) if isinstance(family, LinearFamily) else "")
    )


def _broadcasting_problem(family: Family, drawn: Tensor, s: Tensor, crossed: Tensor) -> str:
    paired = family.evaluate(drawn, s[:_DRAWS])
    if paired.shape != (_DRAWS,):
        return (
            f"gave values of shape {tuple(paired.shape)} for coefficients ({_DRAWS}, {family.size}) at places "
            f"({_DRAWS}, {s.shape[1]}), expected ({_DRAWS},): one function per place; index the last axis, as in "
            "coefficients[..., 0] and s[..., 0]"
        )
    if not _close(paired, crossed[:, :_DRAWS].diagonal()):
        return (
            "gives other values where one function is asked per place than where all are asked everywhere; evaluate must broadcast: "
            "index the last axis, as in coefficients[..., 0] and s[..., 0]"
        )
    return ""


def _derivative_problem(family: Family, drawn: Tensor, s: Tensor) -> str:
    """Distilling moves places and coefficients along the gradient of the values."""
    for number, what in enumerate(("coefficients", "s")):
        arguments = [drawn[:, None].clone(), s.expand(_DRAWS, -1, -1).clone()]
        moved = arguments[number].requires_grad_()
        if not moved.numel():
            continue
        values = family.evaluate(arguments[0], arguments[1])
        size = float(values.detach().abs().max())
        slope = torch.zeros_like(moved)
        if values.requires_grad:
            slope = torch.autograd.grad(values.sum(), moved, allow_unused=True, materialize_grads=True)[0]
        for axis in range(moved.shape[-1]):
            # coefficients have units of their own, local coordinates have none
            step = _STEP * (float(moved[..., axis].detach().abs().max()) or 1.0) if number == 0 else _STEP
            ends = []
            for signed in (step, -step):
                shifted = [a.detach().clone() for a in arguments]
                shifted[number][..., axis] += signed
                ends.append(family.evaluate(shifted[0], shifted[1]))
            rise = (ends[0] - ends[1]) / (2 * step)
            expected = rise.sum(1, keepdim=True) if number == 0 else rise
            off = (slope[..., axis] - expected).abs() > 1e-4 * expected.abs().max() + 1e-5 * size * _STEP / step
            # a jump or a kink may lie between two places
            if off.double().mean() > 0.2:
                return (
                    f"cannot be differentiated in {what}: torch's gradient differs from differences of the values; compute in "
                    "torch from the coefficients and s, without numpy, detach or item (a known function in numpy goes into mean=)"
                )
    return ""


def _linearity_problem(family: LinearFamily, drawn: Tensor, s: Tensor, crossed: Tensor) -> str:
    basis = family.basis(s)
    if basis.shape != (_PLACES, family.size):
        return f"has a basis of shape {tuple(basis.shape)} at {_PLACES} places, expected ({_PLACES}, {family.size})"
    if len(family.scales) != family.size:
        return f"has {len(family.scales)} scales, expected one for each of its {family.size} coefficients"
    if not all(0 <= scale < float("inf") for scale in family.scales):
        return f"has the scales {tuple(family.scales)}; expected standard deviations: finite, none of them negative"
    a, b = drawn[:, None], drawn.flip(0)[:, None]
    together, zero = family.evaluate(a + b, s), family.evaluate(torch.zeros_like(a), s)
    apart = crossed + family.evaluate(b, s) - zero
    size = max(float(crossed.abs().max()), float(apart.abs().max()))
    additive = not crossed.numel() or float((together - apart).abs().max()) <= _ROUNDING * size
    tripled, three_times = family.evaluate(3 * a, s) - zero, 3 * (crossed - zero)
    if not additive or not torch.allclose(tripled, three_times, rtol=0, atol=_ROUNDING * size):
        return (
            "is a LinearFamily, but its values are not linear in the coefficients: evaluate(a) + evaluate(b) - evaluate(0) "
            "differs from evaluate(a + b); derive from Family instead, or give basis alone and leave evaluate out"
        )
    if not _close(drawn @ basis.T + family.mean_values(s), crossed):
        return "is a LinearFamily whose values are not mean plus basis times coefficients; give basis alone, without evaluate"
    return ""


def _sizes(ensemble: Ensemble) -> Iterator[str]:
    """Say of every condition how large its values are: ``left 300 ± 0.71`` at the place of the largest deviation."""
    coefficients, rest = ensemble.sample(200, _seeded(4))[:, None], ensemble.rest()
    for condition in ensemble.conditions:
        dimension = ensemble.patches[condition.name].dimension
        s = torch.cat((torch.rand((_PLACES, dimension), generator=_seeded(5), dtype=torch.float64), _ends(dimension)))
        values = ensemble.value(condition.name, coefficients, s)
        spread = values.std(0)
        place = int(spread.argmax())
        mean, largest = float(values[:, place].mean()), float(spread[place])
        known = float(rest.value(condition.name, coefficients[0, :, :0], s)[place])
        # draws that are not about their mean show in more than the error of 200 of them
        middle = known if abs(mean - known) < 0.3 * largest else mean
        words = [f"{middle:.3g}"] if middle or not largest else []
        yield " ".join([condition.name, *words, *([f"± {largest:.2g}"] if largest else [])])


def _close(ours: Tensor, theirs: Tensor) -> bool:
    size = float(theirs.abs().max()) if theirs.numel() else 0.0
    return ours.shape == theirs.shape and torch.allclose(ours, theirs, rtol=0, atol=_ROUNDING * size)


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _ends(dimension: int) -> Tensor:
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=dimension)), dtype=torch.float64).reshape(2**dimension, dimension)
