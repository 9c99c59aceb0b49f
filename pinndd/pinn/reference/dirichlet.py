"""Evolution on an interval whose two ends follow prescribed values: heat, reaction-diffusion, Burgers."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from pinndd.pinn.reference.interval import Nonlinearity, collocation, solve_interval

__all__ = ["Nonlinearity", "collocation", "solve_dirichlet"]


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

    Args:
        left, right, start: end and initial values: ``(N,)`` in [0, 1] to ``(B, N)``.
        points: ``(Q, 2)``, x and t, float64.
        diffusivity, nonlinearity, degree, slabs, order, tolerance: as in `solve_interval`.

    Returns:
        Tensor of shape ``(B, Q)``, float64.

    Raises:
        ArithmeticError: the nonlinear iteration does not converge.
    """
    return solve_interval(
        left,
        right,
        start,
        points,
        diffusivity=diffusivity,
        nonlinearity=nonlinearity,
        degree=degree,
        slabs=slabs,
        order=order,
        tolerance=tolerance,
    )
