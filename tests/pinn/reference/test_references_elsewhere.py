"""References on other intervals, rectangles and time spans than [0, 1]: exact solutions there, and orders of convergence."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pinndd.pinn.reference import (
    heat_on_square,
    helmholtz_on_square,
    laplace_on_square,
    solve_cavity,
    solve_dirichlet,
    solve_dispersive,
    solve_interval,
    solve_periodic,
    vibrating_beam,
    vibrating_string,
)

A, B, T0, T1 = -1.0, 3.0, 2.0, 5.0
L, T = B - A, T1 - T0
RANGES: dict[str, Any] = {"interval": (A, B), "times": (T0, T1)}
RECTANGLE = ((A, T0), (B, T1))

Exact = Callable[..., Tensor]


def points(*ranges: tuple[float, float], count: int = 100) -> Tensor:
    unit = torch.rand((count, len(ranges)), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    low, high = (torch.tensor(ends, dtype=torch.float64) for ends in zip(*ranges, strict=True))
    return low + (high - low) * unit


def at_x(exact: Exact, x: float) -> Callable[[Tensor], Tensor]:
    """Values at one end over the local coordinate in time, a batch of one."""
    return lambda s: exact(torch.full_like(s, x), T0 + T * s)[None]


def at_start(exact: Exact) -> Callable[[Tensor], Tensor]:
    return lambda s: exact(A + L * s, torch.full_like(s, T0))[None]


PLACES = points((A, B), (T0, T1))


def error(u: Tensor, exact: Exact) -> float:
    return float((u[0] - exact(*PLACES.unbind(-1))).abs().max())


def warm(x: Tensor, t: Tensor) -> Tensor:
    """``u_t = 0.3 u_xx``."""
    return (-0.3 * 1.5**2 * t).exp() * (1.5 * x).cos() + x**2 + 0.6 * t


def test_heat_between_two_ends() -> None:
    u = solve_dirichlet(at_x(warm, A), at_x(warm, B), at_start(warm), PLACES, diffusivity=0.3, degree=32, slabs=16, **RANGES)
    assert error(u, warm) < 1e-9


@pytest.mark.parametrize("ends", [((0.0, 1.0), (0.0, 1.0)), ((1.0, 0.2), (1.0, 0.0)), ((2.0, 0.5), (0.7, 1.3))])
def test_slopes_and_robin_ends(ends: Any) -> None:
    def slope(x: Tensor, t: Tensor) -> Tensor:
        return -1.5 * (-0.3 * 1.5**2 * t).exp() * (1.5 * x).sin() + 2 * x

    (a, b), (c, d) = ends

    def left(x: Tensor, t: Tensor) -> Tensor:
        return a * warm(x, t) - b * slope(x, t)

    def right(x: Tensor, t: Tensor) -> Tensor:
        return c * warm(x, t) + d * slope(x, t)

    settings: dict[str, Any] = {"diffusivity": 0.3, "ends": ends, "degree": 32, "slabs": 16, **RANGES}
    assert error(solve_interval(at_x(left, A), at_x(right, B), at_start(warm), PLACES, **settings), warm) < 1e-8


def burgers_front(x: Tensor, t: Tensor) -> Tensor:
    """A travelling front of ``u_t + u u_x = 0.2 u_xx`` with speed 0.4."""
    return 0.4 - 0.8 * torch.tanh(0.8 * (x - 0.4 * (t - T0) - 0.5) / (2 * 0.2))


def test_burgers_front_and_the_order_in_time() -> None:
    def convect(u: Tensor, u_x: Tensor) -> Tensor:
        return -u * u_x

    errors = []
    for slabs in (16, 32, 64):
        u = solve_dirichlet(
            at_x(burgers_front, A), at_x(burgers_front, B), at_start(burgers_front), PLACES,
            diffusivity=0.2, nonlinearity=convect, degree=80, slabs=slabs, order=2, **RANGES,
        )  # fmt: skip
        errors.append(error(u, burgers_front))
    assert errors[2] < 1e-3
    assert math.log2(errors[1] / errors[2]) > 1.6


def test_a_wave_of_fisher_type_on_a_ring() -> None:
    """Without diffusion ``u_t = u - u²`` is solved point by point."""

    def logistic(x: Tensor, t: Tensor) -> Tensor:
        start = 0.5 + 0.2 * (2 * math.pi * (x - A) / L).sin()
        grown = start * (t - T0).exp()
        return grown / (1 - start + grown)

    u = solve_periodic(
        at_start(logistic), PLACES, diffusivity=0.0, nonlinearity=lambda u: u - u**2, modes=40, slabs=24, **RANGES
    )
    assert error(u, logistic) < 1e-7


def test_heat_on_a_ring() -> None:
    wave = 2 * math.pi / L

    def mode(x: Tensor, t: Tensor) -> Tensor:
        return (-0.3 * wave**2 * (t - T0)).exp() * (wave * (x - A)).cos()

    u = solve_periodic(at_start(mode), PLACES, diffusivity=0.3, nonlinearity=torch.zeros_like, modes=8, slabs=4, **RANGES)
    assert error(u, mode) < 1e-10


def test_a_soliton_on_a_ring() -> None:
    """``u_t + 6 u u_x + u_xxx = 0`` has the soliton ``c / 2 sech²(√c (x - c t) / 2)``."""
    ends, times, speed = (-12.0, 13.0), (2.0, 4.0), 2.0

    def soliton(x: Tensor, t: Tensor) -> Tensor:
        return speed / 2 / torch.cosh(math.sqrt(speed) / 2 * (x + 3 - speed * (t - 2))) ** 2

    places = points(ends, times)
    u = solve_dispersive(
        lambda s: soliton(ends[0] + 25 * s, torch.full_like(s, 2.0))[None], places,
        symbol=lambda k: 1j * k**3, nonlinearity=lambda u: -3 * u**2, multiplier=lambda k: 1j * k,
        interval=ends, times=times, modes=63, slabs=64,
    ).real  # fmt: skip
    assert float((u[0] - soliton(*places.unbind(-1))).abs().max()) < 1e-4


def test_a_string() -> None:
    wave, speed = 3 * math.pi / L, 0.7

    def exact(x: Tensor, t: Tensor) -> Tensor:
        phase = speed * wave * (t - T0)
        return (wave * (x - A)).sin() * (phase.cos() + 0.5 * phase.sin())

    def velocity(s: Tensor) -> Tensor:
        return (0.5 * speed * wave * (wave * L * s).sin())[None]

    assert error(vibrating_string(at_start(exact), velocity, PLACES, speed=speed, modes=16, **RANGES), exact) < 1e-10


def test_a_beam_that_is_bent_at_its_ends() -> None:
    """A mode of the supported beam on top of a cubic at rest, which a constant bending holds."""
    wave, stiffness = 2 * math.pi / L, 0.3
    omega = math.sqrt(stiffness) * wave**2

    def exact(x: Tensor, t: Tensor) -> Tensor:
        y = x - A
        cubic = 0.4 * (-L * y / 3 + y**2 / 2 - y**3 / (6 * L)) + 0.1 * (y**3 / (6 * L) - L * y / 6)
        return (wave * y).sin() * ((omega * (t - T0)).cos() + (omega * (t - T0)).sin()) + cubic

    def velocity(s: Tensor) -> Tensor:
        return (omega * (wave * L * s).sin())[None]

    bending = tuple((lambda s, c=c: torch.full_like(s, c)[None]) for c in (0.4, 0.1))
    assert error(vibrating_beam(at_start(exact), velocity, bending, PLACES, stiffness=stiffness, **RANGES), exact) < 1e-6


def on_edges(exact: Exact) -> dict[str, Callable[[Tensor], Tensor]]:
    """A function of x and y as values on the edges of [A, B] x [T0, T1]."""
    return {
        "left": at_x(exact, A),
        "right": at_x(exact, B),
        "bottom": at_start(exact),
        "top": lambda s: exact(A + L * s, torch.full_like(s, T1))[None],
    }


def test_laplace_on_a_rectangle() -> None:
    def harmonic(x: Tensor, y: Tensor) -> Tensor:
        return (0.5 * x).exp() * (0.5 * y).cos() + x * y + x**2 - y**2

    errors = [error(laplace_on_square(on_edges(harmonic), PLACES, rectangle=RECTANGLE, modes=m), harmonic) for m in (128, 512)]
    assert errors[1] < 1e-4
    assert errors[1] < errors[0] / 4


@pytest.mark.parametrize("wave_number", [0.4, 2.5])
def test_helmholtz_on_a_rectangle(wave_number: float) -> None:
    def plane(x: Tensor, y: Tensor) -> Tensor:
        return (wave_number * (0.6 * x + 0.8 * y)).sin()

    u = helmholtz_on_square(on_edges(plane), PLACES, wave_number=wave_number, rectangle=RECTANGLE, modes=512)
    assert error(u, plane) < 1e-4


def test_a_resonance_of_a_rectangle_is_refused() -> None:
    own = math.pi * math.hypot(1 / 4, 2 / 3)
    with pytest.raises(ValueError, match=r"the 4 by 3 rectangle resonates at π √\(\(1 / 4\)² \+ \(2 / 3\)²\) = 2.236"):
        helmholtz_on_square(on_edges(lambda x, y: x), PLACES, wave_number=own, rectangle=RECTANGLE)


def test_heat_on_a_rectangle() -> None:
    """``u_t = 0.2 Δu`` with different waves along the two sides."""
    times = (1.0, 3.0)

    def exact(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return (-0.2 * (1 + 0.49) * t).exp() * x.sin() * (0.7 * y).cos() + x - 2 * y

    def at(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return exact(x, y, t)[None]

    def over(s: Tensor) -> tuple[Tensor, Tensor]:
        return s[:, 0], 1 + 2 * s[:, 1]

    edges = {
        "left": lambda s: at(torch.full_like(s[:, 0], A), T0 + T * over(s)[0], over(s)[1]),
        "right": lambda s: at(torch.full_like(s[:, 0], B), T0 + T * over(s)[0], over(s)[1]),
        "bottom": lambda s: at(A + L * over(s)[0], torch.full_like(s[:, 0], T0), over(s)[1]),
        "top": lambda s: at(A + L * over(s)[0], torch.full_like(s[:, 0], T1), over(s)[1]),
    }
    places = points((A, B), (T0, T1), times)
    u = heat_on_square(
        edges, lambda s: at(A + L * s[:, 0], T0 + T * s[:, 1], torch.ones_like(s[:, 0])), places,
        diffusivity=0.2, rectangle=RECTANGLE, times=times, degree=20, slabs=12,
    )  # fmt: skip
    assert float((u[0] - exact(*places.unbind(-1))).abs().max()) < 1e-8


def test_a_cavity_of_any_size() -> None:
    """Lengths and the viscosity scaled alike leave velocities and pressure as they are."""

    def lid(s: Tensor) -> Tensor:
        return (16 * s**2 * (1 - s) ** 2)[None]

    unit = points((0, 1), (0, 1), count=20)
    wanted = solve_cavity(lid, unit, viscosity=0.02, degree=12)
    corner = torch.tensor([3.0, -2.0], dtype=torch.float64)
    found = solve_cavity(lid, corner + 5 * unit, viscosity=0.1, corner=(3.0, -2.0), side=5.0, degree=12)
    torch.testing.assert_close(found, wanted, atol=1e-10, rtol=0)
    with pytest.raises(ValueError, match="side=0: expected a positive number"):
        solve_cavity(lid, unit, viscosity=0.1, side=0)


@pytest.mark.parametrize("interval", [(1.0, 0.0), (2.0, 2.0), (0.0, math.nan)])
def test_ranges_that_hold_nothing(interval: tuple[float, float]) -> None:
    def call(**ranges: Any) -> Tensor:
        return solve_dirichlet(at_x(warm, A), at_x(warm, B), at_start(warm), PLACES, diffusivity=0.3, **ranges)

    with pytest.raises(ValueError, match=r"interval=\(.*\): expected two finite numbers, the lower one first"):
        call(interval=interval)
    with pytest.raises(ValueError, match=r"times=\(.*\): expected two finite numbers, the lower one first"):
        call(times=interval)
    with pytest.raises(ValueError, match="rectangle, along y="):
        laplace_on_square({}, PLACES, rectangle=((0.0, interval[0]), (1.0, interval[1])))
