"""Random features and the encoding of points: all derivatives in closed form against autograd."""

import pytest
import torch
from torch import Tensor

from pinndd.pinn.geometry.domain import Domain
from pinndd.pinn.jets.features import Axes, Encoding, draw_features, tanh_derivatives

DOMAIN = Domain((0.0, -1.0), (1.0, 2.0), ("x", "t"), True, None)
ALL_TO_ORDER_FOUR: list[Axes] = [(0,) * k + (1,) * (order - k) for order in range(5) for k in range(order, -1, -1)]


def sample(count: int) -> Tensor:
    return DOMAIN.scale(torch.rand((count, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64))


def by_autograd(values: Tensor, points: Tensor, axes: Axes) -> Tensor:
    """Differentiate each column of values ``(N, P)``."""
    columns = []
    for y in values.unbind(-1):
        for axis in axes:
            if not y.requires_grad:
                y = torch.zeros_like(y)
                break
            (gradient,) = torch.autograd.grad(y.sum(), points, create_graph=True, materialize_grads=True)
            y = gradient[..., axis]
        columns.append(y)
    return torch.stack(columns, -1).detach()


@pytest.mark.parametrize("periodic", [(), (0,), (0, 1)])
@pytest.mark.parametrize("axes", ALL_TO_ORDER_FOUR, ids=str)
def test_derivatives_of_features_and_encoding(periodic: tuple[int, ...], axes: Axes) -> None:
    encoding, points = Encoding(DOMAIN, periodic), sample(4).requires_grad_()
    features = draw_features(encoding, 3, 1.5, seed=2)
    (jet,) = features.jets(points, [axes])
    expected = by_autograd(features.jets(points, [()])[0], points, axes)
    torch.testing.assert_close(jet.detach(), expected, rtol=1e-11, atol=1e-9)
    derivative = encoding.derivative(points, axes)
    expected = by_autograd(encoding.derivative(points, ()), points, axes)
    torch.testing.assert_close(derivative.detach(), expected, rtol=1e-11, atol=1e-9)
    assert encoding.vanishes(axes) <= bool((derivative == 0).all())


def test_coordinates_are_scaled_to_minus_one_and_one() -> None:
    corners = torch.tensor([[0.0, -1.0], [1.0, 2.0]], dtype=torch.float64)
    torch.testing.assert_close(Encoding(DOMAIN).derivative(corners, ()), torch.tensor([[-1.0, -1.0], [1.0, 1.0]]).double())


def test_a_periodic_axis_is_a_circle() -> None:
    encoding, points = Encoding(DOMAIN, (1,)), sample(5)
    z = encoding.derivative(points, ())
    assert z.shape == (5, encoding.size) == (5, 3)
    torch.testing.assert_close(z[:, 1] ** 2 + z[:, 2] ** 2, torch.ones(5, dtype=torch.float64))
    torch.testing.assert_close(encoding.derivative(points + torch.tensor([0.0, 3.0]), ()), z)


@pytest.mark.parametrize("order", range(1, 6))
def test_derivatives_of_tanh(order: int) -> None:
    z = torch.linspace(-2, 2, 7, dtype=torch.float64).requires_grad_()
    expected = z.tanh()
    for _ in range(order):
        (expected,) = torch.autograd.grad(expected.sum(), z, create_graph=True)
    torch.testing.assert_close(tanh_derivatives(z.tanh(), order)[order], expected, rtol=1e-11, atol=1e-11)


def test_features_depend_on_the_seed_alone() -> None:
    encoding = Encoding(DOMAIN)
    first, again, other = (draw_features(encoding, 50, 2.0, seed) for seed in (1, 1, 2))
    assert torch.equal(first.weight, again.weight)
    assert torch.equal(first.bias, again.bias)
    assert not torch.equal(first.weight, other.weight)
    single = draw_features(encoding, 50, 2.0, 1, dtype=torch.float32)
    assert torch.equal(single.weight, first.weight.float())


def test_every_feature_is_steep_somewhere_in_the_domain() -> None:
    features = draw_features(Encoding(DOMAIN), 200, 5.0, seed=0)
    unit = torch.linspace(0, 1, 60, dtype=torch.float64)
    grid = DOMAIN.scale(torch.cartesian_prod(unit, unit))
    (values,) = features.jets(grid, [()])
    assert float(values.abs().amin(0).max()) < 0.3
