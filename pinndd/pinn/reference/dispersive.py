"""Dispersive waves on a ring: Korteweg-de Vries, Schrödinger and other equations with a diagonal linear part."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pinndd.pinn.reference.exponential import integrate, slab_boundaries
from pinndd.pinn.reference.scaling import UNIT, Axis, Interval


def solve_dispersive(
    start: Callable[[Tensor], Tensor],
    points: Tensor,
    *,
    symbol: Callable[[Tensor], Tensor],
    nonlinearity: Callable[[Tensor], Tensor],
    multiplier: Callable[[Tensor], Tensor],
    interval: Interval = UNIT,
    times: Interval = UNIT,
    modes: int = 31,
    slabs: int = 32,
    order: int = 5,
    tolerance: float = 1e-8,
) -> Tensor:
    """Solve ``u_t = S u + F N(u)`` on an interval whose ends are one, with the start given.

    S and F are Fourier multipliers, N is pointwise and at most cubic. Fourier pseudo-spectral in x: N is evaluated on a
    grid fine enough that no product of three waves is taken for a lower one (Orszag, 1971,
    doi:10.1175/1520-0469(1971)028<1074:OTEOAI>2.0.CO;2). Exponential collocation in t (Hochbruck and Ostermann, 2005,
    doi:10.1016/j.apnum.2004.08.005), so the frequencies of S, however high, cost no small steps.

    Args:
        start: initial values, real or complex: ``(N,)`` in [0, 1], along ``interval``, to ``(B, N)``.
        points: ``(Q, 2)``, x and t, float64.
        symbol: wave numbers ``(K,)`` to the multiplier of S, real parts not positive.
        nonlinearity: N.
        multiplier: wave numbers ``(K,)`` to the multiplier of F.
        interval, times: ranges of x and t.
        modes: waves number ``-modes … modes`` are kept.
        slabs, order, tolerance: of the time integration.

    Returns:
        Tensor of shape ``(B, Q)``, complex128.

    Raises:
        ArithmeticError: the nonlinear iteration does not converge.
        ValueError: a range is reversed, empty or not finite.
    """
    along, lasting = Axis("interval", interval), Axis("times", times)
    count = 4 * (modes + 1)
    index = torch.cat((torch.arange(modes + 1), torch.arange(-modes, 0))).to(points.device)
    wave = 2 * math.pi / along.length * index.double()
    rates, gain = (lasting.length * f(wave).to(torch.complex128) for f in (lambda k: -symbol(k), multiplier))
    grid = torch.arange(count, dtype=torch.float64, device=points.device) / count

    def transform(values: Tensor) -> Tensor:
        waves: Tensor = torch.fft.fft(values, norm="forward")[..., index]
        return waves

    def forcing(_: Tensor, state: Tensor) -> Tensor:
        gap = state.new_zeros((*state.shape[:-1], count - len(index)))
        padded = torch.cat((state[..., : modes + 1], gap, state[..., modes + 1 :]), -1)
        return gain * transform(nonlinearity(torch.fft.ifft(padded, norm="forward")))

    initial = transform(start(grid).to(torch.complex128))
    trajectory = integrate(rates, forcing, initial, slab_boundaries(1.0, slabs), order=order, tolerance=tolerance)
    x, t = points[:, 0].double() - interval[0], lasting.unscale(points[:, 1].double())
    return trajectory.project(t, (1j * x[:, None] * wave).exp())
