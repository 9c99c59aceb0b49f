"""The estimate of the error, what is said beside a solution, and many conditions at once."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from pinndd import Samples, load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.geometry.meeting import meeting_points
from pinndd.pinn.solving import solver
from pinndd.pinn.solving.given import given_values
from pinndd.pinn.solving.solver import (
    MISSED,
    corner_notes,
    missed_values,
    relative_residual,
    solve_given,
    solve_with_estimate,
    unresolved_notes,
)


@pytest.fixture(scope="module")
def heat():
    return load_pde("heat")


def sine(x):
    return np.sin(np.pi * x)


def random_conditions(pde, count, seed=0):
    ensemble = pde.ensemble()
    return BoundaryValues(ensemble, ensemble.sample(count, torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize(("name", "width", "count"), [("heat", 250, 20), ("burgers", 200, 6)])
def test_the_estimate_is_within_a_factor_of_three_of_the_error(name, width, count):
    pde = load_pde(name)
    values = random_conditions(pde, count)
    points = pde.box.scale(torch.rand((500, 2), generator=torch.Generator().manual_seed(3), dtype=torch.float64))
    with torch.no_grad():
        truth = pde.reference(values, points)
    found = solve_with_estimate(pde, values, width)
    error = (found.fitted(points)[..., 0] - truth.reshape(count, -1)).norm(dim=1) / truth.reshape(count, -1).norm(dim=1)
    ratio = found.error / error
    assert float(((ratio > 1 / 3) & (ratio < 3)).double().mean()) >= 0.75


def test_ten_thousand_conditions_of_a_linear_equation_take_seconds(heat):
    start = time.process_time()
    generator = torch.Generator().manual_seed(0)
    values = {"left": 0.0, "right": 0.0, "start": torch.randn((10_000, 3), generator=generator, dtype=torch.float64)}
    found = solve_given(heat, given_values(heat, values))
    assert time.process_time() - start < 60
    assert len(found) == 10_000
    assert found.error.max() < 1e-4
    one = solve_given(heat, given_values(heat, {**values, "start": values["start"][77]}))
    where = [[0.3, 0.4], [0.9, 0.1]]
    assert found(where)[77] == pytest.approx(one(where)[0], abs=1e-5)


def test_a_tolerance_adds_features_until_it_is_met_or_says_what_was_reached(heat, monkeypatch):
    monkeypatch.setattr(solver, "WIDTHS", {2: (100, 150, 200)})
    asked, values = [], given_values(heat, {"left": 0.0, "right": 0.0, "start": sine})
    found = solve_given(heat, values, tolerance=1e-3, progress=lambda *said: asked.append(said))
    assert found.features == 100
    assert not found.notes
    assert asked == [("solving with 100 features", 0, 3, None)]
    jump = given_values(heat, {"left": 1.0, "right": 0.0, "start": 0.0})
    asked.clear()
    found = solve_given(heat, jump, tolerance=1e-9, progress=lambda *said: asked.append(said))
    assert [said[0] for said in asked] == [f"solving with {width} features" for width in (100, 150, 200)]
    assert "The tolerance 1e-09 was not reached: the estimated error is" in found.notes[-1]
    for tolerance in (0.0, -1.0, float("nan"), 2.0):
        with pytest.raises(ValueError, match="expected a relative error between 0 and 1, such as 1e-3"):
            solve_given(heat, values, tolerance=tolerance)


def test_jumps_where_conditions_meet_are_told_with_their_size_and_place(heat):
    (first, second) = corner_notes(heat, given_values(heat, {"left": 1.0, "right": 0.25, "start": lambda x: 0 * x - 1}))
    assert first.startswith("left and start differ by 2 where they meet, at (0, 0): u jumps there")
    assert second.startswith("right and start differ by 1.25 where they meet, at (1, 0)")
    assert corner_notes(heat, given_values(heat, {"left": 0.0, "right": 0.0, "start": sine})) == []
    cavity = load_pde("cavity")
    notes = corner_notes(cavity, given_values(cavity, {"lid": 1.0}))
    assert [note.split(" where")[0] for note in notes] == ["lid and left_u differ by 1", "lid and right_u differ by 1"]


def test_patches_meet_where_they_share_points(heat):
    generator = torch.Generator().manual_seed(0)
    shared = meeting_points(heat.patches["left"], heat.patches["start"], generator)
    assert shared is not None
    assert shared.unique(dim=0).tolist() == [[0.0, 0.0]]
    assert meeting_points(heat.patches["left"], heat.patches["right"], generator) is None


def test_a_solution_that_was_not_found_is_said_not_to_be_one():
    burgers = load_pde("burgers")
    found = solve_given(burgers, given_values(burgers, {"left": 1e6, "right": 0.0, "start": 0.0}))
    assert found.error[0] > MISSED
    assert found.notes[-1].startswith("No solution was found for these values: do not use the field")


def test_what_features_cannot_resolve_is_said_with_how_badly_the_equation_is_met(heat, monkeypatch):
    values = given_values(heat, {"left": 0.0, "right": 0.0, "start": lambda x: np.sin(9 * np.pi * x)})
    assert not [note for note in solve_given(heat, values).notes if "thinner" in note]
    monkeypatch.setattr(solver, "WIDTHS", {2: (60,)})
    monkeypatch.setattr(solver, "MISSED", 2.0)
    found = solve_given(heat, values)
    assert found.residual[0] > solver.UNRESOLVED
    assert f"left with up to {found.residual[0]:.0%} of the size of its terms: something" in found.notes[-1]
    said = unresolved_notes(torch.tensor([0.01, 0.4, 0.2]))
    assert "40% of the size of its terms for 2 of 3 boundary conditions" in said[0]
    assert unresolved_notes(torch.tensor([solver.UNRESOLVED])) == []


def test_missed_values_are_none_of_a_good_fit_and_all_of_a_zero_field(heat):
    values = given_values(heat, {"left": 0.0, "right": 0.0, "start": np.eye(3)})
    fitted = solve_with_estimate(heat, values, 150).fitted
    assert missed_values(heat, values, fitted).max() < 1e-2
    fitted.weights.zero_()
    assert missed_values(heat, values, fitted).tolist() == [1.0] * 3


def test_the_residual_is_small_for_good_fits_and_says_nothing_of_rounding(heat):
    for start, ends in ((sine, 0.0), (5.0, 5.0)):
        values = given_values(heat, {"left": ends, "right": ends, "start": start})
        residual = relative_residual(heat, solve_with_estimate(heat, values, 200).fitted)
        assert residual.shape == (1,)
        assert float(residual) < 1e-2


def test_values_beyond_all_numbers_are_an_error(heat):
    with pytest.raises(ArithmeticError, match="the solution is not finite for these values; check their size"):
        solve_given(heat, given_values(heat, {"left": 1e300, "right": 0.0, "start": 0.0}))


def samples(count, noise=None, seed=0):
    x = np.linspace(0, 1, count)
    level = 0.0 if noise is None else noise
    measured = sine(x) + level * np.random.default_rng(seed).standard_normal(count)
    return Samples(np.stack((x, np.zeros(count)), -1), measured, noise)


def test_what_measurements_leave_open_covers_the_error_and_is_said(heat):
    points = torch.rand((300, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    exact = np.exp(-0.05 * np.pi**2 * points[:, 1].numpy()) * sine(points[:, 0].numpy())
    for seed in range(3):
        found = solve_given(heat, given_values(heat, {"left": 0.0, "right": 0.0, "start": samples(12, 0.1, seed)}))
        error = np.linalg.norm(found(points)[0, :, 0] - exact) / np.linalg.norm(exact)
        assert error / 4 < found.uncertainty[0] < 10 * error
    assert any("The 12 samples of start leave it open by" in note for note in found.notes)
    many = {"left": 0.0, "right": np.eye(7)[:2] * 5, "start": samples(12, 0.1)}
    assert solve_given(heat, given_values(heat, many)).uncertainty.shape == (2,)
    dense = solve_given(heat, given_values(heat, {"left": 0.0, "right": 0.0, "start": samples(30)}))
    assert dense.uncertainty[0] < 1e-3
    assert dense.notes == ()
