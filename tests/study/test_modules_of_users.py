"""Six PDEs as a person writes them, without a reference: checked, distilled, solved for measured samples, and drawn.

Solutions are compared with exact ones, or with finite differences.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.interpolate import RegularGridInterpolator

import pinndd
from pinndd.pinn.checks.pde import check_pde
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.solving.solver import WIDTHS, probes, relative_gap
from pinndd.study.plots.solution import draw_solution

FOLDER = Path(__file__).parents[2] / "examples" / "pdes"
NAMES = ("anisotropic", "fitzhugh_nagumo", "hot_wire", "klein_gordon", "stokes", "telegraph")
PLACES = np.linspace(0, 1, 15)


@pytest.fixture
def samples(tmp_path):
    """Write samples of conditions, ``(condition, coordinates, values)``, as a CSV."""

    def write(name, *conditions):
        names = load_pde(FOLDER / f"{name}.py").box.names
        lines = [",".join(("condition", *names, "value"))]
        for condition, places, values in conditions:
            table = np.column_stack(np.broadcast_arrays(*places, values))
            lines += [",".join((condition, *map(repr, row.tolist()))) for row in table]
        path = tmp_path / "samples.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


@pytest.fixture
def error_of():
    """Return the true relative error of a solution, given a function of the coordinates that returns its components."""

    def error(solution, truth):
        where = probes(solution.pde, seed=5)
        u = np.stack(np.broadcast_arrays(*truth(*where.numpy().T)), -1)
        return float(relative_gap(solution.pde, torch.from_numpy(u)[None], torch.from_numpy(solution(where.numpy())))[0])

    return error


def solve(name, values):
    solution = pinndd.solve(str(FOLDER / f"{name}.py"), values)
    figure = draw_solution(solution)
    assert sum(len(axes.images) + len(axes.collections) for axes in figure.axes) >= solution.pde.output_count
    plt.close(figure)
    assert solution.uncertainty[0] < 1e-2
    return solution


def test_the_folder_holds_these():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_fit_for_use(monkeypatch, name):
    monkeypatch.setitem(WIDTHS, 2, (60, 80))
    pde = load_pde(FOLDER / f"{name}.py")
    assert pde.name == name
    assert pde.reference is None
    assert not [f for f in check_pde(pde) if f.level == "error"]


# the others take longer: a nonlinear equation is solved for every condition, and three components are many rows
@pytest.mark.parametrize("name", ["anisotropic", "hot_wire", "telegraph"])
def test_it_is_distilled(monkeypatch, name):
    monkeypatch.setitem(WIDTHS, 2, (60, 80))
    size = pinndd.RetrainSettings(points=10, boundary_points=12)
    found = pinndd.distill_set(str(FOLDER / f"{name}.py"), "retrain", size, settings=pinndd.StudySettings(effort=0.01))
    assert found.data["interior"].shape == (10, 2)


def test_a_pulse_runs_along_a_cable_and_comes_back_inverted(samples, error_of):
    def pulse(t):
        return np.exp(-(((t - 1.0) / 0.3) ** 2) / 2)

    t = np.linspace(0, 3, 40)
    solution = solve("telegraph", samples("telegraph", ("pulse", (0, t), pulse(t))))
    # Heaviside: exp(t) u solves the wave equation, the short circuit is a mirror, and nothing was there before the pulse began
    def came(s):
        return np.where(s > 0, pulse(s), 0.0)

    error = error_of(solution, lambda x, t: (np.exp(-x) * came(t - x) - np.exp(x - 4) * came(t + x - 4),))
    assert error < 1e-2
    assert error / 4 < solution.error[0] < 4 * error


def test_anisotropic_diffusion_is_that_of_an_exact_solution(samples, error_of):
    slope = complex(np.roots([0.5, 0.8, 1])[0])  # u_xx + 0.8 u_xy + 0.5 u_yy = 0 for every function of x + slope y

    def u(x, y, factor=1.0):
        return (factor * np.exp(0.8 * (x + slope * y))).real

    y, x = 3 * PLACES, 2 * PLACES - 1
    edges = (
        ("left", (-1, y), u(-1, y, 1 - 0.8)),
        ("right", (1, y), u(1, y, 1 + 0.8)),
        ("bottom", (x, 0), u(x, 0, 1 - 0.8 * slope)),
        ("top", (x, 3), u(x, 3, 1 + 0.8 * slope)),
    )
    solution = solve("anisotropic", samples("anisotropic", *edges))
    assert error_of(solution, lambda x, y: (u(x, y),)) < 1e-3


def test_heat_around_a_wire_is_that_of_implicit_differences(samples, error_of):
    def wire(t):
        return 300 + 25 * np.sin(np.pi * t / 300) ** 2

    def air(t):
        return 300 - 4 * np.sin(np.pi * t / 300)

    t = np.linspace(0, 300, 21)
    solution = solve("hot_wire", samples("hot_wire", ("wire", (0.1, t), wire(t)), ("air", (1, t), air(t))))
    # finite volumes in r, whose outermost one is cooled by the air, and the trapezoidal rule in t
    r, times = np.linspace(0.1, 1, 121), np.linspace(0, 300, 901)
    h, dt = r[1] - r[0], times[1]
    between = (r[1:] + r[:-1]) / 2
    rate = np.zeros((121, 121))
    for k in range(1, 121):
        volume = r[k] * h if k < 120 else between[-1] * h / 2 + h * h / 8
        rate[k, k - 1 : k + 1] += 0.1 * between[k - 1] / h / volume * np.array([1, -1])
        if k < 120:
            rate[k, k : k + 2] += 0.1 * between[k] / h / volume * np.array([-1, 1])
    cooling = 0.1 / 0.5 / (between[-1] * h / 2 + h * h / 8)
    rate[120, 120] -= cooling
    forward, backward = np.eye(121) + dt / 2 * rate, np.linalg.inv(np.eye(121) - dt / 2 * rate)
    fields = [np.full(121, 300.0)]
    for k in range(900):
        right = forward @ fields[-1]
        right[120] += dt / 2 * cooling * (air(times[k]) + air(times[k + 1]))
        right[0] = wire(times[k + 1])
        fields.append(backward @ right)
    truth = RegularGridInterpolator((r, times), np.array(fields).T)
    assert error_of(solution, lambda r, t: (truth((r, t)),)) < 5e-3
    assert solution(np.array([[0.1, 150.0]]))[0, 0, 0] == pytest.approx(325, abs=0.2)


def test_klein_gordon_is_that_of_leapfrog(samples, error_of):
    conditions = (
        ("start", (PLACES, 0), np.sin(np.pi * PLACES)),
        ("velocity", (PLACES, 0), 2 * np.sin(2 * np.pi * PLACES)),
    )
    solution = solve("klein_gordon", samples("klein_gordon", *conditions))
    x, steps = np.linspace(0, 1, 201), 800
    dt = 2 / steps

    def acceleration(u):
        return np.pad(np.diff(u, 2) * 200**2 - u[1:-1] - u[1:-1] ** 3, 1)

    before = np.sin(np.pi * x)
    now = before + dt * 2 * np.sin(2 * np.pi * x) + dt**2 / 2 * acceleration(before)
    fields = [before, now]
    for _ in range(steps - 1):
        fields.append(2 * fields[-1] - fields[-2] + dt**2 * acceleration(fields[-1]))
    truth = RegularGridInterpolator((x, np.linspace(0, 2, steps + 1)), np.array(fields).T)
    assert error_of(solution, lambda x, t: (truth((x, t)),)) < 2e-3


def test_fitzhugh_nagumo_is_that_of_the_method_of_lines(monkeypatch, samples, error_of):
    monkeypatch.setitem(WIDTHS, 2, (200,))
    voltage, recovery = -1 + 1.2 * np.cos(np.pi * PLACES), -0.5 + 0.1 * np.cos(2 * np.pi * PLACES)
    solution = solve(
        "fitzhugh_nagumo",
        samples("fitzhugh_nagumo", ("voltage", (PLACES, 0), voltage), ("recovery", (PLACES, 0), recovery)),
    )
    x, times = np.linspace(0, 1, 101), np.linspace(0, 3, 121)

    def rates(_, state):
        v, w = state.reshape(2, -1)
        mirrored = np.pad(v, 1, mode="reflect")
        return np.concatenate(
            (0.02 * np.diff(mirrored, 2) * 100**2 + v - v**3 / 3 - w + 0.5, 0.3 * (v + 0.7 - 0.8 * w))
        )

    start = np.concatenate((-1 + 1.2 * np.cos(np.pi * x), -0.5 + 0.1 * np.cos(2 * np.pi * x)))
    fields = solve_ivp(rates, (0, 3), start, t_eval=times, rtol=1e-6, atol=1e-8).y.reshape(2, 101, 121)
    truths = [RegularGridInterpolator((x, times), field) for field in fields]
    assert error_of(solution, lambda x, t: [truth((x, t)) for truth in truths]) < 5e-3


def test_a_parabola_flows_through_a_channel_as_it_comes_in(monkeypatch, samples, error_of):
    monkeypatch.setitem(WIDTHS, 2, (200,))
    inflow = 6 * PLACES * (1 - PLACES)
    solution = solve("stokes", samples("stokes", ("inflow", (0, PLACES), inflow)))
    # v is zero: it counts as much as its part of the speed, and has no relative error of its own
    assert error_of(solution, lambda x, y: (6 * y * (1 - y), 0 * x, 12 * (3 - x))) < 1e-2
    assert solution.error[0] < 1e-2


def test_a_channel_makes_a_parabola_of_what_flows_in(monkeypatch, samples):
    monkeypatch.setitem(WIDTHS, 2, (200,))
    inflow = 4 * PLACES * (1 - PLACES) + 0.5 * np.sin(np.pi * PLACES) + 0.3 * np.sin(2 * np.pi * PLACES)
    solution = solve("stokes", samples("stokes", ("inflow", (0, PLACES), inflow)))
    y = np.linspace(0, 1, 101)
    u = solution(np.column_stack((np.full(101, 2.0), y)))[0, :, 0]
    flow = 2 / 3 + 1 / np.pi
    assert np.trapezoid(u, y) == pytest.approx(flow, rel=5e-3)
    np.testing.assert_allclose(u, 6 * flow * y * (1 - y), atol=0.02)
