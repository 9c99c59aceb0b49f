"""Vibrations between two supports, mode by mode: a string and a beam."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pinndd.pinn.reference.exponential import integrate, slab_boundaries
from pinndd.pinn.reference.interpolation import wave_numbers
from pinndd.pinn.reference.series import sine_coefficients

Function = Callable[[Tensor], Tensor]
"""A batch of functions on [0, 1]: ``(N,)`` to ``(B, N)``."""


def vibrating_string(
    displacement: Function, velocity: Function, points: Tensor, *, speed: float, modes: int = 128
) -> Tensor:
    """Solve ``u_tt = speed² u_xx`` with ``u(0, t) = u(1, t) = 0``, given ``u(x, 0)`` and ``u_t(x, 0)``.

    Bernoulli's series ``Σ_k (a_k cos ω_k t + b_k / ω_k sin ω_k t) sin kπx`` with ``ω_k = kπ speed``; a_k and b_k are the
    sine coefficients of the two initial functions.

    Args:
        displacement, velocity: u and u_t at t = 0, zero at both ends.
        points: ``(Q, 2)``, x and t, float64.
        speed: of the waves.
        modes: number of terms.

    Returns:
        Tensor of shape ``(B, Q)``, float64.
    """
    x, t = points.double().unbind(-1)
    wave = wave_numbers(modes).to(points.device)
    shapes, phase = (x[:, None] * wave).sin(), t[:, None] * (speed * wave)
    a, b = (sine_coefficients(f, modes).to(points.device) for f in (displacement, velocity))
    return a @ (shapes * phase.cos()).T + (b / (speed * wave)) @ (shapes * phase.sin()).T


def vibrating_beam(
    displacement: Function,
    velocity: Function,
    bending: tuple[Function, Function],
    points: Tensor,
    *,
    stiffness: float,
    modes: int = 48,
    slabs: int = 32,
    order: int = 6,
) -> Tensor:
    """Solve ``u_tt + stiffness · u_xxxx = 0`` for t in [0, 1] between supports that hold ``u = 0`` and bend the ends.

    Expansion in the modes sin kπx of the supported beam. With ``u_xx = bending`` at the ends, every mode is an oscillator
    ``p'' + ω² p = ω² ℓ(t)`` with ``ω = √stiffness (kπ)²`` driven by the sine coefficient ℓ of the beam at rest under that
    bending, a cubic in x; Duhamel's integral is done by exponential collocation, exactly for polynomial data (Meirovitch,
    Fundamentals of Vibrations, 2001, chapter 8). The cubic itself is added in closed form, so the series converges fast.

    Args:
        displacement, velocity: u and u_t at t = 0.
        bending: u_xx at x = 0 and at x = 1, functions of t.
        points: ``(Q, 2)``, x and t, float64.
        stiffness: flexural stiffness over mass per length, positive.
        modes: number of modes.
        slabs, order: of the time integration.

    Returns:
        Tensor of shape ``(B, Q)``, float64.
    """
    x, t = points.double().unbind(-1)
    wave = wave_numbers(modes).to(points.device)
    omega = math.sqrt(stiffness) * wave**2
    signs = 1 - 2 * (torch.arange(1, modes + 1, device=points.device) % 2).double()
    # 2 ∫ (resting cubic) sin kπx dx, for unit bending at the left and at the right end
    resting = torch.stack((torch.ones_like(wave), -signs), -1) * (-2 / wave**3)[:, None]

    def bent(times: Tensor) -> Tensor:
        return torch.stack([side(times).double() for side in bending], -1)

    def forcing(times: Tensor, _: Tensor) -> Tensor:
        return (omega**2 * (bent(times) @ resting.T)).to(torch.complex128)

    # y = p' + iω p turns every oscillator into y' = iω y + ω² ℓ
    a, b = (sine_coefficients(f, modes).to(points.device) for f in (displacement, velocity))
    trajectory = integrate(-1j * omega, forcing, torch.complex(b, omega * a), slab_boundaries(1.0, slabs), order=order)
    shapes = (x[:, None] * wave).sin()
    vibrating = trajectory.project(t, (shapes / omega).to(torch.complex128)).imag
    cubics = torch.stack((-x / 3 + x**2 / 2 - x**3 / 6, (x**3 - x) / 6), -1)
    return vibrating + (bent(t) * (cubics - shapes @ resting)).sum(-1)
