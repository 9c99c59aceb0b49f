"""Powers of the complex distance from a corner: all derivatives in closed form against autograd, and where they are singular."""

import cmath
import math

import pytest
import torch

from pinndd.pinn.geometry.domain import Domain
from pinndd.pinn.jets.features import Axes, Encoding, draw_features
from pinndd.pinn.jets.powers import CornerPowers, JoinedFeatures

SLOPE = (0.4 + 0.1j, -0.3 + 0.7j)
POWERS = ((2 / 3, 0), (2 / 3, 1), (1.5, 2))
ALL_TO_ORDER_THREE: list[Axes] = [(0,) * k + (1,) * (order - k) for order in range(4) for k in range(order, -1, -1)]


def places(count: int = 12) -> torch.Tensor:
    return torch.rand((count, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("reach", [math.inf, 0.5])
@pytest.mark.parametrize("axes", ALL_TO_ORDER_THREE, ids=str)
def test_derivatives_of_powers(reach: float, axes: Axes) -> None:
    features, points = CornerPowers((0.3, -0.1), SLOPE, reach, POWERS), places().requires_grad_()
    (jet,) = features.jets(points, [axes])
    columns = []
    for y in features.jets(points, [()])[0].unbind(-1):
        for axis in axes:
            (gradient,) = torch.autograd.grad(y.sum(), points, create_graph=True)
            y = gradient[:, axis]
        columns.append(y)
    torch.testing.assert_close(jet, torch.stack(columns, -1), rtol=1e-9, atol=1e-9)
    assert jet.shape == (12, features.width) == (12, 6)


def test_values_are_real_and_imaginary_parts() -> None:
    features, points = CornerPowers((0.3, -0.1), SLOPE, math.inf, POWERS), places()
    (values,) = features.jets(points, [()])
    for (x, y), row in zip(points.tolist(), values.tolist(), strict=True):
        z = SLOPE[0] * (x - 0.3) + SLOPE[1] * (y + 0.1)
        expected = [cmath.exp(p * cmath.log(z)) * z.conjugate() ** q for p, q in POWERS]
        assert row == pytest.approx([*(e.real for e in expected), *(e.imag for e in expected)], abs=1e-12)


def test_powers_of_z_alone_are_harmonic_where_the_slope_is_that_of_the_plane() -> None:
    features = CornerPowers((0.0, 0.0), (1 + 0j, 1j), math.inf, ((2 / 3, 0), (5 / 3, 0)))
    xx, yy = features.jets(places() + 0.1, [(0, 0), (1, 1)])
    torch.testing.assert_close(xx + yy, torch.zeros_like(xx), rtol=0, atol=1e-12)


def test_features_end_smoothly_at_their_reach() -> None:
    features = CornerPowers((0.0, 0.0), (1 + 0j, 1j), 0.5, ((2 / 3, 0),))
    axes: list[Axes] = [(), (0,), (0, 0), (0, 0, 0)]
    for jet in features.jets(torch.tensor([[0.5 - 1e-9, 0.0], [0.7, 0.0]], dtype=torch.float64), axes):
        assert float(jet.abs().max()) < 1e-5


def test_values_at_the_corner_itself_are_finite_and_nearly_zero() -> None:
    features = CornerPowers((0.3, -0.1), SLOPE, math.inf, POWERS)
    value, slope = features.jets(torch.tensor([[0.3, -0.1]], dtype=torch.float64), [(), (0,)])
    assert float(value.abs().max()) < 1e-7
    assert bool(slope.isfinite().all())


def test_families_stand_side_by_side() -> None:
    random = draw_features(Encoding(Domain((0.0, 0.0), (1.0, 1.0), ("x", "y"), False, None)), 5, 1.0, seed=0)
    singular = CornerPowers((0.0, 0.0), (1 + 0j, 1j), math.inf, POWERS)
    together, axes = JoinedFeatures((random, singular)), [(), (0, 1)]
    assert together.width == 11
    for found, one, two in zip(*(f.jets(places(), axes) for f in (together, random, singular)), strict=True):
        assert torch.equal(found, torch.cat((one, two), -1))
