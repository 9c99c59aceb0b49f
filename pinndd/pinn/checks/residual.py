"""Would training on a residual do what the user means? Each fault that a network would only show as a bad result."""

from __future__ import annotations

import torch
from torch import Tensor

from pinndd.pinn.declare.finding import coordinates
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.jets.residual import PointwiseResidual
from pinndd.user_code import UserCodeError

_POINTS, _DRAWS = 128, 16


def residual_faults(pde: PDE, residual: PointwiseResidual, generator: torch.Generator) -> list[str]:
    """Return what is wrong with a residual that runs: not differentiable, not a function of the point, not finite, empty.

    Args:
        pde: gives the domain and the size of the values.
        residual: of ``pde``.
        generator: source of randomness.

    Returns:
        One sentence per cause; empty if there is none.
    """
    points = points_inside(pde, generator)
    jets = _jets(pde, residual, len(points), generator)
    try:
        with torch.no_grad():
            values = residual(points, jets)
            again = residual(points, jets)
            parts = [residual(half, jets[:, k]) for half, k in _halves(points)]
        _, slopes = residual.linearise(points, jets[0])
        with torch.enable_grad():
            residual(points.clone().requires_grad_(), jets[0])
    except UserCodeError as error:
        reason = "it must stay in torch to be differentiated in x: np.sin(x) becomes torch.sin(x)" if _is_numpy(error) else ""
        return [f"{error}; {reason}" if reason else str(error)]
    name = f"PDE {pde.name!r}: residual"
    if not torch.equal(values.nan_to_num(), again.nan_to_num()):
        return [f"{name} gives other values for the same points and the same u; it must draw no random numbers and keep no state"]
    together = torch.cat(parts, 1)
    scale = values.abs().nan_to_num(posinf=0.0).amax().clamp_min(1e-300)
    if not bool(((values - together).abs().nan_to_num() <= 1e-9 * scale).all()):
        return [
            f"{name} depends at a point on the other points of the batch (a mean, a sum, the number of points); it must be a function "
            "of the point, u and its derivatives there"
        ]
    never = ~values.isfinite().all(-1).any(0)
    if bool(never.any()):
        first = coordinates(points[int(never.nonzero()[0])].tolist())
        return [f"{name} is not finite at {int(never.sum())} of {len(points)} points whatever u, the first at {first}"]
    return [
        f"{name} {_numbered(pde, e)}does not depend on u: it is the same whatever u, or it leaves torch's graph (detach, item, numpy)"
        for e in range(residual.equations)
        if not bool(slopes[..., e, :].abs().nan_to_num().max() > 0)
    ]


def points_inside(pde: PDE, generator: torch.Generator) -> Tensor:
    """Return about a hundred random points of the domain, ``(N, d)``, float64."""
    unit = torch.rand((_POINTS, pde.box.dimension), generator=generator, dtype=torch.float64)
    points = pde.box.scale(unit)
    return points[pde.box.inside(points)]


def _jets(pde: PDE, residual: PointwiseResidual, count: int, generator: torch.Generator) -> Tensor:
    """Random values of u and its derivatives, of the size that the families and the domain give them, ``(draws, count, K)``."""
    ensemble = pde.ensemble()
    coefficients = ensemble.sample(_DRAWS, generator)[:, None]
    drawn = [
        ensemble.value(c.name, coefficients, torch.full((1, pde.patches[c.name].dimension), 0.4, dtype=torch.float64))
        for c in pde.valued
    ]
    size = float(torch.cat(drawn).abs().nan_to_num().max()) or 1.0
    jets = size * torch.randn((_DRAWS, count, len(residual.terms)), generator=generator, dtype=torch.float64)
    jets[0], jets[1] = jets[0].abs(), -jets[1].abs()  # roots and logarithms of several components have values somewhere
    widths = torch.tensor(pde.box.high, dtype=torch.float64) - torch.tensor(pde.box.low, dtype=torch.float64)
    return jets / torch.stack([widths[list(axes)].prod() for _, axes in residual.terms])


def _halves(points: Tensor) -> list[tuple[Tensor, slice]]:
    middle = len(points) // 3
    return [(points[k], k) for k in (slice(0, middle), slice(middle, None))]


def _is_numpy(error: UserCodeError) -> bool:
    return "numpy() on Tensor" in str(error)


def _numbered(pde: PDE, equation: int) -> str:
    return f"(equation {equation}, counted from 0) " if pde.equation_count > 1 else ""
