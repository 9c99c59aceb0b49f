"""The heat equation on a rectangle whose four edges follow prescribed values."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pinndd.pinn.reference.dirichlet import collocation
from pinndd.pinn.reference.exponential import integrate_driven, slab_boundaries
from pinndd.pinn.reference.interpolation import interpolation_matrix
from pinndd.pinn.reference.scaling import UNIT, Axis, Interval
from pinndd.pinn.reference.series import UNIT_SQUARE, Rectangle, axes_of


def heat_on_square(
    edges: Mapping[str, Callable[[Tensor], Tensor]],
    start: Callable[[Tensor], Tensor],
    points: Tensor,
    *,
    diffusivity: float,
    rectangle: Rectangle = UNIT_SQUARE,
    times: Interval = UNIT,
    degree: int = 28,
    slabs: int = 16,
    order: int = 6,
) -> Tensor:
    """Solve ``u_t = diffusivity (u_xx + u_yy)`` on a rectangle, with edge values and the start given.

    Legendre collocation in x and y with the second derivative diagonalised, so that the modes decouple and are integrated
    exactly in time (Hochbruck and Ostermann, 2005, doi:10.1016/j.apnum.2004.08.005): spectrally accurate in ``degree`` for
    smooth data, of order ``order`` in the length of the slabs for the edge values.

    Args:
        edges: values of some of ``"left"``, ``"right"`` (over y, t), ``"bottom"`` and ``"top"`` (over x, t): ``(N, 2)``
            in [0, 1], along their ranges, to ``(B, N)``. Edges left out are zero; those given must agree at the corners.
        start: initial values: ``(N, 2)`` in [0, 1], along the ranges of x and y, to ``(B, N)``.
        points: ``(Q, 3)``, x, y and t, float64.
        diffusivity: positive.
        rectangle: lower and upper corner, as DeepXDE takes them.
        times: range of t.
        degree: of the polynomials in x and y.
        slabs, order: of the time integration.

    Returns:
        Tensor of shape ``(B, Q)``, float64.

    Raises:
        ValueError: a range is reversed, empty or not finite.
    """
    (horizontal, vertical), lasting = axes_of(rectangle), Axis("times", times)
    # diffusivity along x and y in units of the domain
    paces = tuple(diffusivity * lasting.length / axis.length**2 for axis in (horizontal, vertical))
    grid = collocation(degree)
    nodes, to_values, to_modes, ends, squares = (
        v.to(points.device) for v in (grid.nodes, grid.to_values, grid.to_modes, grid.ends, grid.squares)
    )
    inner = nodes[1:-1]
    inside = len(inner)
    # where an edge enters: the column of `ends`, and whether it multiplies the modes along x
    sides = {"left": (0, True), "right": (1, True), "bottom": (0, False), "top": (1, False)}
    initial = start(torch.cartesian_prod(inner, inner)).double().reshape(-1, inside, inside)

    def along(name: str, s: Tensor, times: Tensor) -> Tensor:
        """Values of an edge at all pairs of s and times, ``(B, len(times), len(s))``."""
        return edges[name](torch.cartesian_prod(times, s).flip(-1)).double().reshape(-1, len(times), len(s))

    def forcing(times: Tensor) -> Tensor:
        total = initial.new_zeros((len(initial), len(times), inside, inside))
        for name in edges:
            column, first = sides[name]
            modes = along(name, inner, times) @ to_modes.T
            pushed = ends[:, column, None] * modes[:, :, None, :] if first else modes[..., None] * ends[:, column]
            total += paces[0 if first else 1] * pushed
        return total.flatten(2)

    base = lasting.length * diffusivity
    rates = base * (squares[:, None] / horizontal.length**2 + squares / vertical.length**2).flatten()
    modes = (to_modes @ initial @ to_modes.T).flatten(1)
    trajectory = integrate_driven(rates, forcing, modes, slab_boundaries(1.0, slabs, graded=3), order=order)
    x, y, t = (axis.unscale(points[:, k].double()) for k, axis in enumerate((horizontal, vertical, lasting)))
    in_x, in_y = interpolation_matrix(nodes, x), interpolation_matrix(nodes, y)
    functionals = (in_x[:, 1:-1] @ to_values)[:, :, None] * (in_y[:, 1:-1] @ to_values)[:, None, :]
    u = trajectory.project(t, functionals.flatten(1))
    for name in edges:
        column, first = sides[name]
        across, beside = (in_x, in_y) if first else (in_y, in_x)
        # each corner belongs to one edge only: the left and the right one, where they are given
        free = slice(None) if first or not {"left", "right"} & set(edges) else slice(1, -1)
        s = nodes[free]
        local = torch.stack((s.repeat(len(t)), t.repeat_interleave(len(s))), -1)
        values = edges[name](local).double().reshape(-1, len(t), len(s))
        u = u + (values * beside[:, free]).sum(-1) * across[:, -column]
    return u
