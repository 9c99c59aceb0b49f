"""Where to put points without distilling: the usual designs, in the unit cube."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.geometry.patches import Patch

Sampler = Callable[[int, int, int], Tensor]
"""``(count, dimension, seed) -> (count, dimension)`` in [0, 1], float64."""

_BITS = 30
"""Of a coordinate of a Sobol point."""


def uniform(count: int, dimension: int, seed: int) -> Tensor:
    """Independent uniform points."""
    return torch.rand((count, dimension), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def latin_hypercube(count: int, dimension: int, seed: int) -> Tensor:
    """Latin hypercube: one point in each of ``count`` slices along every axis (McKay et al. 1979)."""
    from scipy.stats import qmc  # takes a second to import

    return torch.from_numpy(qmc.LatinHypercube(dimension, rng=np.random.default_rng(seed)).random(count))


def sobol(count: int, dimension: int, seed: int) -> Tensor:
    """Scrambled Sobol points (Sobol' 1967), by a random lower triangular matrix of bits and a shift (Matoušek 1998).

    They are those of `scipy.stats.qmc.Sobol`, bit for bit, without the second that its import takes.
    """
    if dimension == 0:
        return torch.zeros((count, 0), dtype=torch.float64)
    generator = np.random.default_rng(seed).spawn(1)[0]
    shift = generator.integers(2, size=(dimension, _BITS), dtype=np.uint32) @ (1 << np.arange(_BITS))
    scramble = np.tril(generator.integers(2, size=(dimension, _BITS, _BITS), dtype=np.uint32), -1) + np.eye(_BITS, dtype=np.int64)
    places = np.arange(_BITS)[::-1]
    columns = ((1 << places) @ scramble).T
    engine = SobolEngine(dimension)  # type: ignore[no-untyped-call]
    plain = (engine.draw(count, dtype=torch.float64).numpy() * 2**_BITS).astype(np.int64)
    mixed = np.broadcast_to(shift, plain.shape).copy()
    for place, column in zip(places, columns, strict=True):
        mixed ^= ((plain >> place) & 1) * column
    return torch.from_numpy(mixed / 2**_BITS)


def hammersley(count: int, dimension: int, seed: int) -> Tensor:
    """Hammersley points: equispaced along the first axis, van der Corput along the others; shifted at random by the seed."""
    from scipy.stats import qmc  # takes a second to import

    halton = qmc.Halton(max(dimension - 1, 1), scramble=False).random(count)
    first = (np.arange(count) + 0.5) / count
    points = np.column_stack((first, halton[:, : dimension - 1])) if dimension > 1 else first[:, None]
    shift = np.random.default_rng(seed).random(dimension) if seed else np.zeros(dimension)
    return torch.from_numpy((points + shift) % 1.0)


def midpoint_grid(count: int, dimension: int, seed: int) -> Tensor:
    """Midpoints of a tensor grid with nearly ``count`` cells; cells beyond the largest full grid are filled from Sobol points."""
    return _grid(count, dimension, seed, lambda n: (np.arange(n) + 0.5) / n)


def chebyshev_grid(count: int, dimension: int, seed: int) -> Tensor:
    """Tensor grid of Chebyshev nodes (roots of T_n), filled from Sobol points as `midpoint_grid`."""
    return _grid(count, dimension, seed, lambda n: (1 - np.cos((np.arange(n) + 0.5) * np.pi / n)) / 2)


def _grid(count: int, dimension: int, seed: int, nodes: Callable[[int], np.ndarray]) -> Tensor:
    sides = grid_sides(count, dimension)
    mesh = np.meshgrid(*[nodes(n) for n in sides], indexing="ij")
    grid = torch.from_numpy(np.stack([m.ravel() for m in mesh], -1))
    missing = count - grid.shape[0]
    return torch.cat((grid, sobol(missing, dimension, seed))) if missing else grid


def grid_sides(count: int, dimension: int) -> list[int]:
    """Numbers of nodes along each axis: as equal as they can be, the product at most ``count`` and as large as possible."""
    sides = [max(1, round(count ** (1 / dimension) + 1e-9))] * dimension
    while math.prod(sides) > count:
        sides[sides.index(max(sides))] -= 1
    for axis in range(dimension):
        sides[axis] = max(sides[axis], count // (math.prod(sides) // sides[axis]))
        if math.prod(sides) == count:
            break
    return sides


INTERIOR_SAMPLERS: dict[str, Sampler] = {
    "uniform": uniform,
    "latin-hypercube": latin_hypercube,
    "sobol": sobol,
    "hammersley": hammersley,
    "midpoint-grid": midpoint_grid,
    "chebyshev-grid": chebyshev_grid,
}


def allocate(pde: PDE, total: int) -> dict[str, int]:
    """Share ``total`` boundary points among the conditions as equally as possible, at least one each, one for a single point.

    Raises:
        ValueError: there are fewer points than conditions.
    """
    names = [c.name for c in pde.valued]
    if total < len(names):
        raise ValueError(
            f"PDE {pde.name!r}: {total} boundary points for {len(names)} conditions; give at least {len(names)}"
        )
    wide = [name for name in names if pde.patches[name].dimension]
    shared = total - (len(names) - len(wide))
    return {name: shared // len(wide) + (wide.index(name) < shared % len(wide)) if name in wide else 1 for name in names}


def patch_points(patch: Patch, sampler: str, count: int, seed: int) -> Tensor:
    """Draw points on a piece of the boundary by a named sampler: local coordinates ``(count, k)``, float64."""
    # a single point has no coordinates to draw
    name = sampler if patch.dimension else "sobol"
    return patch.from_unit(INTERIOR_SAMPLERS[name](count, patch.dimension, seed))


def sample_points(
    pde: PDE, sampler: str, points: int, boundary_points: int, seed: int, allocation: dict[str, int] | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Draw interior points and boundary points by a named sampler.

    Args:
        pde: gives the domain and the conditions.
        sampler: a key of `INTERIOR_SAMPLERS`.
        points: number of interior points.
        boundary_points: number of boundary points of all conditions together.
        seed: of the draw.
        allocation: boundary points of each condition (None: shared equally).

    Returns:
        Interior points ``(N, d)`` and local coordinates ``(n, k)`` for every condition, float64.
    """
    interior = pde.box.scale(INTERIOR_SAMPLERS[sampler](points, pde.box.dimension, seed))
    shares = allocation or allocate(pde, boundary_points)
    boundary = {
        name: patch_points(pde.patches[name], sampler, count, seed * 1009 + k + 1 if seed else 0)
        for k, (name, count) in enumerate(shares.items())
    }
    return interior, boundary
