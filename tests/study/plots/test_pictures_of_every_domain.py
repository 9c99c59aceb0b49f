"""Pictures of disks, polygons, rods, boxes and systems: what is shown, where it is cut, and what lies outside."""

import math
from dataclasses import replace

import deepxde as dde
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from pinndd import PDE, Dirichlet, Initial, families
from pinndd.pinn.families import LinearFamily
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.study.plots.conditions import draw_conditions, drawn_conditions
from pinndd.study.plots.fields import draw_field_row, draw_fields
from pinndd.study.plots.gallery import draw_gallery
from pinndd.study.plots.panels import components, draw_map, telling
from pinndd.study.plots.points import draw_points
from pinndd.study.plots.style import new_figure, save_figure
from pinndd.study.protocols.sections import section_of
from pinndd.study.results.outcome import FieldExample, Outcome
from pinndd.study.results.outcome_files import load_outcome, save_outcome
from pinndd.study.results.standing import Standing
from pinndd.study.results.table import as_table

geometry = dde.geometry
L_SHAPE = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
SINE = families.Sine(modes=2)


class Number(LinearFamily):
    """A constant: the only kind of function on a point."""

    size, mean, distribution, active, scales = 1, 0.0, "normal", None, (1.0,)

    def basis(self, s):
        return s.new_ones((*s.shape[:-1], 1))


def in_time(space):
    return geometry.GeometryXTime(space, geometry.TimeDomain(0, 1))


def wave(points, component=0):
    return torch.sin((2 + component) * points.sum(-1) + component)


def declare(name, domain, *conditions, outputs=1, units=None):
    count = outputs if isinstance(outputs, int) else len(outputs)

    def residual(x, u):
        return [dde.grad.hessian(u, x, component=c, i=0, j=0) for c in range(count)]

    def reference(values, points):
        fields = torch.stack([wave(points, c) for c in range(count)], -1)
        return fields.expand(len(values), *fields.shape)

    return PDE(name, domain, residual, conditions, reference, outputs=outputs, units=units or {})


PDES = {
    p.name: p
    for p in (
        declare(
            "disk",
            geometry.Disk([0, 0], 1),
            Dirichlet("rim", at={"angle": (0, 2 * math.pi)}, values=families.Fourier(modes=2)),
        ),
        declare(
            "polygon",
            geometry.Polygon(L_SHAPE),
            Dirichlet("bottom", at={"from": (0, 0), "to": (2, 0)}, values=SINE),
            Dirichlet("top", at={"from": (0, 2), "to": (1, 2)}, values=families.Zero()),
        ),
        declare(
            "holed",
            geometry.Rectangle([0, 0], [2, 2]) - geometry.Disk([1, 1], 0.5),
            Dirichlet("rim", at={"circle": ((1, 1), 0.5)}, values=families.Fourier(modes=2)),
            Dirichlet("left", at={"x": 0}, values=families.Zero()),
        ),
        declare(
            "channel",
            in_time(geometry.Rectangle([0, 0], [3, 1]) - geometry.Disk([1, 0], 0.25)),
            Initial("start", values=families.Product(SINE, SINE)),
            Dirichlet("obstacle", at={"circle": ((1, 0), 0.25)}, values=families.Product(SINE, SINE)),
        ),
        declare(
            "system",
            geometry.Rectangle([0, 0], [2, 1]),
            Dirichlet("left", at={"x": 0}, values=SINE),
            Dirichlet("corner", at={"x": 2, "y": 0}, values=Number(), component="q"),
            outputs=("p", "q"),
            units={"p": "Pa", "q": "m/s", "x": "m"},
        ),
        declare(
            "plate",
            in_time(geometry.Rectangle([0, 0], [1, 1])),
            Initial("start", values=families.Product(SINE, SINE)),
            Dirichlet("left", at={"x": 0}, values=families.Product(SINE, SINE)),
            units={"u": "K", "t": "s"},
        ),
        declare(
            "drum", in_time(geometry.Disk([1, 0], 0.5)), Initial("start", values=families.Product(SINE, SINE)), outputs=2
        ),
        declare(
            "box", geometry.Cuboid([0, 0, 0], [1, 1, 4]), Dirichlet("face", at={"x": 0}, values=families.Product(SINE, SINE))
        ),
        declare(
            "rod",
            geometry.Interval(0, 3),
            Dirichlet("left", at={"x": 0}, values=Number()),
            Dirichlet("right", at={"x": 3}, values=families.Zero()),
        ),
    )
}


def example_of(pde, side=20):
    section = section_of(pde, side)
    truth = torch.stack([wave(section.points, c) for c in range(pde.output_count)], -1)
    return section.example("none", truth, {"sobol": truth + 0.1, "distilled": truth + 0.01})


def titles(figure):
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


def points_of(pde, seed=1):
    return collocation_data(pde, *sample_points(pde, "sobol", 24, 8, seed))


@pytest.mark.parametrize("pde", PDES.values(), ids=PDES)
def test_every_picture_is_drawn(pde, tmp_path):
    data = points_of(pde)
    codes = pde.ensemble().sample(3, torch.Generator().manual_seed(0))
    example = example_of(pde)
    for figure in (
        draw_fields(pde, example),
        draw_field_row(pde, example),
        draw_points(pde, data, data, Standing("none", "sobol"), example),
        draw_conditions(pde, codes, codes, Standing("none", "k-means")),
    ):
        save_figure(figure, tmp_path / "picture.png", 30)
        named = [ax for ax in figure.axes if ax.get_title()]
        assert all(ax.get_xlabel() for ax in named[-1:])


@pytest.mark.parametrize("pde", PDES.values(), ids=PDES)
def test_a_section_lies_in_the_domain(pde):
    section = section_of(pde, 21)
    assert section.points.shape == (int(section.inside.sum()), pde.box.dimension)
    assert bool(pde.box.inside(section.points, -1e-12).all())
    assert len(section.sides) == min(2, pde.box.dimension)


@pytest.mark.parametrize(
    ("name", "share"),
    [("disk", math.pi / 4), ("drum", math.pi / 4), ("polygon", 3 / 4), ("plate", 1.0), ("holed", 1 - math.pi / 16)],
)
def test_as_much_of_the_box_is_shown_as_belongs_to_the_domain(name, share):
    """A check of the mask by the area of the domain: the error is that of a sum over cells along the boundary."""
    section = section_of(PDES[name], 201)
    assert float(section.inside.double().mean()) == pytest.approx(share, abs=0.01)


def test_outside_the_domain_there_is_nothing():
    pde, example = PDES["polygon"], example_of(PDES["polygon"])
    assert example.truth.isnan().any()
    assert bool(example.truth[-1, -1].isnan())
    ax = new_figure(3, 3).subplots()
    mesh = draw_map(pde, ax, example.truth.numpy(), -1, 1)
    assert mesh.get_clip_path() is not None
    assert ax.get_aspect() == 1
    (outline,) = ax.patches
    assert {tuple(map(float, v)) for v in outline.get_path().vertices} == {tuple(map(float, v)) for v in L_SHAPE}


def test_a_hole_is_white_and_all_loops_are_drawn(tmp_path):
    """Pixels of the picture itself: the middle of the hole has no colour, and a ring around it has."""
    pde = PDES["holed"]
    figure = new_figure(4, 4)
    ax = figure.subplots()
    draw_map(pde, ax, np.ones_like(example_of(pde, 40).truth.numpy()), 0, 1)
    (outline,) = ax.patches
    assert sum(code == outline.get_path().MOVETO for code in outline.get_path().codes) == 2
    save_figure(figure, tmp_path / "hole.png", 100)
    picture = plt.imread(tmp_path / "hole.png")[..., :3]

    def colour(x, y):
        column, row = ax.transData.transform((x, y)) / figure.dpi * 100
        return picture[-1 - round(row), round(column)]

    angles = np.linspace(0, 2 * math.pi, 9)
    assert all(np.allclose(colour(1 + r * math.cos(a), 1 + r * math.sin(a)), 1) for a in angles for r in (0.0, 0.4))
    assert not any(np.allclose(colour(1 + 0.6 * math.cos(a), 1 + 0.6 * math.sin(a)), 1) for a in angles)


@pytest.mark.parametrize(("name", "at"), [("plate", "at t = 0.5 s"), ("box", "at z = 2"), ("channel", "at t = 0.5")])
def test_the_title_says_where_it_is_cut(name, at):
    pde = PDES[name]
    example = example_of(pde)
    assert at in draw_fields(pde, example).get_suptitle()
    assert at in draw_field_row(pde, example).get_suptitle()
    values = list(example.at.values())
    assert values == pytest.approx(section_of(pde, 3).points[0, 2:].tolist())


def test_a_system_has_a_row_a_component_and_the_telling_one_stands_for_it():
    pde = PDES["system"]
    example = example_of(pde)
    assert [t for t in titles(draw_fields(pde, example)) if "solution" in t] == ["p: solution", "q: solution"]
    flat = FieldExample("none", example.truth * torch.tensor([1.0, 0.01]) + torch.tensor([0.0, 1.0]), example.predictions)
    assert telling(components(pde, flat)).name == "p"
    # the unit of a component does not matter
    bars = FieldExample("none", flat.truth * torch.tensor([1e-5, 1.0]), flat.predictions)
    assert telling(components(pde, bars)).name == "p"
    assert "component p" in draw_field_row(pde, flat).get_suptitle()


def test_errors_in_the_title_are_those_of_each_component():
    pde = PDES["system"]
    example = example_of(pde)
    factors = {name: 1 + torch.tensor(off) for name, off in {"distilled": [0.1, 0.02], "sobol": [0.3, 0.5]}.items()}
    off = replace(example, predictions={name: example.truth * factor for name, factor in factors.items()})
    said = "distilled is off by 10 % in p, 2.0 % in q;\nsobol is off by 30 % in p, 50 % in q"
    assert said in draw_fields(pde, off).get_suptitle()


def test_errors_in_the_title_are_relative_to_the_deviation_from_the_rest_and_the_mean():
    pde = PDES["disk"]
    example = example_of(pde)
    rest = torch.full_like(example.truth, 300.0)
    predictions = {"distilled": 300 + 1.25 * example.truth}
    warm = replace(example, truth=example.truth + rest, rest=rest, predictions=predictions)
    assert "distilled is off by 25 %" in draw_fields(pde, warm).get_suptitle()
    free = replace(pde, up_to_constant=("u",))
    (shown,) = components(free, replace(warm, rest=None))
    varies = example.truth[~example.truth.isnan()]
    assert shown.size == pytest.approx(float((varies - varies.mean()).square().mean().sqrt()))


def test_a_rod_has_lines_and_points_in_a_row():
    pde = PDES["rod"]
    left, right = draw_fields(pde, example_of(pde)).axes
    assert (len(left.lines), len(right.lines)) == (3, 2)
    (ax,) = draw_points(pde, points_of(pde), None, Standing("none", ""), None).axes
    heights = np.concatenate([np.asarray(c.get_offsets())[:, 1] for c in ax.collections])
    assert not heights.any()


def test_conditions_that_do_not_vary_are_not_drawn():
    assert drawn_conditions(PDES["rod"]) == ["left"]
    assert drawn_conditions(PDES["polygon"]) == ["bottom"]


def test_a_diverged_prediction_does_not_drown_the_truth():
    pde = PDES["disk"]
    example = example_of(pde)
    wild = FieldExample("none", example.truth, {"distilled": example.truth, "sobol": 1e6 * example.truth})
    (shown,) = components(pde, wild)
    low, high = shown.truth_limits
    assert shown.limits[1] - shown.limits[0] <= 2 * (high - low)


def test_sections_survive_the_disk_and_older_runs_are_read(tmp_path):
    example = replace(example_of(PDES["drum"]), rest=torch.ones((4, 4, 2), dtype=torch.float64))
    save_outcome(Outcome("retrain", as_table(()), [], "sobol", None, [], [], [example]), tmp_path)
    (back,) = load_outcome(tmp_path).examples
    assert back.at == {"t": 0.5}
    assert torch.equal(back.rest, example.rest)
    torch.testing.assert_close(back.truth, example.truth, equal_nan=True)
    text = (tmp_path / "outcome.json").read_text()
    text = text.replace('"version": 2', '"version": 1')
    (tmp_path / "outcome.json").write_text(text.replace(', "at": {"t": 0.5}, "why": ""', ""))
    with pytest.warns(UserWarning, match="0.2.0 or before"):
        assert load_outcome(tmp_path).examples[0].at == {}


def test_the_gallery_of_a_plate(tmp_path):
    pde = PDES["plate"]
    outcome = Outcome("retrain", as_table(()), [points_of(pde)], "sobol", points_of(pde, 2), [], [], [example_of(pde)])
    assert [p.kind for p in draw_gallery(pde, [outcome], tmp_path)] == ["points", "fields"]
    figure = draw_points(pde, points_of(pde), None, Standing("none", ""), example_of(pde))
    assert "seen along t, onto x and y" in figure.get_suptitle()
