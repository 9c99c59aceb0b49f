"""A solution asked anywhere: of some conditions, and inside the domain whatever its size."""

from dataclasses import replace

import deepxde as dde
import numpy as np
import pytest
import torch

from pinndd import PDE, Dirichlet, families
from pinndd.pinn.solving.solution import Solution


def solution(size, count=3):
    """u_b = (b + 1) x / size on [0, size] x [0, size]."""
    pde = PDE(
        name="flat",
        domain=dde.geometry.Rectangle([0, 0], [size, size]),
        residual=lambda x, u: dde.grad.jacobian(u, x, i=0, j=1),
        conditions=[Dirichlet("left", {"x": 0}, families.Constant())],
    )

    def field(points):
        return torch.arange(1.0, count + 1, dtype=torch.float64)[:, None, None] * points[None, :, :1] / size

    return Solution(pde, field, np.zeros(count), np.zeros(count), None, 10, (1, 1), 0.0)


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_the_corners_are_inside_and_what_is_beyond_is_not(size):
    found = solution(size)
    assert found([[size, size], [size * (1 + 1e-12), 0.0]])[0, :, 0] == pytest.approx([1.0, 1.0])
    with pytest.raises(ValueError, match="lies outside the domain"):
        found([[1.01 * size, 0.0]])
    assert np.isfinite(found.on_grid(5)[1]).all()


def test_some_of_the_conditions_are_those_of_all():
    found = solution(2.0)
    axes, every = found.on_grid(7)
    same, one = found.on_grid(7, slice(1, 2))
    assert np.array_equal(one, every[1:2])
    assert np.array_equal(axes, same)
    assert found(np.zeros((0, 2)), slice(2)).shape == (2, 0, 1)
    assert found(np.zeros((0, 2))).shape == (3, 0, 1)


def test_the_usual_grid_of_one_condition_is_computed_once_and_nobody_can_spoil_it():
    asked = []
    found = solution(2.0, 1)
    counted = replace(found, field=lambda points: asked.append(len(points)) or found.field(points))
    axes, u = counted.on_grid()
    u[:], axes[0][:] = 7.0, 7.0
    again, same = counted.on_grid(which=slice(0, 1))
    assert len(asked) == 1
    assert np.array_equal(same, found.on_grid()[1])
    assert again[0][-1] == 2.0
