"""Evolution on an interval whose two ends follow prescribed values: heat, reaction-diffusion, Burgers."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from pinndd.pinn.reference.interval import Nonlinearity, collocation, solve_interval
from pinndd.pinn.reference.scaling import UNIT, Interval

__all__ = ["Nonlinearity", "collocation", "solve_dirichlet"]


def solve_dirichlet(
    left: Callable[[Tensor], Tensor],
    right: Callable[[Tensor], Tensor],
    start: Callable[[Tensor], Tensor],
    points: Tensor,
    *,
    diffusivity: float,
    interval: Interval = UNIT,
    times: Interval = UNIT,
    nonlinearity: Nonlinearity | None = None,
    degree: int = 96,
    slabs: int = 64,
    order: int = 8,
    tolerance: float = 1e-10,
) -> Tensor:
    """Solve ``u_t = diffusivity · u_xx + N(u, u_x)`` on an interval with the values of u at both ends and at the start given.

    Args:
        left, right, start: end and initial values: ``(N,)`` in [0, 1], along ``times`` and ``interval``, to ``(B, N)``.
        points: ``(Q, 2)``, x and t, float64.
        diffusivity, interval, times, nonlinearity, degree, slabs, order, tolerance: as in `solve_interval`.

    Returns:
        Tensor of shape ``(B, Q)``, float64.

    Raises:
        ArithmeticError: the nonlinear iteration does not converge.
        ValueError: a range is reversed, empty or not finite.
    """
    return solve_interval(
        left,
        right,
        start,
        points,
        diffusivity=diffusivity,
        interval=interval,
        times=times,
        nonlinearity=nonlinearity,
        degree=degree,
        slabs=slabs,
        order=order,
        tolerance=tolerance,
    )
