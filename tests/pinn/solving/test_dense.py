"""The dense solver against closed forms: it converges with its width, whatever the units, linear or not."""

from __future__ import annotations

import deepxde as dde
import numpy as np
import pytest
import torch

from pinndd import PDE, Dirichlet, Initial, families, load_pde
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.solving import dense
from pinndd.pinn.solving.dense import DenseSettings, batches, dense_counts, dense_points, solve_densely, typical_size
from pinndd.pinn.solving.given import given_values
from pinndd.pinn.solving.solver import probes
from pinndd.pinn.solving.telling import telling

VISCOSITY, STEADY = 0.05, 0.2


def steady_burgers():
    """``u u' = ν u''`` on (0, 1): ``u = -a tanh(a (x - 1/2) / 2ν)``."""

    def residual(x, u):
        return u * dde.grad.jacobian(u, x, i=0, j=0) - STEADY * dde.grad.hessian(u, x, i=0, j=0)

    ends = [Dirichlet(name, at={"x": at}, values=families.Constant()) for name, at in (("left", 0), ("right", 1))]
    return PDE(name="steady", domain=dde.geometry.Interval(0, 1), residual=residual, conditions=ends)


def rod(length=1.0, time=1.0):
    """Heat in a rod whose length and time are measured in other units."""
    diffusivity = 0.05 * length**2 / time

    def residual(x, u):
        return dde.grad.jacobian(u, x, i=0, j=1) - diffusivity * dde.grad.hessian(u, x, i=0, j=0)

    span = dde.geometry.GeometryXTime(dde.geometry.Interval(0, length), dde.geometry.TimeDomain(0, time))
    conditions = [
        Dirichlet("left", at={"x": 0}, values=families.Constant()),
        Dirichlet("right", at={"x": length}, values=families.Constant()),
        Initial("start", values=families.Sine(modes=2)),
    ]
    return PDE(name="rod", domain=span, residual=residual, conditions=conditions)


def travelling(x, t):
    return 0.5 - 0.4 * np.tanh(0.4 * (x - 0.3 - 0.5 * t) / (2 * VISCOSITY))


def layer(x):
    return -np.tanh((x - 0.5) / (2 * STEADY))


CASES = {
    "heat": (
        lambda: load_pde("heat"),
        {"left": 0.0, "right": 0.0, "start": lambda x: np.sin(np.pi * x)},
        lambda x, t: np.exp(-0.05 * np.pi**2 * t) * np.sin(np.pi * x),
    ),
    "laplace": (
        lambda: load_pde("laplace_disk"),
        {"circle": lambda x, y: x**3 - 3 * x * y**2},
        lambda x, y: x**3 - 3 * x * y**2,
    ),
    "wave": (
        lambda: load_pde("wave"),
        {"start": lambda x: np.sin(np.pi * x), "velocity": 0.0},
        lambda x, t: np.cos(np.pi * t) * np.sin(np.pi * x),
    ),
    "advection": (
        lambda: load_pde("advection"),
        {"start": lambda x: np.sin(2 * np.pi * x)},
        lambda x, t: np.sin(2 * np.pi * (x - 0.5 * t)),
    ),
    "burgers": (lambda: load_pde("burgers"), {"left": lambda t: travelling(0, t), "right": lambda t: travelling(1, t),
                                              "start": lambda x: travelling(x, 0)}, travelling),
    "steady burgers": (steady_burgers, {"left": layer(0.0), "right": layer(1.0)}, layer),
}  # fmt: skip


def error(pde, values, exact, width, *, seed=0):
    points = pde.box.scale(torch.rand((400, pde.box.dimension), generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    u = solve_densely(pde, given_values(pde, values), DenseSettings(width, seed))(points)[0, :, 0].numpy()
    truth = exact(*points.numpy().T)
    return float(np.linalg.norm(u - truth) / np.linalg.norm(truth))


@pytest.mark.parametrize("name", CASES)
def test_solutions_converge_to_the_closed_form(name):
    build, values, exact = CASES[name]
    pde = build()
    coarse, fine = (40, 120) if pde.box.dimension == 1 else (60, 350)
    rough, good = error(pde, values, exact, coarse), error(pde, values, exact, fine)
    assert good < 1e-3
    assert good < 0.1 * rough


def test_units_of_length_and_time_and_size_change_nothing():
    found = [
        error(
            rod(length, time),
            {"left": 0.0, "right": 0.0, "start": lambda x, length=length, size=size: size * np.sin(np.pi * x / length)},
            lambda x, t, length=length, time=time, size=size: size
            * np.exp(-0.05 * np.pi**2 * t / time)
            * np.sin(np.pi * x / length),
            120,
        )
        for length, time, size in ((1.0, 1.0, 1.0), (1e-3, 300.0, 300.0), (1e4, 1e-6, 1e-5))
    ]
    assert found == pytest.approx([found[0]] * 3, rel=0.05)


def test_a_batch_is_solved_as_its_conditions_one_by_one():
    # the rows of a nonlinear equation are scaled at the typical size of the whole batch
    for name, tolerance in (("heat", 1e-6), ("burgers", 1e-2)):
        pde = load_pde(name)
        drawn = pde.ensemble().sample(3, torch.Generator().manual_seed(0))
        split = dict(zip([c.name for c in pde.valued], drawn.split([c.values.size for c in pde.valued], -1), strict=True))
        settings, points = DenseSettings(200, 0), pde.box.scale(torch.rand((50, 2), dtype=torch.float64))
        batch = solve_densely(pde, given_values(pde, split), settings)(points)
        for k in range(3):
            one = solve_densely(pde, given_values(pde, {n: c[k] for n, c in split.items()}), settings)(points)
            assert torch.allclose(batch[k], one[0], atol=tolerance * float(batch.abs().max()))


def test_gauss_newton_stops_where_rounding_alone_moves_the_weights(monkeypatch):
    pde, settings = load_pde("burgers"), DenseSettings(100, 0, windows=2)
    ensemble = pde.ensemble()
    values, where = BoundaryValues(ensemble, ensemble.sample(1, torch.Generator().manual_seed(1))), probes(pde)
    steps = []
    step = GaussNewton._proposal
    monkeypatch.setattr(GaussNewton, "_proposal", lambda self, *rest: steps.append(1) or step(self, *rest))
    told = []
    with telling(lambda what, done, most, error: told.append((what, done, most))):
        fit, other = (solve_densely(pde, values, each)(where) for each in (settings, settings.second))
    taken = len(steps)
    assert len(told) == taken
    assert told[0] == ("Gauss-Newton, 40 steps at most", 0, 40)
    monkeypatch.setattr(dense, "_FLAT", 1e-8)
    longer = solve_densely(pde, values, settings)(where)
    assert len(steps) - taken > taken / 2
    assert float((fit - longer).norm()) < 0.1 * float((fit - other).norm())


def test_points_grow_with_the_weights_and_batches_cover_all():
    pde = load_pde("heat")
    data = dense_points(pde, DenseSettings(100, 0))
    assert data["interior"].shape == (300, 2)
    assert sum(len(data[c.name]) for c in pde.valued) == 100
    assert dense_counts(pde, DenseSettings(100, 0)) == (300, 100)
    assert dense_counts(pde, DenseSettings(100, 0, windows=4)) == (1200, 400)
    values = given_values(pde, {"left": np.zeros((5, 7)), "right": 0.0, "start": 0.0})
    assert [len(part) for part in batches(values, 2)] == [2, 2, 1]
    assert typical_size(pde, values) == 1.0
    three = given_values(pde, {"left": 3.0, "right": 3.0, "start": 3.0})
    assert typical_size(pde, three) * float(pde.sizes.values) == pytest.approx(3.0)
