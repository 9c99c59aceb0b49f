"""Exact series solutions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pinndd.pinn.reference.interpolation import composite_gauss_legendre, wave_numbers


def sine_coefficients(function: Callable[[Tensor], Tensor], modes: int) -> Tensor:
    """Return ``2 ∫_0^1 function(s) sin(kπs) ds`` for k = 1 … modes, ``(B, modes)``, by composite Gauss quadrature."""
    # the shortest wave of the highest mode spans at least 4 of these nodes a half wave
    nodes, weights = composite_gauss_legendre(max(16, modes // 4), 16)
    waves = (nodes[:, None] * wave_numbers(modes)).sin() * (2 * weights[:, None])
    return function(nodes).double() @ waves


def laplace_on_square(edges: Mapping[str, Callable[[Tensor], Tensor]], points: Tensor, *, modes: int = 256) -> Tensor:
    """Solve Laplace's equation on the unit square by separation of variables.

    An edge with values ``Σ_k b_k sin(kπs)`` contributes ``Σ_k b_k sin(kπs) sinh(kπ(1 - d)) / sinh(kπ)``, d being the
    distance from that edge. The sine series is that of the edge values minus the straight line between their ends; the
    lines themselves belong to a bilinear function, which is harmonic. So edges need not vanish at the corners, but must
    agree there.

    Args:
        edges: values of ``"left"``, ``"right"`` (along y), ``"bottom"`` and ``"top"`` (along x): ``(N,)`` to ``(B, N)``.
        points: ``(Q, 2)``, x and y, float64.
        modes: number of terms an edge.

    Returns:
        Tensor of shape ``(B, Q)``, float64.
    """
    x, y = points.double().unbind(-1)
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64, device=points.device)
    bottom, top = edges["bottom"](ends).double(), edges["top"](ends).double()
    u = (1 - y) * _line(bottom, x) + y * _line(top, x)
    distances = {"left": (x, y), "right": (1 - x, y), "bottom": (y, x), "top": (1 - y, x)}
    wave = wave_numbers(modes).to(points.device)
    for name, (distance, along) in distances.items():
        values = edges[name](ends).double()

        def bent(s: Tensor, name: str = name, values: Tensor = values) -> Tensor:
            return edges[name](s).double() - _line(values, s)

        # sinh(a (1 - d)) / sinh(a) without overflow
        decay = (-distance[:, None] * wave).exp() * (-2 * (1 - distance[:, None]) * wave).expm1() / (-2 * wave).expm1()
        u = u + sine_coefficients(bent, modes).to(points.device) @ ((along[:, None] * wave).sin() * decay).T
    return u


def _line(ends: Tensor, s: Tensor) -> Tensor:
    """Straight line between end values ``(B, 2)``, at ``s`` ``(N,)``."""
    return ends[:, :1] * (1 - s) + ends[:, 1:] * s
