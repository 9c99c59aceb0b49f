"""The verb solve: on as many points as needed and on a distilled set, and its picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg

import pinndd
from pinndd import Samples, load_pde
from pinndd.constraints import Box
from pinndd.data import SyntheticData
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.solving.solution import Solution
from pinndd.study.plots.solution import draw_solution
from pinndd.study.plots.style import house_style
from pinndd.study.solving import Problem

VALUES = {"left": 0.0, "right": 0.0, "start": lambda x: np.sin(np.pi * x)}


@pytest.fixture(scope="module")
def points():
    pde = load_pde("heat")
    data = collocation_data(pde, *sample_points(pde, "sobol", 150, 60, 0), 10.0)
    return data.with_header(pde="heat", protocol="retrain", learner="ridge", seed=0)


def exact(where):
    return np.exp(-0.05 * np.pi**2 * where[:, 1]) * np.sin(np.pi * where[:, 0])


def test_a_set_of_points_serves_any_condition_with_its_own_learner(points, tmp_path):
    points.save(tmp_path / "heat.npz")
    where = np.random.default_rng(0).random((200, 2))
    found = pinndd.solve("heat", VALUES, data=tmp_path / "heat.npz")
    error = np.linalg.norm(found(where)[0, :, 0] - exact(where)) / np.linalg.norm(exact(where))
    assert found.points == (150, 60)
    assert error < 0.02
    assert error / 10 < found.error[0] < 10 * error
    assert np.array_equal(found(where), pinndd.solve(load_pde("heat"), VALUES, data=points)(where))
    many = pinndd.solve("heat", {**VALUES, "start": np.eye(3)}, data=points)
    assert many.error.shape == many.residual.shape == (3,)


def test_samples_on_a_set_of_points_are_interpolated_and_leave_something_open(points):
    x = np.linspace(0, 1, 9)
    samples = Samples(np.stack((x, 0 * x), -1), np.sin(np.pi * x), 0.05)
    found = pinndd.solve("heat", {**VALUES, "start": samples}, data=points)
    assert found.uncertainty is not None
    assert 0.005 < found.uncertainty[0] < 0.2


def test_a_problem_is_checked_before_it_is_solved(points, tmp_path):
    problem = Problem.of("heat", VALUES, tolerance=1e-2)
    assert (len(problem.values), problem.data, problem.tolerance) == (1, None, 1e-2)
    text = tmp_path / "mine.py"
    text.write_text("left = 0\nright = 0\n\n\ndef start(x):\n    return x * (1 - x)\n")
    assert len(Problem.of("heat", text).values) == len(Problem.of("heat", [str(text)]).values) == 1
    for change, message in (
        ({"tolerance": 1e-2}, "leave out either the tolerance or the set"),
        ({"data": points.with_header(pde="wave")}, "distilled for the PDE 'wave', not for 'heat'"),
        ({"data": points.with_header(protocol="amortised")}, "of the protocol amortised, which holds no points"),
        ({"data": points.with_header(learner="mlp-adam")}, "takes seconds for a condition"),
        ({"data": SyntheticData({"interior": torch.rand(2, 2)}, {"interior": Box((0, 0), (1, 1))})}, "PDE None, not for 'heat'"),
    ):
        with pytest.raises(ValueError, match=message):
            Problem.of("heat", VALUES, **{"data": points, **change})


def made_up(name, count=1, **more):
    pde = load_pde(name)

    def field(where):
        wave = torch.sin(3 * where).sum(-1)[None, :, None].expand(count, -1, pde.output_count)
        return wave * (1 + torch.arange(pde.output_count, dtype=torch.float64))

    return Solution(pde, field, np.full(count, 0.017), np.full(count, 0.01), more.get("uncertainty"), 10, (30, 10), 0.1)


@pytest.mark.parametrize("name", ["heat", "cavity", "heat_2d", "laplace_disk", "darcy"])
def test_pictures_say_what_they_show_and_cut_no_text(name):
    with house_style():
        figure = draw_solution(made_up(name, 2, uncertainty=np.array([0.031, 0.031])), which=1)
        canvas = FigureCanvasAgg(figure)
        said = " ".join(text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text")) if text.get_visible())
        for part in ("condition 2 of 2", "estimated error 1.7 %", "measurements leave it open by 3.1 %"):
            assert part in said
        pde = load_pde(name)
        for component in pde.components:
            assert component in said
        if name == "heat_2d":
            assert all(f"t = {moment} s" in said for moment in ("0.1", "0.5", "1"))
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]
        for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
            assert (edge == 255).all()
