"""The usual designs: what each promises about its points."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.geometry.domain import domain_from
from pinndd.pinn.geometry.places import boundary_patch, initial_patch
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.sets.samplers import (
    INTERIOR_SAMPLERS,
    allocate,
    grid_sides,
    hammersley,
    latin_hypercube,
    patch_points,
    sample_points,
    sobol,
)


@pytest.mark.parametrize("name", INTERIOR_SAMPLERS)
@pytest.mark.parametrize(("count", "dimension"), [(1, 1), (7, 1), (64, 2), (30, 3)])
def test_a_design_fills_the_unit_cube_and_depends_on_the_seed_alone(name: str, count: int, dimension: int):
    points, again = (INTERIOR_SAMPLERS[name](count, dimension, 3) for _ in range(2))
    assert points.shape == (count, dimension)
    assert points.dtype == torch.float64
    assert float(points.min()) >= 0
    assert float(points.max()) <= 1
    assert torch.equal(points, again)


def test_a_latin_hypercube_has_one_point_in_every_slice():
    slices = (latin_hypercube(20, 3, 1) * 20).long()
    assert all(sorted(column.tolist()) == list(range(20)) for column in slices.T)


def test_hammersley_points_are_equispaced_along_the_first_axis_and_van_der_corput_along_the_second():
    points = hammersley(8, 2, 0)
    assert points[:, 0].tolist() == pytest.approx([(k + 0.5) / 8 for k in range(8)])
    assert points[:, 1].tolist() == pytest.approx([0, 1 / 2, 1 / 4, 3 / 4, 1 / 8, 5 / 8, 3 / 8, 7 / 8])


def test_a_midpoint_grid_integrates_an_affine_function_exactly():
    points = INTERIOR_SAMPLERS["midpoint-grid"](36, 2, 0)
    assert float((3 * points[:, 0] - points[:, 1]).mean()) == pytest.approx(1.0, abs=1e-14)


def test_a_chebyshev_grid_sits_on_the_roots_of_the_polynomial():
    x = 2 * INTERIOR_SAMPLERS["chebyshev-grid"](5, 1, 0)[:, 0] - 1
    assert torch.cos(5 * torch.arccos(x)).abs().max() < 1e-13


@given(count=st.integers(1, 400), dimension=st.integers(1, 4))
def test_a_grid_has_at_most_the_points_wanted_and_cannot_grow_along_any_axis(count: int, dimension: int):
    sides = grid_sides(count, dimension)
    assert math.prod(sides) <= count
    assert all(math.prod(sides) // side * (side + 1) > count for side in sides)


@pytest.mark.parametrize("total", [3, 4, 5, 30, 31])
def test_boundary_points_are_shared_equally(total: int):
    shares = allocate(load_pde("heat"), total).values()
    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1


def test_fewer_points_than_conditions_are_refused():
    with pytest.raises(ValueError, match="2 boundary points for 3 conditions; give at least 3"):
        sample_points(load_pde("heat"), "sobol", 8, 2, 0)


@pytest.mark.parametrize("sampler", INTERIOR_SAMPLERS)
def test_patches_take_points_of_every_sampler(sampler: str):
    """A single point has no coordinates; the initial disk keeps its points inside."""
    dde = import_deepxde()
    square = domain_from(dde.geometry.Rectangle([0, 0], [1, 1]))
    assert patch_points(boundary_patch("pin", {"x": 0, "y": 0}, square), sampler, 3, 0).shape == (3, 0)
    disk = dde.geometry.GeometryXTime(dde.geometry.Disk([0, 0], 1), dde.geometry.TimeDomain(0, 1))
    start = initial_patch("start", domain_from(disk))
    s = patch_points(start, sampler, 40, 2)
    assert s.shape == (40, 2)
    assert start.constraint().violation(s) < 1e-12



@pytest.mark.parametrize(("count", "dimension", "seed"), [(1, 1, 0), (2, 1, 4), (100, 2, 3), (1500, 3, 1), (64, 7, 2)])
def test_sobol_points_are_those_of_scipy(count: int, dimension: int, seed: int):
    exponent = max(1, math.ceil(math.log2(count)))
    theirs = qmc.Sobol(dimension, rng=np.random.default_rng(seed)).random_base2(exponent)[:count]
    assert np.array_equal(sobol(count, dimension, seed).numpy(), theirs)
