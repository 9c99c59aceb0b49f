"""Evolution on a periodic interval: Allen-Cahn and other semilinear equations."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pinndd.pinn.reference.exponential import integrate, slab_boundaries
from pinndd.pinn.reference.scaling import UNIT, Axis, Interval


def real_fourier(x: Tensor, modes: int) -> Tensor:
    """Evaluate the orthonormal ``1, √2 cos 2πkx, √2 sin 2πkx`` for k = 1 … modes: ``(N,)`` to ``(N, 2 modes + 1)``."""
    phase = 2 * math.pi * x[:, None] * torch.arange(1, modes + 1, dtype=x.dtype, device=x.device)
    return torch.cat((torch.ones_like(x[:, None]), math.sqrt(2) * phase.cos(), math.sqrt(2) * phase.sin()), -1)


def solve_periodic(
    start: Callable[[Tensor], Tensor],
    points: Tensor,
    *,
    diffusivity: float,
    nonlinearity: Callable[[Tensor], Tensor],
    interval: Interval = UNIT,
    times: Interval = UNIT,
    modes: int = 48,
    slabs: int = 32,
    order: int = 6,
    tolerance: float = 1e-10,
) -> Tensor:
    """Solve ``u_t = diffusivity · u_xx + N(u)`` on an interval whose ends are one, with the start given.

    Fourier collocation in x, exponential collocation in t: spectral in ``modes``, of order ``order`` in the length of
    the slabs.

    Args:
        start: initial values: ``(N,)`` in [0, 1], along ``interval``, to ``(B, N)``.
        points: ``(Q, 2)``, x and t, float64.
        diffusivity: not negative.
        nonlinearity: N, applied pointwise.
        interval, times: ranges of x and t.
        modes: number of wave numbers.
        slabs, order, tolerance: of the time integration.

    Returns:
        Tensor of shape ``(B, Q)``, float64.

    Raises:
        ArithmeticError: the nonlinear iteration does not converge.
        ValueError: a range is reversed, empty or not finite.
    """
    along, lasting = Axis("interval", interval), Axis("times", times)
    count = 2 * modes + 1
    grid = torch.arange(count, dtype=torch.float64, device=points.device) / count
    basis = real_fourier(grid, modes)
    k = torch.arange(1, modes + 1, dtype=torch.float64, device=points.device)
    rates = diffusivity * lasting.length / along.length**2 * (2 * math.pi * torch.cat((k.new_zeros(1), k, k))) ** 2

    def forcing(_: Tensor, state: Tensor) -> Tensor:
        return lasting.length * nonlinearity(state @ basis.T) @ basis / count

    initial = start(grid).double() @ basis / count
    trajectory = integrate(rates, forcing, initial, slab_boundaries(1.0, slabs), order=order, tolerance=tolerance)
    x, t = along.unscale(points[:, 0].double()), lasting.unscale(points[:, 1].double())
    return trajectory.project(t, real_fourier(x, modes))
