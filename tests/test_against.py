"""The reference solutions of the problems in benchmarks/against, beside closed forms and another solver."""

import math
from pathlib import Path

import pytest
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.reference import solve_dirichlet

FOLDER = Path(__file__).parent.parent / "benchmarks" / "against"
UNIT = torch.cartesian_prod(*[torch.linspace(0, 1, 9, dtype=torch.float64)] * 2)
X, T = UNIT.T


@pytest.fixture
def reference(monkeypatch):
    """The solver of a module, with other constants of the module."""

    def make(name, **constants):
        solver = load_pde(FOLDER / f"{name}.py").reference.__wrapped__
        for constant, value in constants.items():
            monkeypatch.setitem(solver.__globals__, constant, value)
        return solver

    return make


def sine(s):
    return (math.pi * s).sin()[None]


def test_without_reaction_a_source_like_a_sine_fills_up_like_one(reference):
    rate = 0.01 * math.pi**2
    found = reference("diffusion_reaction", RATE=0.0)({"source": sine}, UNIT)
    assert found[0, :, 0] == pytest.approx(((1 - (-rate * T).exp()) / rate * sine(X)[0]), abs=1e-9)
    assert torch.equal(found[..., 1], sine(X))


def test_at_a_constant_speed_the_start_is_carried_along_and_the_left_end_follows(reference):
    found = reference("variable_advection")({"speed": lambda s: torch.full_like(s, 2.0)[None]}, UNIT)
    ahead = X - 2 * T
    expected = torch.where(ahead >= 0, (math.pi * ahead).sin(), (math.pi / 2 * (T - X / 2)).sin())
    assert found[0, :, 0] == pytest.approx(expected, abs=1e-9)


def test_a_small_wave_on_a_ring_only_decays(reference):
    found = reference("random_burgers")({"start": lambda s: 1e-6 * (2 * math.pi * s).sin()[None]}, UNIT)
    expected = 1e-6 * (2 * math.pi * X).sin() * (-0.01 * (2 * math.pi) ** 2 * T).exp()
    assert found[0] == pytest.approx(expected, abs=1e-11)


def test_the_transformation_of_cole_and_hopf_agrees_with_collocation_where_the_front_is_wide(reference):
    start = {"start": lambda s: ((2 * math.pi * s).sin() + 0.3 * (math.pi * s).sin())[None]}
    points = UNIT * UNIT.new_tensor([2, 1]) - UNIT.new_tensor([1, 0])
    found = reference("front_burgers", VISCOSITY=0.1)(start, points)
    expected = solve_dirichlet(
        lambda s: 0 * s[None],
        lambda s: 0 * s[None],
        start["start"],
        points,
        diffusivity=0.1,
        nonlinearity=lambda u, u_x: -u * u_x,
        interval=(-1, 1),
        degree=60,
        slabs=40,
    )
    assert found == pytest.approx(expected, abs=2e-6)


def test_starts_have_the_deviations_of_the_source():
    pde = load_pde(FOLDER / "random_burgers.py")
    drawn = pde.ensemble().sample(4000, torch.Generator().manual_seed(0))
    assert drawn[:, 0].std() == pytest.approx(math.sqrt(2) * 625 / ((2 * math.pi) ** 2 + 25) ** 2, rel=0.05)
