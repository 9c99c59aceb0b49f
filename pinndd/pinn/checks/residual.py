"""Would training on a residual do what the user means? Each fault that a network would only show as a bad result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from pinndd.pinn.declare.in_words import coordinates
from pinndd.pinn.declare.pde import PDE, pointwise_residual
from pinndd.pinn.jets.residual import PointwiseResidual
from pinndd.user_code import UserCodeError

_POINTS, _DRAWS = 128, 16

_STEP = 1e-6
"""Step of differences, in parts of the domain and of the size of u."""

_KINKS = 0.2
"""Share of points at which a difference may differ from the gradient: there may be a jump or a kink near them."""

_ROUNDING = 1e-9
"""Largest difference of what should be equal, relative to the residual."""


def residual_faults(pde: PDE, residual: PointwiseResidual, generator: torch.Generator) -> list[str]:
    """Return what is wrong with a residual that runs: the first cause of those that `pinndd check` looks for.

    It must return as many equations as are declared, be differentiable in x and in u, hold no trainable parameters, be a function of
    the point, the same at every call, finite somewhere at every point, and depend on u. All of this is tried in the domain, on u and
    derivatives of the size that the families give.

    Args:
        pde: gives the domain.
        residual: of ``pde``, probed at these sizes.
        generator: source of randomness.

    Returns:
        One sentence per cause; empty if there is none.
    """
    if residual.equations != pde.equation_count:
        return [
            f"PDE {pde.name!r}: residual returned {residual.equations} equation(s), expected {pde.equation_count}; return as many as "
            "the declaration says, or declare equations=..."
        ]
    points = points_inside(pde, generator)
    seed = int(torch.randint(1000, (), generator=generator))
    jets = residual.probe.jets(residual.terms, _DRAWS, seed, points)
    jets[0], jets[1] = jets[0].abs(), -jets[1].abs()  # roots and logarithms of several components have values somewhere
    name = f"PDE {pde.name!r}: residual"
    try:
        with torch.no_grad():
            values = residual(points, jets)
            again = residual(points, jets)
            parts = [residual(half, jets[:, k]) for half, k in _halves(points)]
        held = _parameters(residual, points, jets[2])
        _, slopes = residual.linearise(points, jets[2:])
        if held:
            return [
                f"{name} holds {held}, which training would not see: unknown coefficients are not supported; give the number "
                f"itself{residual.place}"
            ]
        if not _close(values, again):
            return [
                f"{name} gives other values for the same points and the same u; it must draw no random numbers and keep no state"
                f"{residual.place}"
            ]
        if not _close(values, torch.cat(parts, 1)):
            return [
                f"{name} depends at a point on the other points of the batch (a mean, a sum, the number of points); it must be "
                f"a function of the point, u and its derivatives there{residual.place}"
            ]
        never = ~values.isfinite().all(-1).any(0)
        if bool(never.any()):
            first = coordinates(points[int(never.nonzero()[0])].tolist())
            return [
                f"{name} is not finite at {int(never.sum())} of {len(points)} points whatever u, the first at {first}"
                f"{residual.place}"
            ]
        bare = [
            f"{name} {_numbered(pde, e)}does not depend on u: it is the same whatever u, or it leaves torch's graph (detach, item, "
            f"numpy){residual.place}"
            for e in range(residual.equations)
            if not bool((slopes[..., e, :].abs().nan_to_num() > 0).any())
        ]
        return bare or list(_undifferentiable(pde, residual, points, jets[2]))
    except UserCodeError as error:
        return [str(error)]


@lru_cache(maxsize=32)
def require_sound(pde: PDE) -> None:
    """Refuse to train on a residual that would train to something else than it says, as `pinndd check` does.

    Raises:
        UserCodeError: it fails, or has one of the faults of `residual_faults`, which is named.
    """
    for fault in residual_faults(pde, pointwise_residual(pde), torch.Generator().manual_seed(0)):
        raise UserCodeError(fault)


def points_inside(pde: PDE, generator: torch.Generator) -> Tensor:
    """Return about a hundred random points of the domain, ``(N, d)``, float64."""
    unit = torch.rand((_POINTS, pde.box.dimension), generator=generator, dtype=torch.float64)
    points = pde.box.scale(unit)
    return points[pde.box.inside(points)]


def _close(ours: Tensor, theirs: Tensor) -> bool:
    """Whether two evaluations of every equation agree, where they are finite."""
    scale = ours.abs().nan_to_num(0.0, 0.0).amax((0, 1)).clamp_min(1e-300)
    same_kind = torch.equal(ours.isfinite(), theirs.isfinite())
    return same_kind and bool(((ours - theirs).abs().nan_to_num(0.0, 0.0) <= _ROUNDING * scale).all())


def _parameters(residual: PointwiseResidual, points: Tensor, jets: Tensor) -> str:
    """Name the trainable tensors that a residual holds, empty if there are none."""
    with torch.enable_grad():
        known = points.clone().requires_grad_(), jets.clone().requires_grad_()
        values = residual(*known)
    seen, found, open_nodes = set[Any](), dict[int, Tensor](), [values.grad_fn]
    while open_nodes:
        node = open_nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if isinstance(leaf, Tensor) and all(leaf is not each for each in known):
            found[id(leaf)] = leaf
        open_nodes += [following for following, _ in node.next_functions]
    shapes = ["a number" if leaf.dim() == 0 else f"a tensor of shape {tuple(leaf.shape)}" for leaf in found.values()]
    return f"{', '.join(shapes)} that is trainable (dde.Variable, torch.nn.Parameter)" if shapes else ""


def _undifferentiable(pde: PDE, residual: PointwiseResidual, points: Tensor, jets: Tensor) -> Iterator[str]:
    """Compare torch's gradients in x and in u with central differences."""
    name = f"PDE {pde.name!r}: residual"
    lengths = torch.tensor(residual.probe.lengths, dtype=torch.float64)
    deep = pde.box.inside(points, 2 * _STEP)
    points, jets = points[deep], jets[deep]
    steps = {
        "x": (points, _STEP * lengths, lambda moved: residual(moved, jets)),
        "u": (jets, _STEP * residual.probe.sizes(residual.terms), lambda moved: residual(points, moved)),
    }
    for what, (at, step, function) in steps.items():
        for column in range(at.shape[-1]):
            if _misses(function, at, column, float(step[column]), residual.equations):
                of = pde.box.names[column] if what == "x" else pde.derivative_name(*residual.terms[column])
                yield (
                    f"{name} cannot be differentiated in {of}: torch's gradient differs from differences of the values; compute in "
                    f"torch, without numpy, detach, item or .data{residual.place}"
                )
                return


def _misses(function: Callable[[Tensor], Tensor], at: Tensor, column: int, step: float, equations: int) -> bool:
    with torch.enable_grad():
        leaf = at.clone().requires_grad_()
        values = function(leaf)
        slopes = torch.stack([_slope(values[..., e], leaf)[..., column] for e in range(equations)], -1)
    with torch.no_grad():
        ends = []
        for sign in (1, -1):
            moved = at.clone()
            moved[..., column] += sign * step
            ends.append(function(moved))
        rise = (ends[0] - ends[1]) / 2
    scale = values.detach().abs()
    off = (slopes * step - rise).abs() > 1e-3 * rise.abs() + 1e-8 * scale + 1e-9 * scale.nan_to_num(0.0, 0.0).amax(0)
    return bool((off.double().mean(0) > _KINKS).any())


def _slope(values: Tensor, leaf: Tensor) -> Tensor:
    if not values.requires_grad:
        return torch.zeros_like(leaf)
    (slope,) = torch.autograd.grad(values.sum(), leaf, retain_graph=True, allow_unused=True)
    return torch.zeros_like(leaf) if slope is None else slope


def _halves(points: Tensor) -> list[tuple[Tensor, slice]]:
    middle = len(points) // 3
    return [(points[k], k) for k in (slice(0, middle), slice(middle, None))]


def _numbered(pde: PDE, equation: int) -> str:
    return f"(equation {equation}, counted from 0) " if pde.equation_count > 1 else ""
