"""Vibrations between two supports, mode by mode: a string and a beam."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pinndd.pinn.reference.exponential import integrate_driven, slab_boundaries
from pinndd.pinn.reference.interpolation import wave_numbers
from pinndd.pinn.reference.scaling import UNIT, Axis, Interval
from pinndd.pinn.reference.series import sine_coefficients

Function = Callable[[Tensor], Tensor]
"""A batch of functions on [0, 1]: ``(N,)`` to ``(B, N)``."""


def vibrating_string(
    displacement: Function,
    velocity: Function,
    points: Tensor,
    *,
    speed: float,
    interval: Interval = UNIT,
    times: Interval = UNIT,
    modes: int = 128,
) -> Tensor:
    """Solve ``u_tt = speed² u_xx`` between ends that hold ``u = 0``, given u and u_t at the start.

    Bernoulli's series ``Σ_k (a_k cos ω_k t + b_k / ω_k sin ω_k t) sin kπx`` with ``ω_k = kπ speed``, on [0, 1]; a_k and b_k are
    the sine coefficients of the two initial functions.

    Args:
        displacement, velocity: u and u_t at the start, over [0, 1] along ``interval``, zero at both ends.
        points: ``(Q, 2)``, x and t, float64.
        speed: of the waves.
        interval, times: ranges of x and t.
        modes: number of terms.

    Returns:
        Tensor of shape ``(B, Q)``, float64.

    Raises:
        ValueError: a range is reversed, empty or not finite.
    """
    along, lasting = Axis("interval", interval), Axis("times", times)
    x, t = along.unscale(points[:, 0].double()), lasting.unscale(points[:, 1].double())
    wave, pace = wave_numbers(modes).to(points.device), speed * lasting.length / along.length
    shapes, phase = (x[:, None] * wave).sin(), t[:, None] * (pace * wave)
    a, b = (sine_coefficients(f, modes).to(points.device) for f in (displacement, velocity))
    return a @ (shapes * phase.cos()).T + (lasting.length * b / (pace * wave)) @ (shapes * phase.sin()).T


def vibrating_beam(
    displacement: Function,
    velocity: Function,
    bending: tuple[Function, Function],
    points: Tensor,
    *,
    stiffness: float,
    interval: Interval = UNIT,
    times: Interval = UNIT,
    modes: int = 48,
    slabs: int = 32,
    order: int = 6,
) -> Tensor:
    """Solve ``u_tt + stiffness · u_xxxx = 0`` between supports that hold ``u = 0`` and bend the ends.

    Expansion in the modes sin kπx of the supported beam. With ``u_xx = bending`` at the ends, every mode is an oscillator
    ``p'' + ω² p = ω² ℓ(t)`` with ``ω = √stiffness (kπ)²`` driven by the sine coefficient ℓ of the beam at rest under that
    bending, a cubic in x; Duhamel's integral is done by exponential collocation, exactly for polynomial data (Meirovitch,
    Fundamentals of Vibrations, 2001, chapter 8). The cubic itself is added in closed form, so the series converges fast.

    Args:
        displacement, velocity: u and u_t at the start, over [0, 1] along ``interval``.
        bending: u_xx at the left and at the right end, over [0, 1] along ``times``.
        points: ``(Q, 2)``, x and t, float64.
        stiffness: flexural stiffness over mass per length, positive.
        interval, times: ranges of x and t.
        modes: number of modes.
        slabs, order: of the time integration.

    Returns:
        Tensor of shape ``(B, Q)``, float64.

    Raises:
        ValueError: a range is reversed, empty or not finite.
    """
    along, lasting = Axis("interval", interval), Axis("times", times)
    x, t = along.unscale(points[:, 0].double()), lasting.unscale(points[:, 1].double())
    wave = wave_numbers(modes).to(points.device)
    omega = math.sqrt(stiffness) * lasting.length / along.length**2 * wave**2
    signs = 1 - 2 * (torch.arange(1, modes + 1, device=points.device) % 2).double()
    # 2 ∫ (resting cubic) sin kπx dx, for unit bending at the left and at the right end
    resting = torch.stack((torch.ones_like(wave), -signs), -1) * (-2 / wave**3)[:, None]

    def bent(times: Tensor) -> Tensor:
        return along.length**2 * torch.stack([side(times).double() for side in bending], -1)

    def forcing(times: Tensor) -> Tensor:
        return (omega**2 * (bent(times) @ resting.T)).to(torch.complex128)

    # y = p' + iω p turns every oscillator into y' = iω y + ω² ℓ
    a, b = (sine_coefficients(f, modes).to(points.device) for f in (displacement, velocity))
    initial = torch.complex(lasting.length * b, omega * a)
    trajectory = integrate_driven(-1j * omega, forcing, initial, slab_boundaries(1.0, slabs), order=order)
    shapes = (x[:, None] * wave).sin()
    vibrating = trajectory.project(t, (shapes / omega).to(torch.complex128)).imag
    cubics = torch.stack((-x / 3 + x**2 / 2 - x**3 / 6, (x**3 - x) / 6), -1)
    return vibrating + (bent(t) * (cubics - shapes @ resting)).sum(-1)
