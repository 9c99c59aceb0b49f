"""Boxes and their faces."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinndd.pinn.geometry.domain import Domain, domain_from
from pinndd.pinn.geometry.patches import Face
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
