"""Exact series solutions on a rectangle."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pinndd.pinn.reference.interpolation import composite_gauss_legendre, wave_numbers
from pinndd.pinn.reference.scaling import Axis

_RESONANCE = 1e-6

Rectangle = tuple[tuple[float, float], tuple[float, float]]
"""Lower and upper corner."""

UNIT_SQUARE: Rectangle = ((0.0, 0.0), (1.0, 1.0))


def axes_of(rectangle: Rectangle) -> tuple[Axis, Axis]:
    """Return the ranges of x and y.

    Raises:
        ValueError: one is reversed, empty or not finite.
    """
    (x0, y0), (x1, y1) = rectangle
    return Axis("rectangle, along x", (x0, x1)), Axis("rectangle, along y", (y0, y1))


def sine_coefficients(function: Callable[[Tensor], Tensor], modes: int) -> Tensor:
    """Return ``2 ∫_0^1 function(s) sin(kπs) ds`` for k = 1 … modes, ``(B, modes)``, by composite Gauss quadrature."""
    # the shortest wave of the highest mode spans at least 4 of these nodes per half wave
    nodes, weights = composite_gauss_legendre(max(16, modes // 4), 16)
    waves = (nodes[:, None] * wave_numbers(modes)).sin() * (2 * weights[:, None])
    return function(nodes).double() @ waves


def laplace_on_square(
    edges: Mapping[str, Callable[[Tensor], Tensor]], points: Tensor, *, rectangle: Rectangle = UNIT_SQUARE, modes: int = 256
) -> Tensor:
    """Solve Laplace's equation on a rectangle by separation of variables; see `helmholtz_on_square`."""
    return helmholtz_on_square(edges, points, wave_number=0.0, rectangle=rectangle, modes=modes)


def helmholtz_on_square(
    edges: Mapping[str, Callable[[Tensor], Tensor]],
    points: Tensor,
    *,
    wave_number: float,
    rectangle: Rectangle = UNIT_SQUARE,
    modes: int = 256,
) -> Tensor:
    """Solve ``u_xx + u_yy + wave_number² u = 0`` on a rectangle by separation of variables.

    With x and y scaled to [0, 1], p and q the sides along and across an edge, its values ``Σ_k b_k sin(kπs)`` contribute ``Σ_k b_k
    sin(kπs) sinh(c_k (1 - d)) / sinh(c_k)``, where d is the distance from that edge and ``c_k² = q² ((kπ / p)² - wave_number²)``;
    a negative square turns sinh into sin. The sine series is that of the edge values minus a line between their ends, and the
    lines belong to a product of ``sin(a x) / sin(a)`` and its like with ``a² (p⁻² + q⁻²) = wave_number²``, which solves the
    equation (a bilinear function for Laplace's). So edges need not vanish at the corners, but must agree there.

    Args:
        edges: values of ``"left"``, ``"right"`` (along y), ``"bottom"`` and ``"top"`` (along x): ``(N,)`` in [0, 1] to
            ``(B, N)``.
        points: ``(Q, 2)``, x and y, float64.
        wave_number: not negative; its square must not be ``((j / p)² + (k / q)²) π²``, where the rectangle resonates.
        rectangle: lower and upper corner, as DeepXDE takes them.
        modes: number of terms per edge.

    Returns:
        Tensor of shape ``(B, Q)``, float64.

    Raises:
        ValueError: the rectangle resonates at this wave number, or a side is reversed, empty or not finite.
    """
    horizontal, vertical = axes_of(rectangle)
    x, y = horizontal.unscale(points[:, 0].double()), vertical.unscale(points[:, 1].double())
    slope = wave_number / math.sqrt(1 / horizontal.length**2 + 1 / vertical.length**2)
    _refuse_resonance(wave_number, horizontal.length, vertical.length)

    def line(values: Tensor, s: Tensor) -> Tensor:
        """The function of s whose products solve the equation, with end values ``(B, 2)``."""
        return values[:, :1] * _decay(s, slope) + values[:, 1:] * _decay(1 - s, slope)

    ends = torch.tensor([0.0, 1.0], dtype=torch.float64, device=points.device)
    bottom, top = edges["bottom"](ends).double(), edges["top"](ends).double()
    u = _decay(y, slope) * line(bottom, x) + _decay(1 - y, slope) * line(top, x)
    wave = wave_numbers(modes).to(points.device)
    for name, (distance, along) in {"left": (x, y), "right": (1 - x, y), "bottom": (y, x), "top": (1 - y, x)}.items():
        values = edges[name](ends).double()

        def bent(s: Tensor, name: str = name, values: Tensor = values) -> Tensor:
            return edges[name](s).double() - line(values, s)

        beside, across = (vertical, horizontal) if name in ("left", "right") else (horizontal, vertical)
        squares = across.length**2 * ((wave / beside.length) ** 2 - wave_number**2)
        profile = (along[:, None] * wave).sin() * _ratio(distance[:, None], squares)
        u = u + sine_coefficients(bent, modes).to(points.device) @ profile.T
    return u


def _refuse_resonance(wave_number: float, width: float, height: float) -> None:
    for j in range(1, int(wave_number * width / math.pi) + 2):
        for k in range(1, int(wave_number * height / math.pi) + 2):
            own = math.pi * math.hypot(j / width, k / height)
            if abs(own - wave_number) < _RESONANCE * own:
                where = "unit square" if width == height == 1 else f"{width:g} by {height:g} rectangle"
                terms = f"√({j}² + {k}²)" if width == height == 1 else f"√(({j} / {width:g})² + ({k} / {height:g})²)"
                raise ValueError(
                    f"wave_number={wave_number}: the {where} resonates at π {terms} = {own:.7g}, so there is no "
                    "unique solution; choose a number between two resonances"
                )


def _decay(s: Tensor, slope: float) -> Tensor:
    """Return ``sin(slope (1 - s)) / sin(slope)``, and ``1 - s`` for slope 0."""
    return 1 - s if slope == 0 else (slope * (1 - s)).sin() / math.sin(slope)


def _ratio(distance: Tensor, squares: Tensor) -> Tensor:
    """Return ``sinh(c (1 - d)) / sinh(c)`` with ``c² = squares``, without overflow; sin in place of sinh where c² < 0."""
    c = squares.abs().sqrt().clamp_min(1e-8)
    rising = (-distance * c).exp() * (-2 * (1 - distance) * c).expm1() / (-2 * c).expm1()
    return torch.where(squares < 0, ((1 - distance) * c).sin() / c.sin(), rising)
