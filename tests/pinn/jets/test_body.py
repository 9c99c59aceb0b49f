"""Features of a body: their derivatives against autograd."""

import pytest
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.jets.body import Body
from pinndd.pinn.jets.features import Encoding
from pinndd.pinn.jets.mlp import MLP


def body(periodic=()):
    network = MLP(Encoding(load_pde("heat").box, periodic), (7, 5), 4)
    return Body(network, network.initial([3]))


@pytest.mark.parametrize("periodic", [(), (0,)])
def test_derivatives_of_every_order_are_those_of_autograd(periodic):
    features = body(periodic)
    points = torch.rand((6, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    axes = [(), (0,), (1,), (0, 1), (0, 0), (0, 0, 1), (0, 0, 0, 0)]
    found = features.jets(points, axes)
    for p in range(features.width):
        for wanted, jet in zip(axes, found, strict=True):
            value = features.jets(points, [()])[0][:, p]
            for axis in wanted:
                (slope,) = torch.autograd.grad(value.sum(), points, create_graph=True)
                value = slope[:, axis]
            assert torch.allclose(jet[:, p], value, atol=1e-9 * (1 + value.abs().max()).item())


def test_points_may_have_any_number_of_axes():
    features = body()
    points = torch.rand((3, 4, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    many = features.jets(points, [(), (1, 1)])
    flat = features.jets(points.reshape(12, 2), [(), (1, 1)])
    assert [m.shape for m in many] == [(3, 4, 4), (3, 4, 4)]
    assert all(torch.equal(m.reshape(12, 4), f) for m, f in zip(many, flat, strict=True))
