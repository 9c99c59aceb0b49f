"""Laplace's equation on a disk."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def laplace_on_disk(
    circle: Callable[[Tensor], Tensor],
    points: Tensor,
    *,
    center: tuple[float, float] = (0.0, 0.0),
    radius: float = 1.0,
    modes: int = 256,
) -> Tensor:
    """Solve Laplace's equation on a disk whose boundary values are given.

    Poisson's integral as a series: boundary values ``Σ_k c_k exp(2πiks)`` continue inwards as
    ``Σ_k c_k (r / radius)^|k| exp(ikθ)``. The c_k come from a fast Fourier transform of ``4 modes`` samples, so what they
    miss falls faster than any power of ``1 / modes`` for smooth periodic values.

    Args:
        circle: boundary values over ``s = θ / 2π``: ``(N,)`` in [0, 1] to ``(B, N)``, of period 1.
        points: ``(Q, 2)``, float64.
        center, radius: of the disk.
        modes: highest wave number.

    Returns:
        Tensor of shape ``(B, Q)``, float64.
    """
    nodes = torch.arange(4 * modes, dtype=torch.float64, device=points.device) / (4 * modes)
    coefficients = torch.fft.rfft(circle(nodes).double(), norm="forward")[:, : modes + 1]
    x, y = (points.double() - points.new_tensor(center).double()).unbind(-1)
    k = torch.arange(modes + 1, dtype=torch.float64, device=points.device)
    angle = torch.atan2(y, x)[:, None] * k
    size = (torch.hypot(x, y)[:, None] / radius) ** k * torch.where(k > 0, 2.0, 1.0)
    u: Tensor = coefficients.real @ (size * angle.cos()).T - coefficients.imag @ (size * angle.sin()).T
    return u
