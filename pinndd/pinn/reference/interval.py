"""Evolution on an interval whose ends have prescribed values, fluxes or a combination of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from pinndd.pinn.reference.exponential import integrate, integrate_driven, slab_boundaries
from pinndd.pinn.reference.interpolation import differentiation_matrix, gauss_lobatto, interpolation_matrix
from pinndd.pinn.reference.scaling import UNIT, Axis, Interval

Nonlinearity = Callable[[Tensor, Tensor], Tensor]
"""``(u, u_x) -> N(u, u_x)``, all of the same shape."""

End = tuple[float, float]
"""(a, b) of the end condition ``a u + b du/dn = g``, n outward: (1, 0) prescribes u, (0, 1) its slope."""

VALUE: End = (1.0, 0.0)
SLOPE: End = (0.0, 1.0)


@dataclass(frozen=True)
class Collocation:
    """Legendre collocation on [0, 1] with the second derivative diagonalised under homogeneous end conditions.

    At Gauss-Lobatto nodes the second derivative in weak form, slopes at the ends included, is symmetric in the inner product
    of the quadrature, so its eigenvectors are orthonormal there and the change of basis loses no digits.

    Attributes:
        nodes: ``(n + 1,)``, both ends included.
        derivative: ``(n + 1, n + 1)``, differentiates values at the nodes.
        free: the nodes whose values are unknown: all but the ends whose value is prescribed.
        squares: ``(m,)``, eigenvalues of ``-d²/dx²``; with prescribed values close to ``(kπ)²`` for the lower ones.
        to_values: ``(m, m)``, from eigencoordinates to values at the free nodes.
        to_modes: its inverse.
        ends: ``(m, 2)``, what unit data at the two ends add to the second derivative, in eigencoordinates.
    """

    nodes: Tensor
    derivative: Tensor
    free: slice
    squares: Tensor
    to_values: Tensor
    to_modes: Tensor
    ends: Tensor


@lru_cache(maxsize=8)
def collocation(degree: int, left: End = VALUE, right: End = VALUE) -> Collocation:
    """Return the collocation with polynomials of ``degree``, float64, on the CPU.

    Galerkin's method with numerical integration (Canuto, Hussaini, Quarteroni and Zang, Spectral Methods: Fundamentals in
    Single Domains, 2006, section 3.8): a slope at an end enters through the boundary term of the weak form.
    """
    # cached: tensors made in inference mode would later refuse to be differentiated through
    with torch.inference_mode(False):
        nodes, weights = gauss_lobatto(degree)
        derivative = differentiation_matrix(nodes)
        stiffness = derivative.T @ (weights[:, None] * derivative)
        columns = []
        for place, (value, slope) in ((0, left), (degree, right)):
            if slope:
                stiffness[place, place] += value / slope
                columns.append(torch.nn.functional.one_hot(torch.tensor(place), degree + 1).double() / slope)
            else:
                columns.append(-stiffness[:, place] / value)
        free = slice(0 if left[1] else 1, degree + 1 if right[1] else degree)
        root = weights[free].sqrt()
        symmetric = stiffness[free, free] / root[:, None] / root
        squares, vectors = torch.linalg.eigh((symmetric + symmetric.T) / 2)
        ends = vectors.T @ (torch.stack(columns, -1)[free] / root[:, None])
        return Collocation(nodes, derivative, free, squares.clamp_min(0), vectors / root[:, None], vectors.T * root, ends)


def solve_interval(
    left: Callable[[Tensor], Tensor],
    right: Callable[[Tensor], Tensor],
    start: Callable[[Tensor], Tensor],
    points: Tensor,
    *,
    diffusivity: float,
    interval: Interval = UNIT,
    times: Interval = UNIT,
    ends: tuple[End, End] = (VALUE, VALUE),
    nonlinearity: Nonlinearity | None = None,
    degree: int = 96,
    slabs: int = 64,
    order: int = 8,
    tolerance: float = 1e-10,
) -> Tensor:
    """Solve ``u_t = diffusivity · u_xx + N(u, u_x)`` on an interval with ``a u + b du/dn`` at both ends and the start given.

    Legendre collocation in x, exponential collocation in t: the error falls faster than any power of ``1 / degree`` for
    smooth solutions, and with the power ``order`` of the length of the slabs. End data may jump where slabs meet.

    Args:
        left, right, start: end data and initial values: ``(N,)`` in [0, 1], along ``times`` and ``interval``, to ``(B, N)``.
        points: ``(Q, 2)``, x and t, float64.
        diffusivity: positive.
        interval, times: ranges of x and t.
        ends: (a, b) of the left and of the right end, of one sign.
        nonlinearity: N; None for the heat equation.
        degree: of the polynomials in x.
        slabs: number of time slabs (the first is cut finer, for data that meet without matching derivatives).
        order: nodes per slab.
        tolerance: of the fixed-point iteration on each slab.

    Returns:
        Tensor of shape ``(B, Q)``, float64.

    Raises:
        ArithmeticError: the nonlinear iteration does not converge.
        ValueError: a range is reversed, empty or not finite.
    """
    along, lasting = Axis("interval", interval), Axis("times", times)
    rate = diffusivity * lasting.length / along.length**2
    grid = collocation(degree, *((value, slope / along.length) for value, slope in ends))
    nodes, derivative, to_values, to_modes, from_ends = (
        v.to(points.device) for v in (grid.nodes, grid.derivative, grid.to_values, grid.to_modes, grid.ends)
    )
    prescribed = [k for k, (_, slope) in enumerate(ends) if not slope]
    levels = points.new_tensor([ends[k][0] for k in prescribed], dtype=torch.float64)
    places = [(0, degree)[k] for k in prescribed]

    def end_data(times: Tensor) -> Tensor:
        return torch.stack((left(times), right(times)), -1).double()

    def driven(data: Tensor) -> Tensor:
        return rate * data @ from_ends.T

    def forcing(times: Tensor, modes: Tensor) -> Tensor:
        assert nonlinearity is not None
        data = end_data(times)
        known = data[..., prescribed] / levels
        u = modes @ to_values.T
        u = torch.cat((known[..., : grid.free.start], u, known[..., grid.free.start :]), -1)
        u_x = u @ derivative[grid.free].T
        return driven(data) + lasting.length * nonlinearity(u[..., grid.free], u_x / along.length) @ to_modes.T

    initial = start(nodes[grid.free]).double() @ to_modes.T
    rates = rate * grid.squares.to(points.device)
    boundaries = slab_boundaries(1.0, slabs, graded=4)
    if nonlinearity is None:
        trajectory = integrate_driven(rates, lambda times: driven(end_data(times)), initial, boundaries, order=order)
    else:
        trajectory = integrate(rates, forcing, initial, boundaries, order=order, tolerance=tolerance)
    x, t = along.unscale(points[:, 0].double()), lasting.unscale(points[:, 1].double())
    matrix = interpolation_matrix(nodes, x)
    known = end_data(t)[..., prescribed] / levels
    return trajectory.project(t, matrix[:, grid.free] @ to_values) + (known * matrix[:, places]).sum(-1)
