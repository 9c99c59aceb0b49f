"""The page without a browser: what it holds, and what its controls do."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from bokeh.document import Document
from bokeh.models import Tabs

from pinndd.pinn.declare.loading import load_pde
from pinndd.study.exploring import frames as module
from pinndd.study.exploring.condition_panel import rounded_range
from pinndd.study.exploring.frames import open_frames
from pinndd.study.exploring.page import ESTIMATE, Page, about
from pinndd.study.exploring.schedule import AtOnce, InBrowser


@pytest.fixture
def small(monkeypatch):
    """Frames of few features."""
    monkeypatch.setattr(module, "ITERATED_COLUMNS", 60)
    monkeypatch.setattr(module, "LINEAR_COLUMNS", 80)
    return lambda name: open_frames(load_pde(name))


def picture(page):
    return np.array(page.picture.field.source.data["image"][0])


def test_a_slider_moves_the_field_its_curve_and_the_errors(dense):
    page = Page(dense("heat"), AtOnce())
    before, curve, text = picture(page), np.array(page.panels["left"].line.data["value"]), page.text.text
    slider = page.panels["left"].sliders[0]
    slider.value = slider.end
    assert float(page.choice.coefficients[0, 0]) == slider.end
    assert abs(picture(page) - before).max() > 0.1
    assert abs(page.panels["left"].line.data["value"] - curve).max() > 0.1
    assert page.text.text != text
    assert "estimated error" in text
    assert "error against the reference" in text
    assert page.picture.error.figure.title.text == "error against the reference (K)"


def test_the_estimate_is_shown_where_it_is_chosen(dense):
    page = Page(dense("heat"), AtOnce())
    page.compared.active = ESTIMATE
    assert page.picture.error.figure.title.text == "difference of two fits, which estimates the error (K)"


def test_a_curve_is_drawn_by_its_points_and_given_up_again(dense):
    page = Page(dense("heat"), AtOnce())
    panel, before = page.panels["left"], picture(page)
    panel.mode.active = 1
    assert not panel._controls.visible
    assert len(panel.handles.data["at"]) == 9
    assert abs(picture(page) - before).max() < 0.2
    at = panel.handles.data["at"]
    panel.handles.data = {"at": list(at), "value": [2.5] * len(at)}
    assert page.choice.values()["left"](torch.tensor([[0.3]], dtype=torch.float64)).tolist() == [[2.5]]
    assert abs(picture(page) - before).max() > 0.5
    assert np.allclose(panel.line.data["value"], 2.5)
    panel.handles.data = {"at": [], "value": []}
    assert "left" in page.choice.curves, "the last point may be removed; the curve stays until there is another"
    panel.mode.active = 0
    assert panel._controls.visible
    assert np.array_equal(picture(page), before)


def test_a_shift_draws_a_condition_with_sliders_of_its_own(dense):
    page = Page(dense("heat"), AtOnce())
    assert [value for value, _ in page.shift.options] == ["none", *load_pde("heat").shifts]
    page.panels["left"].mode.active = 1
    page.shift.value = "correlated"
    assert page.choice.shift == "correlated"
    assert page.choice.curves == {}
    assert page.panels["left"].mode.active == 0
    assert page.panels["right"].sliders == []
    assert page.panels["right"]._controls.children[0].text == "It follows left, -1 times."
    before = picture(page)
    page.draw_another()
    assert abs(picture(page) - before).max() > 0.01


def test_conditions_with_coefficients_come_first(small):
    page = Page(small("cavity"), AtOnce())
    assert next(iter(page.panels)) == "lid"
    assert page.panels["left_u"]._controls.children[0].text == "Its value is known: it has no coefficients."
    titles = [tab.title for tabs in page.root.select({"type": Tabs}) for tab in tabs.tabs]
    assert titles == list(page.panels)


def test_components_of_a_system_are_picked_by_name(small):
    page = Page(small("cavity"), AtOnce())
    assert page.component.options == list(load_pde("cavity").components)
    before = picture(page)
    page.component.value = "p"
    assert page.picture.field.figure.title.text == "p"
    assert abs(picture(page) - before).max() > 1e-3


def test_time_has_a_slider_where_there_are_two_coordinates_of_space(small):
    page = Page(small("heat_2d"), Never())
    (slider,) = page.held
    assert (slider.title, slider.start, slider.value) == ("t (s)", 0.0, 0.5)
    before = picture(page)
    slider.value = 0.0
    assert abs(picture(page) - before).max() > 0.01


class Never:
    """A schedule that finds out no errors: the reference of some PDEs takes long."""

    def soon(self, call):
        call()

    def settled(self, call):
        pass

    def apart(self, job, done):
        pass


@pytest.mark.parametrize("name", ["heat", "poisson", "heat_2d", "schrodinger", "laplace_disk", "advection", "beam", "burgers"])
def test_a_page_builds(name, small):
    page = Page(small(name), Never())
    document = Document()
    document.add_root(page.root)
    document.validate()
    assert document.to_json()
    assert np.isfinite(np.nanmax(picture(page)))
    assert set(page.panels) == {c.name for c in load_pde(name).valued}


def test_an_equation_over_one_coordinate_is_a_line(tmp_path):
    (tmp_path / "rod.py").write_text(ROD)
    page = Page(open_frames(load_pde(str(tmp_path / "rod.py"))), AtOnce())
    x, u = (np.array(page.picture.field.source.data[k]) for k in ("x", "y"))
    left = page.panels["left"]
    left.sliders[0].value = 0.0
    page.panels["right"].sliders[0].value = 0.0
    u = np.array(page.picture.field.source.data["y"])
    assert np.allclose(u, x * (1 - x) / 2, atol=1e-6)
    assert np.array(page.picture.error.source.data["y"]).max() < 1e-6


ROD = '''"""A rod with a constant source."""

import deepxde as dde

from pinndd import PDE, Dirichlet, families


def residual(x, u):
    return dde.grad.hessian(u, x) + 1


def reference(values, points):
    x = points[:, 0]
    left, right = (values[name](points.new_zeros((1, 0))) for name in ("left", "right"))
    return left * (1 - x) + right * x + x * (1 - x) / 2


pde = PDE(
    name="rod",
    domain=dde.geometry.Interval(0, 1),
    residual=residual,
    conditions=[
        Dirichlet("left", at={"x": 0}, values=families.Constant()),
        Dirichlet("right", at={"x": 1}, values=families.Constant()),
    ],
    reference=reference,
)
'''


def test_the_points_of_a_set_stand_on_the_field(heat_set):
    page = Page(open_frames(load_pde("heat"), heat_set), AtOnce())
    assert len(page.picture.points.data["x"]) == 64
    assert len(page.picture.edge_points.data["x"]) == 30
    assert about(page._frames) == (
        "120 random features on the 64 interior and 30 boundary points of the distilled set (retrain), solved in closed form. "
        "Round: interior points; square: boundary points."
    )


def test_a_failing_reference_is_said_and_the_estimate_shown(dense):
    def broken(values, points):
        raise KeyError("no such table")

    heat = dense("heat")
    page = Page(replace(heat, pde=replace(heat.pde, reference=broken)), AtOnce())
    assert "no reference: UserCodeError: PDE &#x27;heat&#x27;: reference" in page.text.text
    assert "no such table" in page.text.text
    assert page.picture.error.figure.title.text.startswith("difference of two fits")


def test_without_a_reference_the_estimate_is_shown_alone(dense):
    heat = dense("heat")
    page = Page(replace(heat, pde=replace(heat.pde, reference=None)), AtOnce())
    assert not page.compared.visible
    assert re.fullmatch(r"<b>estimated error 0\.0\d+ %</b><br>frame in \d+ ms", page.text.text)
    assert page.picture.error.figure.title.text.startswith("difference of two fits")


def test_errors_wait_until_nothing_moves_and_late_ones_are_dropped(dense, once):
    page = Page(dense("heat"), once)
    assert page.picture.error.figure.title.text == "error against the reference: being computed"
    assert "estimated error" in page.text.text
    once.later()
    assert page.picture.error.figure.title.text == "error against the reference (K)"
    jobs = []
    once.apart = lambda job, done: jobs.append((job, done))
    slider = page.panels["left"].sliders[0]
    slider.value = slider.end
    once.later()
    (job, done), text = jobs[0], page.text.text
    found = job()
    slider.value = slider.start
    done(found)
    assert page.picture.error.figure.title.text == "error against the reference: being computed"
    assert job() is None, "what nobody waits for is not computed"
    assert page.text.text != text


def test_a_page_in_a_browser_makes_one_frame_of_a_drag(dense):
    class FakeDocument:
        def __init__(self):
            self.calls, self.removed, self.ticks = [], [], []

        def add_timeout_callback(self, call, delay):
            self.calls.append((call, delay))
            return call

        def remove_timeout_callback(self, call):
            self.removed.append(call)

        def add_next_tick_callback(self, call):
            self.ticks.append(call)

    from concurrent.futures import ThreadPoolExecutor

    document, counted = FakeDocument(), []
    with ThreadPoolExecutor(1) as executor:
        schedule = InBrowser(document, executor)
        for k in range(5):
            schedule.soon(lambda k=k: counted.append(k))
        assert len(document.calls) == 1
        document.calls.pop()[0]()
        assert counted == [0]
        schedule.soon(lambda: counted.append("again"))
        assert len(document.calls) == 1
        schedule.settled(lambda: None)
        schedule.settled(lambda: counted.append("settled"))
        assert len(document.removed) == 1
        document.calls[-1][0]()
        assert counted[-1] == "settled"
        schedule.apart(lambda: 42, counted.append)
    document.ticks[0]()
    assert counted[-1] == 42


def test_ranges_are_round_and_never_empty():
    assert rounded_range(-1.234, 1.9) == (-1.3, 1.9)
    low, high = rounded_range(2.0, 2.0)
    assert low < 2.0 < high
    assert math.isfinite(high)
