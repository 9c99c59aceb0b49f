"""Domains by union, difference and intersection: what is read from DeepXDE, and what conditions may name."""

import math
from typing import Any

import pytest
import torch

from pinndd.pinn.geometry.domain import Domain, domain_from
from pinndd.pinn.geometry.patches import Arc, Edge, Face
from pinndd.pinn.geometry.places import boundary_patch
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.regions import CombinedRegion

dde = import_deepxde()
g = dde.geometry
SQUARE = g.Rectangle([0, 0], [2, 2])
STEP = g.Rectangle([0, 0], [4, 1]) | g.Rectangle([1, -1], [4, 0])
ANNULUS = g.Disk([0, 0], 1) - g.Disk([0, 0], 0.4)
SLOTTED = g.Rectangle([0, 0], [3, 1]) - g.Rectangle([1, 0.5], [2, 2]) - g.Disk([0, 0], 0.25)
PIPE = g.Disk([0, 0], 1) & g.Rectangle([-3, -0.5], [3, 0.5])


def area(domain: Domain) -> float:
    assert isinstance(domain.region, CombinedRegion)
    return domain.region.area


@pytest.mark.parametrize(
    ("space", "wanted", "low", "high"),
    [
        (SQUARE - g.Disk([1, 1], 0.5), 4 - math.pi / 4, (0, 0), (2, 2)),
        (STEP, 7.0, (0, -1), (4, 1)),
        (ANNULUS, 0.84 * math.pi, (-1, -1), (1, 1)),
        (SLOTTED, 2.5 - math.pi / 64, (0, 0), (3, 1)),
        (SQUARE - g.Triangle([0, 0], [1, 0], [0, 1]), 3.5, (0, 0), (2, 2)),
        (SQUARE & g.Polygon([[1, -1], [3, -1], [3, 1], [2, 1.5], [1, 1]]), 1.25, (1, 0), (2, 1.5)),
    ],
)
@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")  # of DeepXDE
def test_domains_are_read_from_deepxde(space, wanted, low, high) -> None:  # type: ignore[no-untyped-def]
    domain = domain_from(space)
    assert area(domain) == pytest.approx(wanted)
    assert (domain.low, domain.high) == (low, high)
    points = domain.scale(torch.rand((500, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    assert space.inside(points.numpy()).all()
    timed = domain_from(g.GeometryXTime(space, g.TimeDomain(0, 3)))
    assert (timed.low, timed.high, timed.names) == ((*low, 0), (*high, 3), ("x", "y", "t"))


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (SQUARE & g.Disk([9, 9], 1), "domain CSGIntersection: region: the intersection of .* has no inside; expected parts"),
        (g.Disk([1, 1], 0.5) - SQUARE, "domain CSGDifference: region: the difference of .* has no inside"),
        (
            g.Cuboid([0, 0, 0], [1, 1, 1]) - g.Sphere([0, 0, 0], 0.5),
            "domain CSGDifference of Cuboid and Sphere is not supported: expected .* or in the plane the union, difference or "
            "intersection of Disks, Rectangles, Triangles and Polygons",
        ),
        (g.Interval(0, 1) | g.Interval(2, 3), "domain CSGUnion of Interval and Interval is not supported"),
        (SQUARE - (SQUARE & g.Ellipse([0, 0], 1, 0.5)), "domain CSGIntersection of Rectangle and Ellipse is not supported"),
    ],
)
def test_what_is_refused(space, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        domain_from(space)


@pytest.mark.parametrize(
    ("space", "at", "first", "last", "normal"),
    [
        (ANNULUS, {"circle": ((0, 0), 0.4)}, (0.4, 0), (0.4, 0), (1, 0)),
        (ANNULUS, {"circle": ((0, 0), 1)}, (1, 0), (1, 0), (-1, 0)),
        (ANNULUS, {"circle": ((0, 0), 0.4), "angle": (0, math.pi)}, (0.4, 0), (-0.4, 0), (0, -1)),
        (STEP, {"from": (1, 0), "to": (1, -1)}, (1, 0), (1, -1), (-1, 0)),
        (STEP, {"x": 1}, (1, -1), (1, 0), (-1, 0)),
        (STEP, {"x": 4}, (4, -1), (4, 1), (1, 0)),
        (STEP, {"y": 1}, (0, 1), (4, 1), (0, 1)),
        (STEP, {"y": -1, "x": (2, 3)}, (2, -1), (3, -1), (0, -1)),
        (SLOTTED, {"y": 0.5}, (1, 0.5), (2, 0.5), (0, 1)),
        (SLOTTED, {"y": 1, "x": (2, 3)}, (2, 1), (3, 1), (0, 1)),
        (SLOTTED, {"x": 0}, (0, 0.25), (0, 1), (-1, 0)),
        (SLOTTED, {"angle": (0, math.pi / 2)}, (0.25, 0), (0, 0.25), (-math.sqrt(0.5), -math.sqrt(0.5))),
        (PIPE, {"circle": ((0, 0), 1), "angle": (-0.5, 0.5)}, *((math.cos(0.5), y * math.sin(0.5)) for y in (-1, 1)), (1, 0)),
    ],
)  # fmt: skip
def test_places_and_outward_normals(space, at, first, last, normal) -> None:  # type: ignore[no-untyped-def]
    patch = boundary_patch("c", at, domain_from(space))
    ends = patch.points(torch.tensor([[0.0], [1.0]], dtype=torch.float64))
    torch.testing.assert_close(ends, torch.tensor([first, last], dtype=torch.float64), atol=1e-12, rtol=0)
    middle = patch.points(torch.tensor([[0.5]], dtype=torch.float64))
    torch.testing.assert_close(patch.normal(middle)[0], torch.tensor(normal, dtype=torch.float64), atol=1e-12, rtol=0)
    inwards = patch.domain.inside(middle - 1e-3 * patch.normal(middle), 1e-4)
    assert bool(inwards.all())


def test_all_of_an_arc_without_its_angles() -> None:
    half = boundary_patch("c", {"circle": ((0, 0), 0.25)}, domain_from(SLOTTED))
    assert isinstance(half, Arc)
    assert half.angles == pytest.approx((0, math.pi / 2))
    assert half.hole
    assert not half.closed(())
    assert boundary_patch("c", {"circle": ((0, 0), 1)}, domain_from(ANNULUS)).closed(())


def test_ends_that_are_nearly_named_are_those_of_the_domain() -> None:
    edge = boundary_patch("c", {"from": (1.0000004, 0), "to": (1, -1.0000004)}, domain_from(STEP))
    assert isinstance(edge, Edge)
    assert (edge.start, edge.end) == ((1, 0), (1, -1))
    arc = boundary_patch("c", {"circle": ((0, 1e-7), 0.3999999), "angle": (0, 6.2831853)}, domain_from(ANNULUS))
    assert isinstance(arc, Arc)
    assert (arc.circle.radius, arc.circle.center, arc.angles) == (0.4, (0, 0), (0, 2 * math.pi))


@pytest.mark.parametrize("timed", [False, True])
def test_a_point_pins_a_level(timed: bool) -> None:
    domain = domain_from(g.GeometryXTime(STEP, g.TimeDomain(0, 1)) if timed else STEP)
    patch = boundary_patch("pin", {"x": 4, "y": -1.0000001}, domain)
    assert isinstance(patch, Face)
    assert (patch.fixed, patch.dimension) == ({0: 4.0, 1: -1.0}, int(timed))
    unit = torch.rand((3, int(timed)), dtype=torch.float64)
    assert torch.equal(patch.from_unit(unit), unit)
    assert patch.constraint().violation(unit) == 0


@pytest.mark.parametrize(
    ("space", "at", "message"),
    [
        (STEP, {"from": (0, 0), "to": (2, 0)}, r"is no part of the boundary; the nearest edge runs from \(0, 0\) to \(1, 0\)"),
        (STEP, {"x": 2}, r"x = 2 names no straight edge of the boundary; expected a piece of {'from': "),
        (STEP, {"circle": ((0, 0), 1)}, r"the circle around \(0, 0\) of radius 1 is no part of the boundary; expected a piece of"),
        (SLOTTED, {"y": 1}, r"y = 1 names 2 edges; say which by 'x': \(.*2.0, 3.0\)"),
        (SLOTTED, {"y": 1, "x": (0, 2)}, r"x from \(0, 2\) is no part of the boundary, which has x from .* there"),
        (SLOTTED, {"angle": (0, 2)}, r"the angle from 0 to 2 is no part of the boundary; expected one within \(0, 1.5708\)"),
        (SLOTTED, {"angle": (2, 1)}, "angle from 2 to 1; expected a rising pair at most 2 pi apart"),
        (SLOTTED, {"circle": 3}, r"circle=3; expected its centre and radius, such as \(\(0, 0\), 1\)"),
        (SLOTTED, {"circle": ((0, 0), 0.25), "x": 0}, "names no part of the boundary; expected a piece of"),
        (PIPE, {"circle": ((0, 0), 1)}, r"means 2 pieces; say which by 'angle': \(.*\), \("),
        (ANNULUS, {"angle": (0, 1)}, r"names no circle of the boundary; expected a piece of {'circle': \(\(0, 0\), "),
        (ANNULUS, {"x": 0, "y": 0}, r"the point \(0, 0\) is no part of the boundary"),
    ],
)  # fmt: skip
def test_what_is_no_edge(space: Any, at: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        boundary_patch("c", at, domain_from(space))


def test_many_edges_are_not_all_listed() -> None:
    corners = [(math.cos(k * math.pi / 10), math.sin(k * math.pi / 10)) for k in range(20)]
    with pytest.raises(ValueError, match="…"):
        boundary_patch("c", {"x": 9}, domain_from(g.Polygon(corners)))
