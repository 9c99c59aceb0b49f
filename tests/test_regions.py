"""Disks, polygons and what is made of them: uniform maps, distances, projections."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import Tensor

from pinndd.constraints import Within, constraint_from_json
from pinndd.regions import CombinedRegion, DiskRegion, PolygonRegion, Region, ScaledRegion, region_from_json

DISK = DiskRegion((1.0, -2.0), 0.5)
ELL = PolygonRegion(((0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)))
KITE = PolygonRegion(((0, 0), (3, 1), (1, 2), (1, 1)))


def rectangle(x0: float, y0: float, x1: float, y1: float) -> PolygonRegion:
    return PolygonRegion(((x0, y0), (x1, y0), (x1, y1), (x0, y1)))


HOLED = CombinedRegion("difference", rectangle(0, 0, 3, 2), DiskRegion((1.0, 1.0), 0.5))
LENS = CombinedRegion("intersection", DiskRegion((0, 0), 1), DiskRegion((1, 0), 1))
KEYHOLE = CombinedRegion("union", DiskRegion((0, 2), 1), rectangle(-0.5, 0, 0.5, 2))
SCREEN = CombinedRegion("difference", HOLED, CombinedRegion("union", rectangle(2, -1, 2.25, 1), DiskRegion((3, 2), 0.5)))
REGIONS: dict[str, Region] = {
    "disk": DISK,
    "ell": ELL,
    "kite": KITE,
    "holed": HOLED,
    "lens": LENS,
    "keyhole": KEYHOLE,
    "screen": SCREEN,
    "scaled": ScaledRegion(SCREEN),
}
AREAS = {
    "disk": math.pi / 4,
    "ell": 3.0,
    "kite": 2.0,
    "holed": 6 - math.pi / 4,
    "lens": 2 * math.pi / 3 - math.sqrt(3) / 2,
    # a disk and a rectangle up to its centre, which overlap in a sector of 60 degrees and two triangles
    "keyhole": math.pi + 2 - (math.pi / 6 + math.sqrt(3) / 4),
    "screen": 6 - math.pi / 4 - 0.25 - math.pi / 16,
    "scaled": (6 - math.pi / 4 - 0.25 - math.pi / 16) / 6,
}
COMBINED = {"holed": HOLED, "lens": LENS, "keyhole": KEYHOLE, "screen": SCREEN}


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
    if isinstance(region, ScaledRegion):  # distances are those before the stretching
        return
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
    for region in (ELL, SCREEN):
        _check_projection(Within(region, (*region.bounds[0], -1.0), (*region.bounds[1], 3.0)), seed)


def _check_projection(constraint: Within, seed: int) -> None:
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


@pytest.mark.parametrize("name", COMBINED)
def test_areas_in_closed_form_and_outlines(name: str) -> None:
    """By Green's formula the loops, with the region at their left, enclose its area, holes subtracted."""
    region = COMBINED[name]
    assert region.area == pytest.approx(AREAS[name], rel=1e-12)
    enclosed = 0.0
    for loop in region.outline():
        assert torch.equal(loop[0], loop[-1])
        (x0, y0), (x1, y1) = loop[:-1].T, loop[1:].T
        enclosed += float((x0 * y1 - x1 * y0).sum()) / 2
        assert float(region.depth(loop).abs().max()) < 1e-3
    assert enclosed == pytest.approx(AREAS[name], rel=1e-3)
    assert len(region.outline()) == (2 if name in ("holed", "screen") else 1)


@pytest.mark.parametrize("name", COMBINED)
def test_points_are_uniform_by_a_chi_square_test(name: str) -> None:
    """Counts in the cells of a grid against the exact areas of the cells' shares of the region."""
    region, (sides, count) = COMBINED[name], (6, 20_000)
    (x0, y0), (x1, y1) = region.bounds
    points = region.from_unit(torch.rand((count, 2), generator=torch.Generator().manual_seed(5), dtype=torch.float64))
    assert float(region.depth(points).min()) > -1e-12
    low, width = torch.tensor([x0, y0], dtype=torch.float64), torch.tensor([x1 - x0, y1 - y0], dtype=torch.float64)
    numbers = ((points - low) / width * sides).long().clamp(0, sides - 1)
    found = torch.bincount(numbers[:, 0] * sides + numbers[:, 1], minlength=sides**2).tolist()
    expected = []
    for i in range(sides):
        for j in range(sides):
            corners = [x0 + (x1 - x0) * k / sides for k in (i, i + 1)], [y0 + (y1 - y0) * k / sides for k in (j, j + 1)]
            cell = rectangle(corners[0][0], corners[1][0], corners[0][1], corners[1][1])
            try:
                expected.append(count * CombinedRegion("intersection", region, cell).area / AREAS[name])
            except ValueError:
                expected.append(0.0)
    assert sum(expected) == pytest.approx(count, rel=1e-9)
    filled = [k for k, e in enumerate(expected) if e > 5]
    assert all(found[k] <= 20 for k in range(sides**2) if k not in filled)
    share = sum(found[k] for k in filled) / sum(expected[k] for k in filled)
    assert chisquare([found[k] for k in filled], [share * expected[k] for k in filled]).pvalue > 0.01


@pytest.mark.parametrize("name", COMBINED)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_what_lies_inside_is_what_the_parts_say(name: str, seed: int) -> None:
    region = COMBINED[name]
    (x0, y0), (x1, y1) = region.bounds
    unit = torch.rand((300, 2), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    points = torch.tensor([x0, y0]) + (1.4 * unit - 0.2) * torch.tensor([x1 - x0, y1 - y0])
    one, two = region.first.depth(points) > 0, region.second.depth(points) > 0
    wanted = {"union": one | two, "intersection": one & two, "difference": one & ~two}[region.operation]
    assert torch.equal(region.depth(points) > 0, wanted)


@given(scale=st.floats(-9, 9), x=st.floats(-3, 3), y=st.floats(-3, 3))
@settings(max_examples=20, deadline=None)
def test_the_size_of_a_region_does_not_matter(scale: float, x: float, y: float) -> None:
    """Moved and scaled by any factor from 1e-9 to 1e9, the same points lie at the same depth, in units of the region."""
    k = 10.0**scale
    plate, hole = rectangle(k * x, k * y, k * (x + 3), k * (y + 2)), DiskRegion((k * (x + 1), k * (y + 1)), k / 2)
    moved = CombinedRegion("difference", plate, hole)
    unit = torch.rand((200, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shift = torch.tensor([x, y], dtype=torch.float64)
    torch.testing.assert_close(moved.from_unit(unit) / k, HOLED.from_unit(unit) + shift, rtol=0, atol=1e-9)
    wild = 4 * unit - 0.5
    torch.testing.assert_close(moved.depth(k * (wild + shift)) / k, HOLED.depth(wild), rtol=0, atol=1e-9)


def test_parts_that_touch_leave_no_seam() -> None:
    """0.1 + 0.2 is not 0.3: what rounding leaves between two rectangles is no boundary."""
    both = CombinedRegion("union", rectangle(0, 0, 0.3, 1), rectangle(0.1 + 0.2, 0, 1, 1))
    seam = torch.tensor([[0.3, 0.5], [0.1 + 0.2, 0.25]], dtype=torch.float64)
    torch.testing.assert_close(both.depth(seam), torch.tensor([0.3, 0.25], dtype=torch.float64))
    assert both.area == pytest.approx(1)
    ell = CombinedRegion("difference", rectangle(0, 0, 2, 2), rectangle(1, 1, 2, 2))
    assert ell.area == pytest.approx(3)
    points = ELL.from_unit(grid(20))
    torch.testing.assert_close(ell.from_unit(grid(20)), points)
    torch.testing.assert_close(ell.depth(points), ELL.depth(points))


def test_a_hole_that_touches_the_rim() -> None:
    touching = CombinedRegion("difference", DiskRegion((0, 0), 1), DiskRegion((0.5, 0), 0.5))
    assert touching.area == pytest.approx(0.75 * math.pi)
    assert float(touching.depth(touching.from_unit(grid(40))).min()) > -1e-9


def test_what_cannot_be_combined() -> None:
    apart = rectangle(5, 5, 6, 6)
    with pytest.raises(ValueError, match=r"the intersection of a disk over \[0.5, 1.5\] x \[-2.5, -1.5\] and .* no inside"):
        CombinedRegion("intersection", DISK, apart)
    with pytest.raises(ValueError, match=r"the difference of .* has no inside; expected parts that leave an area"):
        CombinedRegion("difference", DISK, DiskRegion((1, -2), 2))
    with pytest.raises(ValueError, match="operation 'xor' is not one of union, intersection, difference"):
        CombinedRegion("xor", DISK, apart)
    with pytest.raises(ValueError, match="Expected `Shape`, got `ScaledRegion`"):
        region_from_json({"kind": "combination", "operation": "union", "first": ScaledRegion(DISK).to_json(), "second": 3})


def test_what_is_no_region() -> None:
    with pytest.raises(ValueError, match=r"the side \(0, 0\), \(2, 1\) crosses the side \(2, 0\), \(0, 2\); expected the"):
        PolygonRegion(((0, 0), (2, 1), (2, 0), (0, 2)))
    with pytest.raises(ValueError, match=r"the corners \(0, 0\), \(1, 1\), \(2, 2\) enclose no area"):
        PolygonRegion(((0, 0), (1, 1), (2, 2)))
    with pytest.raises(ValueError, match="radius nan"):
        DiskRegion((0, 0), math.nan)
    with pytest.raises(ValueError, match=r"disk: center \(0.0, 0.0\) must be finite, and radius 0.0 positive"):
        DiskRegion((0, 0), 0)
    with pytest.raises(ValueError, match=r"polygon: vertices .* must be at least three points"):
        PolygonRegion(((0, 0), (1, 1)))
    with pytest.raises(ValueError, match="region of kind 'star' is not known: expected one of combination, disk, polygon, scaled"):
        region_from_json({"kind": "star"})
