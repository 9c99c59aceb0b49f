"""Windows of time: which equations can be cut, and that the solutions in all windows are one."""

from __future__ import annotations

from itertools import pairwise

import deepxde as dde
import numpy as np
import pytest
import torch

from pinndd import PDE, Dirichlet, Initial, Samples, families, load_pde
from pinndd.pinn.solving import solver
from pinndd.pinn.solving.dense import (
    DenseSettings,
    condition_places,
    dense_points,
    solve_densely,
    weight_count,
    with_weights,
)
from pinndd.pinn.solving.given import given_values
from pinndd.pinn.solving.solver import DOUBT, GOAL, MISSED, probes, relative_gap, solve_given, solve_with_estimate
from pinndd.pinn.solving.windows import can_be_cut, windows
from pinndd.pinn.tasks.episodes import Trainings


def ripple(x, t, k=14):
    """A wave of heat that decays along the rod: ``u_t = 0.05 u_xx``."""
    return np.exp(-k * x) * np.cos(k * x - 0.1 * k**2 * t)


CASES = {
    "heat": (
        {"left": lambda t: ripple(0, t), "right": lambda t: ripple(1, t), "start": lambda x: ripple(x, 0)},
        lambda x, t: ripple(x, t),
    ),
    "wave": (
        {"start": lambda x: np.sin(2 * np.pi * x), "velocity": lambda x: np.pi * np.sin(np.pi * x)},
        lambda x, t: np.cos(2 * np.pi * t) * np.sin(2 * np.pi * x) + np.sin(np.pi * t) * np.sin(np.pi * x),
    ),
    "advection": ({"start": lambda x: np.sin(6 * np.pi * x)}, lambda x, t: np.sin(6 * np.pi * (x - 0.5 * t))),
}


def test_which_equations_can_be_cut():
    assert all(can_be_cut(load_pde(name)) for name in ("heat", "wave", "burgers", "schrodinger", "heat_2d"))
    assert not any(can_be_cut(load_pde(name)) for name in ("poisson", "cavity", "elasticity"))
    span = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))

    def pde(at):
        conditions = [Initial("start", values=families.Sine()), Dirichlet("ends", at=at, values=families.Constant())]
        return PDE(name="at", domain=span, residual=lambda x, u: dde.grad.jacobian(u, x, i=0, j=1), conditions=conditions)

    assert can_be_cut(pde({"x": 0}))
    assert not can_be_cut(pde({"x": 0, "t": (0, 0.5)}))
    assert not can_be_cut(pde({"t": 1}))


def test_windows_cover_the_time_without_gaps():
    parts = windows(load_pde("heat"), 3)
    times = [(w.pde.box.low[-1], w.pde.box.high[-1]) for w in parts]
    whole = load_pde("heat").box
    assert times[0][0] == whole.low[-1]
    assert times[-1][1] == whole.high[-1]
    for (_, end), (start, _) in pairwise(times):
        assert start == pytest.approx(end, abs=1e-6)
    assert [w.share for w in parts] == [(0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1)]


@pytest.mark.parametrize("name", CASES)
def test_windows_solve_the_same_problem_more_accurately(name):
    values, exact = CASES[name]
    pde = load_pde(name)
    given, where = given_values(pde, values), probes(pde, 5)
    truth = torch.from_numpy(exact(*where.numpy().T))[None, :, None]
    whole, cut = (solve_densely(pde, given, DenseSettings(200, 0, windows=count)) for count in (1, 3))
    assert float(relative_gap(pde, truth, cut(where))[0]) < 0.5 * float(relative_gap(pde, truth, whole(where))[0])


def test_a_solution_in_windows_is_continuous_and_rebuilt_from_its_weights():
    pde, settings = load_pde("burgers"), DenseSettings(150, 0, windows=3)
    values = given_values(pde, {"left": 0.0, "right": 0.0, "start": lambda x: np.sin(np.pi * x)})
    fitted = solve_densely(pde, values, settings)
    assert fitted.weights.shape == (1, weight_count(pde, settings)) == (1, 450)
    edge, x = windows(pde, 3)[1].pde.box.low[-1], torch.linspace(0, 1, 21, dtype=torch.float64)
    before, after = (fitted(torch.stack((x, torch.full_like(x, edge + step)), -1)) for step in (-1e-9, 1e-9))
    assert float((before - after).abs().max()) < 2e-2 * float(before.abs().max())
    where = probes(pde)
    assert torch.equal(with_weights(pde, settings, fitted.weights, Trainings(values, 0))(where), fitted(where))


def test_places_of_conditions_are_those_of_all_windows_and_of_the_first_start():
    pde, settings = load_pde("heat"), DenseSettings(60, 0, windows=3)
    one, places = dense_points(pde, settings), condition_places(pde, settings)
    assert torch.equal(places["start"], one["start"])
    assert len(places["left"]) == 3 * len(one["left"])
    thirds = torch.bucketize(places["left"][:, 0], torch.tensor([1 / 3, 2 / 3], dtype=torch.float64))
    assert thirds.bincount().tolist() == [len(one["left"])] * 3


def jump():
    """Heat whose left end is switched on, which one window resolves badly."""
    return {"left": lambda t: np.tanh(20 * t), "right": 0.0, "start": 0.0}


def test_windows_are_tried_where_one_does_not_do(monkeypatch):
    monkeypatch.setattr(solver, "WIDTHS", {2: (150,)})
    pde = load_pde("heat")
    values = given_values(pde, jump())
    found = solve_with_estimate(pde, values, 150)
    assert found.settings.windows == solver.WINDOWS
    solution = solve_given(pde, values)
    assert solution.features == 150 * solver.WINDOWS
    assert solution.points == (450 * solver.WINDOWS, 150 * solver.WINDOWS)
    easy = solve_with_estimate(pde, given_values(pde, {"left": 0.0, "right": 0.0, "start": lambda x: np.sin(np.pi * x)}), 150)
    assert easy.settings.windows == 1


def test_what_measurements_leave_open_is_found_in_windows_too(monkeypatch):
    monkeypatch.setattr(solver, "WIDTHS", {2: (150,)})
    pde, x = load_pde("heat"), np.linspace(0, 1, 8)
    noisy = Samples(np.stack((x, 0 * x), -1), np.sin(np.pi * x), noise=0.05)
    one = solve_given(pde, given_values(pde, {"left": 0.0, "right": 0.0, "start": noisy}))
    monkeypatch.setattr(solver, "_attempts", lambda pde, width, linear: [DenseSettings(width, 0, windows=3)])
    cut = solve_given(pde, given_values(pde, {"left": 0.0, "right": 0.0, "start": noisy}))
    assert cut.features == 450
    assert cut.uncertainty[0] == pytest.approx(one.uncertainty[0], rel=0.02)


def test_windows_count_for_nonlinear_equations_even_where_one_window_agrees_better(monkeypatch):
    pde = load_pde("burgers")
    values = given_values(pde, {"left": 0.0, "right": 0.0, "start": lambda x: np.sin(np.pi * x)})
    for errors, chosen in (((0.02, 0.05), 4), ((0.02, 2 * MISSED), 1), ((0.9 * GOAL, GOAL), 4), ((0.9 * GOAL / DOUBT,), 1)):
        left = list(errors)
        monkeypatch.setattr(solver, "estimated_error", lambda *_, left=left: torch.tensor([left.pop(0)]))
        assert solve_with_estimate(pde, values, 60).settings.windows == chosen
