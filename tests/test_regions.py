"""Disks and polygons: uniform maps, distances, projections."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinndd.constraints import Within, constraint_from_json
from pinndd.regions import DiskRegion, PolygonRegion, Region, region_from_json

DISK = DiskRegion((1.0, -2.0), 0.5)
ELL = PolygonRegion(((0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)))
KITE = PolygonRegion(((0, 0), (3, 1), (1, 2), (1, 1)))
REGIONS = {"disk": DISK, "ell": ELL, "kite": KITE}
AREAS = {"disk": math.pi / 4, "ell": 3.0, "kite": 2.0}


def grid(count: int = 200) -> Tensor:
    line = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return torch.cartesian_prod(line, line)


@pytest.mark.parametrize("name", REGIONS)
def test_the_map_is_uniform(name: str) -> None:
    """The mean of any function over mapped midpoints is its mean over the region, here by a fine grid of the bounding box."""
    region = REGIONS[name]
    (x0, y0), (x1, y1) = region.bounds
    box = torch.tensor([x0, y0], dtype=torch.float64) + grid(600) * torch.tensor([x1 - x0, y1 - y0], dtype=torch.float64)
    inside = box[region.depth(box) >= 0]
    assert len(inside) / len(box) * (x1 - x0) * (y1 - y0) == pytest.approx(AREAS[name], rel=5e-3)
    mapped = region.from_unit(grid())
    for function in (lambda p: p[:, 0], lambda p: p[:, 1], lambda p: (3 * p[:, 0]).sin() * p[:, 1] ** 2):
        assert float(function(mapped).mean()) == pytest.approx(float(function(inside).mean()), abs=5e-3)


@pytest.mark.parametrize("name", REGIONS)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_mapped_points_lie_inside_and_projections_are_nearest(name: str, seed: int) -> None:
    region = REGIONS[name]
    generator = torch.Generator().manual_seed(seed)
    unit = torch.rand((50, 2), generator=generator, dtype=torch.float64)
    mapped = region.from_unit(unit)
    assert (region.depth(mapped) >= -1e-9).all()
    assert torch.equal(region.project(mapped[region.depth(mapped) > 0]), mapped[region.depth(mapped) > 0])
    wild = mapped + torch.randn((50, 2), generator=generator, dtype=torch.float64)
    back = region.project(wild)
    assert (region.depth(back) >= -1e-9).all()
    moved = (back - wild).norm(dim=-1)
    torch.testing.assert_close(moved, (-region.depth(wild)).clamp_min(0))
    assert (moved[:, None] <= (wild[:, None] - mapped).norm(dim=-1) + 1e-9).all()


def test_corners_of_the_unit_square_reach_the_ends() -> None:
    ends = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(ELL.from_unit(ends), torch.tensor([[0.0, 0.0], [2.0, 1.0]], dtype=torch.float64))
    assert float(DISK.from_unit(torch.full((1, 2), 0.5, dtype=torch.float64)).sub(torch.tensor(DISK.center)).norm()) == 0


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
def test_descriptions_restore_the_region(region: Region) -> None:
    _ = region.from_unit(grid(3))  # fills caches, which must not be written
    assert region_from_json(region.to_json()) == region
    constraint = Within(region, (*region.bounds[0], -1.0), (*region.bounds[1], 1.0))
    assert constraint_from_json(constraint.to_json()) == constraint


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
def test_the_scaled_region_fills_the_unit_square(region: Region) -> None:
    unit = region.in_unit_square()
    assert unit.bounds == ((0.0, 0.0), (1.0, 1.0))
    low, high = (torch.tensor(corner, dtype=torch.float64) for corner in region.bounds)
    torch.testing.assert_close(low + (high - low) * unit.from_unit(grid(20)), region.from_unit(grid(20)))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_projected_free_parameters_are_feasible(seed: int) -> None:
    constraint = Within(ELL, (0.0, 0.0, -1.0), (2.0, 2.0, 3.0))
    generator = torch.Generator().manual_seed(seed)
    free = 3 * torch.rand((20, 3), generator=generator, dtype=torch.float64) - 1
    value = constraint.from_free(constraint.project(free))
    assert constraint.violation(value) < 1e-12
    torch.testing.assert_close(constraint.from_free(constraint.to_free(value)), value)


def test_violation_is_the_distance_outside() -> None:
    constraint = Within(DISK, (0.5, -2.5, 0.0), (1.5, -1.5, 1.0))
    value = torch.tensor([[2.0, -2.0, 0.5]], dtype=torch.float64)
    assert constraint.violation(value) == pytest.approx(0.5)
    assert constraint.violation(value[:0]) == 0
    assert constraint.violation(torch.tensor([[1.0, -2.0, 1.5]], dtype=torch.float64)) == pytest.approx(0.5)


def test_what_is_no_region() -> None:
    with pytest.raises(ValueError, match=r"disk: center \(0.0, 0.0\) must be finite, and radius 0.0 positive"):
        DiskRegion((0, 0), 0)
    with pytest.raises(ValueError, match=r"polygon: vertices .* must be at least three points"):
        PolygonRegion(((0, 0), (1, 1)))
    with pytest.raises(ValueError, match="region of kind 'star' is not known: expected one of combination, disk, polygon, scaled"):
        region_from_json({"kind": "star"})
