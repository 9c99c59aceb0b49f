"""Families on faces of several coordinates, on points, and of nothing at all."""

import pytest
import torch

from pinndd import families
from pinndd.pinn.families import LinearFamily

PRODUCT = families.Product(families.Sine(modes=2), families.Chebyshev(degree=1, amplitude=0.5))
ALONG = families.Along(1, families.Fourier(modes=1, constant=1.0, active=1))
LINEAR: list[LinearFamily] = [PRODUCT, ALONG, families.Constant(0.3), families.Zero()]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def places(count: int) -> torch.Tensor:
    return torch.rand((count, 2), generator=generator(5), dtype=torch.float64)


@pytest.mark.parametrize("family", LINEAR, ids=str)
def test_values_are_linear_and_broadcast(family: LinearFamily) -> None:
    drawn, s = family.sample(5, generator()), places(7)
    assert drawn.shape == (5, family.size)
    assert drawn.dtype == torch.float64
    values = family.evaluate(drawn[:, None], s)
    assert values.shape == (5, 7)
    torch.testing.assert_close(values, drawn @ family.basis(s).T)
    torch.testing.assert_close(family.evaluate(drawn, s[:5]), values[:, :5].diagonal())
    assert torch.equal(drawn, family.sample(5, generator()))
    assert len(family.scales) == family.size


@pytest.mark.parametrize(
    "family", [PRODUCT, families.Constant(0.3), families.Constant(2.0, distribution="uniform")], ids=str
)
def test_scales_are_standard_deviations(family: LinearFamily) -> None:
    spread = family.sample(40_000, generator()).std(0)
    torch.testing.assert_close(spread, torch.tensor(family.scales, dtype=torch.float64), rtol=0.02, atol=0)


def test_a_product_is_the_product_of_its_factors() -> None:
    s = places(4)
    x, y = s.unbind(-1)
    coefficients = torch.zeros(4, dtype=torch.float64)
    coefficients[3] = 2.0  # sin(2 pi x) T_1(2 y - 1)
    torch.testing.assert_close(PRODUCT.evaluate(coefficients, s), 2 * (2 * torch.pi * x).sin() * (2 * y - 1))
    assert (families.Product(families.Sine(2), families.Sine(2), active=1).sample(9, generator()) != 0).sum(1).tolist() == [
        1
    ] * 9


def test_along_sees_one_coordinate() -> None:
    s = places(4)
    drawn = ALONG.sample(3, generator())
    torch.testing.assert_close(ALONG.evaluate(drawn[:, None], s), ALONG.family.evaluate(drawn[:, None], s[:, 1:]))
    assert ((drawn != 0).sum(1) == 1).all()


def test_a_constant_needs_no_coordinate() -> None:
    nowhere = torch.empty((1, 0), dtype=torch.float64)
    assert families.Constant().evaluate(torch.tensor([4.0], dtype=torch.float64), nowhere).tolist() == [4.0]
    assert families.Zero().evaluate(torch.empty(0, dtype=torch.float64), nowhere).tolist() == [0.0]


def test_what_families_refuse() -> None:
    with pytest.raises(ValueError, match="distribution='odd': expected 'normal' or 'uniform'"):
        families.Constant(distribution="odd")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="active=9: expected between 1 and the 4 coefficients of the family"):
        families.Product(families.Sine(2), families.Sine(2), active=9)
