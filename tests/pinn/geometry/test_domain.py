"""Domains as DeepXDE describes them: numbers, names, bounds."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinndd.pinn.geometry.domain import Domain, domain_from
from pinndd.pinn.geometry.patches import Face
from pinndd.pinn.geometry.places import boundary_patch, written_numbers
from pinndd.pinn.jets.deepxde import import_deepxde

dde = import_deepxde()
TIME = dde.geometry.TimeDomain(0.5, 2)


@pytest.mark.parametrize(
    ("geometry", "low", "high", "names"),
    [
        (dde.geometry.Interval(-1, 3), (-1, ), (3, ), ("x", )),
        (dde.geometry.Rectangle([0, -2], [1, 2]), (0, -2), (1, 2), ("x", "y")),
        (dde.geometry.Cuboid([0, 0, 1], [1, 2, 3]), (0, 0, 1), (1, 2, 3), ("x", "y", "z")),
        (dde.geometry.Hypercube([0] * 4, [1] * 4), (0, 0, 0, 0), (1, 1, 1, 1), ("x0", "x1", "x2", "x3")),
        (dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), TIME), (0, 0.5), (1, 2), ("x", "t")),
        (dde.geometry.GeometryXTime(dde.geometry.Rectangle([0, 0], [1, 1]), TIME), (0, 0, 0.5), (1, 1, 2), ("x", "y", "t")),
    ],
)  # fmt: skip
def test_boxes_are_read_from_deepxde(geometry, low, high, names) -> None:  # type: ignore[no-untyped-def]
    box = domain_from(geometry)
    assert (box.low, box.high, box.names) == (low, high, names)
    assert box.has_time == (names[-1] == "t")
    assert box.dimension == len(low)
    assert box.geometry is geometry


def test_other_geometries_are_refused() -> None:
    with pytest.raises(
        ValueError, match="domain Sphere is not supported: expected a DeepXDE Interval, Rectangle, Cuboid, Hypercube, Disk"
    ):
        domain_from(dde.geometry.Sphere([0, 0, 0], 1))


@given(
    bounds=st.lists(st.tuples(st.floats(-5, 5), st.floats(0.1, 5)), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_scaling_and_faces_invert(bounds: list[tuple[float, float]], seed: int) -> None:
    low = tuple(a for a, _ in bounds)
    high = tuple(a + width for a, width in bounds)
    box = Domain(low, high, tuple(f"x{i}" for i in range(len(low))), False, None)
    generator = torch.Generator().manual_seed(seed)
    unit = torch.rand((6, box.dimension), generator=generator, dtype=torch.float64)
    torch.testing.assert_close(box.unscale(box.scale(unit)), unit)
    face = Face(box, {0: high[0]})
    s = torch.rand((6, face.dimension), generator=generator, dtype=torch.float64)
    points = face.points(s)
    assert points.shape == (6, box.dimension)
    assert face.contains(points).all()
    torch.testing.assert_close(face.local(points), s)


def test_a_face_knows_its_points() -> None:
    box = domain_from(dde.geometry.Rectangle([0, 0], [2, 4]))
    top = Face(box, {1: 4.0})
    assert top.free_axes == (0,)
    s = torch.tensor([[0.0], [0.25]], dtype=torch.float64)
    assert top.points(s).tolist() == [[0.0, 4.0], [0.5, 4.0]]
    assert top.contains(torch.tensor([[1.0, 4.0], [1.0, 3.9]], dtype=torch.float64)).tolist() == [True, False]


def test_a_corner_is_a_face_without_coordinates() -> None:
    box = domain_from(dde.geometry.Rectangle([0, 0], [2, 4]))
    corner = Face(box, {0: 2.0, 1: 0.0})
    assert corner.dimension == 0
    assert corner.points(torch.empty((1, 0), dtype=torch.float64)).tolist() == [[2.0, 0.0]]


def test_numbers_are_those_that_the_user_wrote() -> None:
    """DeepXDE keeps seven digits; the shortest decimal is the number, or the one that a condition names."""
    rectangle = dde.geometry.Rectangle([-0.7, 0], [3.14159, math.pi])
    assert rectangle.xmin.dtype == np.float32
    box = domain_from(rectangle)
    assert (box.low, box.high) == ((-0.7, 0.0), (3.14159, 3.1415927))
    box = domain_from(rectangle, written=written_numbers({"y": math.pi, "x": (0, 1.5)}))
    assert box.high == (3.14159, math.pi)
    disk = domain_from(dde.geometry.Disk([0.1, 0.2], 0.3))
    assert disk.low == (0.1 - 0.3, 0.2 - 0.3)
    assert list(written_numbers({"from": (0, 1.5), "circle": ((2, 3), 4), "x": "a", "y": True})) == [0, 1.5, 2, 3, 4]
    assert domain_from(dde.geometry.Interval(0, 0.1), written=[1e300]).high == (0.1,)


def test_numbers_in_double_precision_are_kept() -> None:
    dde.config.set_default_float("float64")
    try:
        assert domain_from(dde.geometry.Rectangle([0, 0], [math.pi, 1 / 3])).high == (math.pi, 1 / 3)
    finally:
        dde.config.set_default_float("float32")


CORNERS = [(math.cos(2 * math.pi * k / 5), math.sin(2 * math.pi * k / 5)) for k in range(5)]


@pytest.mark.parametrize("value", [3.14159, 3.1415912, math.pi])
def test_a_bound_may_be_named_up_to_a_millionth_of_the_range(value: float) -> None:
    upper = 3.14159 if value != math.pi else math.pi
    domain = domain_from(dde.geometry.Rectangle([0, 0], [upper, 1]))
    face = boundary_patch("c", {"x": value, "y": (1e-8, 1 - 1e-8)}, domain)
    assert isinstance(face, Face)
    assert face.fixed == {0: domain.high[0]}
    assert face.ranges == {1: (0.0, 1.0)}
    with pytest.raises(ValueError, match=r"x = 3.1416 names no boundary; expected 0.0 or 3.14159"):
        boundary_patch("c", {"x": 3.1416}, domain)


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_a_polygon_by_cosines(size: float) -> None:
    corners = [(size * x, size * y) for x, y in CORNERS]
    domain = domain_from(dde.geometry.Polygon(corners))
    for k in range(5):
        edge = boundary_patch("c", {"from": corners[k], "to": corners[(k + 1) % 5]}, domain)
        s = torch.linspace(0, 1, 7, dtype=torch.float64)[:, None]
        points = edge.points(s)
        assert edge.contains(points).all()
        torch.testing.assert_close(edge.local(points), s)
        assert not domain.inside(points + 1e-3 * size * edge.normal(points)).any()
        assert domain.inside(points - 1e-6 * size * edge.normal(points), 1e-7)[1:-1].all()


@pytest.mark.parametrize(("x", "t"), [(1e-9, 1e9), (1e9, 1e-9), (1e-9, 1.0)])
def test_ranges_of_any_size(x: float, t: float) -> None:
    """Nothing is near a boundary because all numbers are small, or off it because they are large."""
    domain = domain_from(dde.geometry.GeometryXTime(dde.geometry.Interval(-x, x), dde.geometry.TimeDomain(t, 3 * t)))
    face = boundary_patch("c", {"x": -x}, domain)
    points = domain.scale(torch.tensor([[0.0, 0.5], [0.5, 0.5], [1e-3, 1.0], [1e-12, 0.0]], dtype=torch.float64))
    assert face.contains(points).tolist() == [True, False, False, True]
    assert domain.inside(points, 1e-4).tolist() == [False, True, False, False]
    assert domain.inside(points, -1e-9).all()
    outside = points - torch.tensor([1e-6 * x, 0.0], dtype=torch.float64)
    assert domain.inside(outside, -1e-9).tolist() == [False, True, True, False]


INTERVAL, TIME_DOMAIN = dde.geometry.Interval, dde.geometry.TimeDomain


@pytest.mark.parametrize(
    ("space", "time", "message"),
    [
        (INTERVAL(1, 0), None, "domain: x from 1 to 0 is reversed; expected the lower bound first, below the upper one"),
        (INTERVAL(2, 2), None, "domain: x from 2 to 2 is empty"),
        (INTERVAL(0, math.nan), None, "domain: x from 0 to nan; expected finite bounds"),
        (INTERVAL(0, math.inf), None, "domain: x from 0 to inf; expected finite bounds"),
        (INTERVAL(0, 1), TIME_DOMAIN(1, 0), "domain: t from 1 to 0 is reversed"),
        (INTERVAL(0, 1), TIME_DOMAIN(3, 3), "domain: t from 3 to 3 is empty"),
        (INTERVAL(1e9, 1e9 + 1), None, r"x from 1000000000.0 to 1000000001.0 spans less than .* count x from the lower bound, 0 to 1"),
    ],
)  # fmt: skip
def test_domains_that_hold_no_points(space, time, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        domain_from(space if time is None else dde.geometry.GeometryXTime(space, time))


def test_coordinates_may_be_named() -> None:
    geometry = dde.geometry.GeometryXTime(dde.geometry.Rectangle([0, 0], [1, 2]), TIME)
    domain = domain_from(geometry, names=("r", "z", "time"))
    assert domain.names == ("r", "z", "time")
    assert boundary_patch("c", {"z": 2}, domain).axis_names == ("r", "time")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("r",), r"coordinates=\('r',\): expected 2 name\(s\) in place of x, t"),
        ("rt", r"coordinates='rt': expected 2 name\(s\)"),
        (("r", "r"), "the names must differ"),
        (("r", "from"), "'from' cannot name a coordinate; expected letters, digits and underscores, and none of from, to"),
        (("r", "a b"), "'a b' cannot name a coordinate"),
        (("r", 3), "3 cannot name a coordinate"),
    ],
)
def test_names_that_do_not_fit(names, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        domain_from(dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), TIME), names=names)
