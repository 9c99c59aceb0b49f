"""Pieces of the boundary: local coordinates, normals, and what a domain does not have."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinndd.constraints import Box, Fixed, Within
from pinndd.pinn.geometry.domain import Domain, domain_from
from pinndd.pinn.geometry.patches import Patch
from pinndd.pinn.geometry.places import boundary_patch, initial_patch
from pinndd.pinn.jets.deepxde import import_deepxde

dde = import_deepxde()
TIME = dde.geometry.TimeDomain(0, 2)
RECTANGLE = dde.geometry.Rectangle([0, 0], [2, 4])
DISK = dde.geometry.Disk([1, 0], 2)
ELL = dde.geometry.Polygon([[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]])
PLATE = dde.geometry.Rectangle([-1, -1], [2, 1]) - dde.geometry.Disk([0, 0], 0.5) - dde.geometry.Disk([2, 1], 0.25)
PIPE = dde.geometry.Disk([0, 0], 1) & dde.geometry.Rectangle([-3, -0.5], [3, 0.75])
SPACES = {
    "rectangle": RECTANGLE,
    "disk": DISK,
    "ell": ELL,
    "cuboid": dde.geometry.Cuboid([0, 0, 0], [1, 2, 3]),
    "plate": PLATE,
    "pipe": PIPE,
}
PATCHES: list[tuple[str, dict[str, Any]]] = [
    ("rectangle", {"x": 0}),
    ("rectangle", {"y": 4, "x": (0.5, 1.0)}),
    ("cuboid", {"z": 3}),
    ("disk", {"angle": (0, 2 * math.pi)}),
    ("disk", {"angle": (-1.0, 2.0)}),
    ("ell", {"from": (2, 1), "to": (1, 1)}),
    ("ell", {"from": (0, 2), "to": (0, 0.5)}),
    ("ell", {"x": 2}),
    ("ell", {"y": 0, "x": (0.5, 1)}),
    ("plate", {"circle": ((0, 0), 0.5)}),
    ("plate", {"circle": ((0, 0), 0.5), "angle": (1.0, 4.0)}),
    ("plate", {"circle": ((2, 1), 0.25)}),
    ("plate", {"x": 2, "y": (-1, 0.5)}),
    ("plate", {"from": (1, 1), "to": (0, 1)}),
    ("pipe", {"circle": ((0, 0), 1), "angle": (6.0, 7.0)}),
    ("pipe", {"y": -0.5}),
]


def domain(name: str, timed: bool) -> Domain:
    return domain_from(dde.geometry.GeometryXTime(SPACES[name], TIME) if timed else SPACES[name])


def draw(patch: Patch, seed: int, count: int = 9) -> Tensor:
    return torch.rand((count, patch.dimension), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize(("name", "at"), PATCHES)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_local_coordinates_invert_and_points_lie_on_the_boundary(
    name: str, at: dict[str, Any], timed: bool, seed: int
) -> None:
    box = domain(name, timed)
    patch = boundary_patch("c", at, box)
    assert patch.dimension == box.dimension - 1 == len(patch.axis_names)
    s = draw(patch, seed)
    points = patch.points(s)
    torch.testing.assert_close(patch.local(points), s)
    assert patch.contains(points).all()
    assert box.inside(points, -1e-9).all()
    assert not box.inside(points, 1e-6).any()
    normal = patch.normal(points)
    torch.testing.assert_close(normal[:, : box.space_dimension].norm(dim=-1), torch.ones(len(points), dtype=torch.float64))
    assert not normal[:, box.space_dimension :].any()
    inwards = points - 1e-4 * normal
    assert box.inside(inwards, -1e-9).all()
    assert not box.inside(points + 1e-4 * normal).any()
    assert not patch.contains(inwards).any()


@pytest.mark.parametrize(("name", "at"), PATCHES)
def test_pictures_name_the_first_coordinate(name: str, at: dict[str, Any]) -> None:
    patch = boundary_patch("c", at, domain(name, False))
    s = torch.tensor([0.0, 1.0], dtype=torch.float64)
    places = patch.points(torch.cat((s[:, None], torch.zeros((2, patch.dimension - 1), dtype=torch.float64)), -1))
    low, high = patch.ticks(s).tolist()
    if patch.axis_names[0] in ("angle", "length"):
        turn = high - low
        assert turn * (2 if name == "disk" else 1) >= float((places[1] - places[0]).norm()) - 1e-12
    else:
        axis = "xyz".index(patch.axis_names[0])
        assert [low, high] == places[:, axis].tolist()


@pytest.mark.parametrize("name", SPACES)
def test_the_initial_time(name: str) -> None:
    box = domain(name, True)
    patch = initial_patch("start", box)
    assert patch.initial
    assert not boundary_patch("c", PATCHES[[n for n, _ in PATCHES].index(name)][1], box).initial
    s = patch.from_unit(draw(patch, 0, 200))
    points = patch.points(s)
    assert (points[:, -1] == 0).all()
    assert box.inside(points, -1e-9).all()
    torch.testing.assert_close(patch.local(points), s)
    assert patch.constraint().violation(s) < 1e-12
    kind = Box if box.region is None else Within
    assert isinstance(patch.constraint(), kind)
    wild = patch.constraint().from_free(patch.constraint().project(3 * draw(patch, 1, 200) - 1))
    assert box.inside(patch.points(wild), -1e-9).all()
    with pytest.raises(ValueError, match="has no normal"):
        patch.normal(points)


def test_a_point_is_a_patch_without_coordinates() -> None:
    patch = boundary_patch("pin", {"x": 0, "y": 4}, domain("rectangle", False))
    assert (patch.dimension, patch.axis_names, patch.constraint()) == (0, (), Fixed())
    nothing = torch.empty((1, 0), dtype=torch.float64)
    assert patch.points(nothing).tolist() == [[0.0, 4.0]]
    assert patch.local(patch.points(nothing)).shape == (1, 0)


def test_which_patches_are_closed() -> None:
    assert boundary_patch("c", {"angle": (1.0, 1.0 + 2 * math.pi)}, domain("disk", False)).closed(())
    assert not boundary_patch("c", {"angle": (0.0, 3.0)}, domain("disk", False)).closed(())
    face = boundary_patch("c", {"y": 0}, domain("rectangle", False))
    assert face.closed((0,))
    assert not face.closed((1,))
    assert not boundary_patch("c", {"from": (0, 0), "to": (2, 0)}, domain("ell", False)).closed((0,))


@pytest.mark.parametrize(
    ("name", "at", "message"),
    [
        ("rectangle", {"z": 0}, "condition 'c': coordinate 'z' is not one of x, y"),
        ("rectangle", {"x": 1}, r"condition 'c': x = 1 names no boundary; expected 0\.0 or 2\.0"),
        ("rectangle", {"x": 0, "y": (1, 5)}, r"condition 'c': y from \(1, 5\) is no part of the boundary"),
        ("rectangle", {"x": 0, "y": (2, 1)}, "expected a rising pair between 0.0 and 4.0"),
        ("rectangle", {"y": (1, 2)}, "fixes no coordinate; expected such as {'x': 0}"),
        ("disk", {"x": 0}, r"x = 0 names no straight edge of the boundary; .* {'circle': \(\(1, 0\), 2\)} \(or {'angle'"),
        ("disk", {"angle": 1.0}, r"at={'angle': 1.0} names no part of the boundary; expected a piece of {'circle'"),
        ("disk", {"from": (0, 0), "to": (1, 0)}, r"is no part of the boundary, which has no straight edge; expected"),
        ("disk", {"angle": (1.0, 0.5)}, "angle from 1 to 0.5; expected a rising pair at most 2 pi apart"),
        ("ell", {"x": 3}, r"x = 3 names no straight edge of the boundary; expected a piece of {'from': \(0, 0\), 'to': \(2, 0\)}, {"),
        ("ell", {"x": 0, "z": 1}, r"at={'x': 0, 'z': 1} names no part of the boundary; expected a piece of"),
        ("ell", {"y": float("nan")}, r"at={'y': nan} names no part of the boundary"),
        ("ell", {"x": 0.5, "y": 0.5}, r"the point \(0.5, 0.5\) is no part of the boundary; expected"),
        ("ell", {"x": 0, "y": (1, 3)}, r"y from \(1, 3\) is no part of the boundary, which has y from 0 to 2 there"),
        ("ell", {"x": 0, "y": (3, 1)}, r"y from \(3, 1\) is no part of the boundary; expected a rising pair of numbers"),
        ("ell", {"angle": (0, 1)}, r"at={'angle': \(0, 1\)} names no circle of the boundary; expected a piece of {'from'"),
        ("ell", {"from": (0, 0), "to": (2, 1)}, r"the line from \(0, 0\) to \(2, 1\) is no part of the boundary; the nearest edge "),
        ("ell", {"from": (0, 0), "to": (0, 0)}, "expected two points, such as {'from': "),
        ("ell", {"from": (0, 0), "to": "b"}, "expected two points, such as {'from': "),
        ("rectangle", {"x": "0"}, r"x = '0' names no boundary; expected 0\.0 or 2\.0"),
        ("rectangle", {"x": float("nan")}, r"x = nan names no boundary; expected 0\.0 or 2\.0"),
        ("rectangle", {"x": 0, "y": (0, "b")}, r"y from \(0, 'b'\) is no part of the boundary"),
    ],
)
def test_what_a_domain_does_not_have(name: str, at: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        boundary_patch("c", at, domain(name, False))
