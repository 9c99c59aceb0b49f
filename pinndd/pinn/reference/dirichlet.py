"""Evolution on an interval whose two ends follow prescribed values: heat, reaction-diffusion, Burgers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from pinndd.pinn.reference.exponential import integrate, slab_boundaries
from pinndd.pinn.reference.interpolation import differentiation_matrix, gauss_lobatto, interpolation_matrix

Nonlinearity = Callable[[Tensor, Tensor], Tensor]
"""``(u, u_x) -> N(u, u_x)``, all of the same shape."""


@dataclass(frozen=True)
class Collocation:
    """Legendre collocation on [0, 1] with the second derivative diagonalised under zero ends.

    At Gauss-Lobatto nodes the collocated second derivative is symmetric in the inner product of the quadrature, so its
    eigenvectors are orthonormal there and the change of basis loses no digits.

    Attributes:
        nodes: ``(n + 1,)``, both ends included.
        derivative: ``(n + 1, n + 1)``, differentiates values at the nodes.
        squares: ``(n - 1,)``, eigenvalues of ``-d²/dx²``; close to ``(kπ)²`` for the lower ones.
        to_values: ``(n - 1, n - 1)``, from eigencoordinates to values at the inner nodes.
        to_modes: its inverse.
        ends: ``(n - 1, 2)``, what values at the two ends add to the second derivative, in eigencoordinates.
    """

    nodes: Tensor
    derivative: Tensor
    squares: Tensor
    to_values: Tensor
    to_modes: Tensor
    ends: Tensor


@lru_cache(maxsize=8)
def collocation(degree: int) -> Collocation:
    """Return the collocation with polynomials of ``degree``, float64, on the CPU (Canuto et al., Spectral Methods, 2006)."""
    # cached: tensors made in inference mode would later refuse to be differentiated through
    with torch.inference_mode(False):
        nodes, weights = gauss_lobatto(degree)
        derivative = differentiation_matrix(nodes)
        second = derivative @ derivative
        root = weights[1:-1].sqrt()
        symmetric = -root[:, None] * second[1:-1, 1:-1] / root
        squares, vectors = torch.linalg.eigh((symmetric + symmetric.T) / 2)
        to_modes = vectors.T * root
        return Collocation(
            nodes, derivative, squares, vectors / root[:, None], to_modes, to_modes @ second[1:-1][:, [0, -1]]
        )


def solve_dirichlet(
    left: Callable[[Tensor], Tensor],
    right: Callable[[Tensor], Tensor],
    start: Callable[[Tensor], Tensor],
    points: Tensor,
    *,
    diffusivity: float,
    nonlinearity: Nonlinearity | None = None,
    degree: int = 96,
    slabs: int = 64,
    order: int = 8,
    tolerance: float = 1e-10,
) -> Tensor:
    """Solve ``u_t = diffusivity · u_xx + N(u, u_x)`` on x, t in [0, 1] with ``u(0, t)``, ``u(1, t)`` and ``u(x, 0)`` given.

    Legendre collocation in x, exponential collocation in t: the error falls faster than any power of ``1 / degree`` for
    smooth solutions, and with the power ``order`` of the length of the slabs. End values may jump where slabs meet.

    Args:
        left, right, start: end and initial values: ``(N,)`` in [0, 1] to ``(B, N)``.
        points: ``(Q, 2)``, x and t, float64.
        diffusivity: positive.
        nonlinearity: N; None for the heat equation.
        degree: of the polynomials in x.
        slabs: number of time slabs (the first is cut finer, for data that meet without matching derivatives).
        order: nodes a slab.
        tolerance: of the fixed-point iteration on each slab.

    Returns:
        Tensor of shape ``(B, Q)``, float64.

    Raises:
        ArithmeticError: the nonlinear iteration does not converge.
    """
    grid = collocation(degree)
    nodes, derivative, to_values, to_modes, ends = (
        v.to(points.device) for v in (grid.nodes, grid.derivative, grid.to_values, grid.to_modes, grid.ends)
    )

    def end_values(times: Tensor) -> Tensor:
        return torch.stack((left(times), right(times)), -1).double()

    def forcing(times: Tensor, modes: Tensor) -> Tensor:
        outer = end_values(times)
        total = diffusivity * outer @ ends.T
        if nonlinearity is None:
            return total
        u = torch.cat((outer[..., :1], modes @ to_values.T, outer[..., 1:]), -1)
        return total + nonlinearity(u[..., 1:-1], u @ derivative[1:-1].T) @ to_modes.T

    initial = start(nodes[1:-1]).double() @ to_modes.T
    rates = diffusivity * grid.squares.to(points.device)
    trajectory = integrate(rates, forcing, initial, slab_boundaries(1.0, slabs, graded=4), order=order, tolerance=tolerance)
    x, t = points.double().unbind(-1)
    matrix = interpolation_matrix(nodes, x)
    outer = end_values(t) * matrix[:, [0, -1]]
    return trajectory.project(t, matrix[:, 1:-1] @ to_values) + outer.sum(-1)
