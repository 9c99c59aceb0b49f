"""The rest state of an ensemble: every condition at its mean."""

import deepxde as dde
import pytest
import torch

from pinndd import PDE, Dirichlet, Initial, families
from pinndd.pinn.declare.pde import Ensemble

SINE = families.Sine(modes=2)


def warm(s):
    return 300 + 10 * s[:, 0]


def residual(x, u):
    return dde.grad.jacobian(u, x, j=1) - dde.grad.hessian(u, x, i=0, j=0)


def rod(left=None, right=None, start=SINE, **shifts):
    domain = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))
    return PDE(
        name="rod",
        domain=domain,
        residual=residual,
        conditions=[
            Dirichlet("left", at={"x": 0}, values=left or families.Constant()),
            Dirichlet("right", at={"x": 1}, values=right or families.Constant()),
            Initial("start", values=start, joins=("left", "right")),
        ],
        reference=lambda values, points: torch.zeros((len(values), len(points))),
        shifts=shifts,
    )


def at(ensemble: Ensemble, name: str, coefficients: torch.Tensor) -> torch.Tensor:
    s = torch.linspace(0, 1, 9, dtype=torch.float64)[:, None]
    return ensemble.value(name, coefficients[:, None], s)


def test_rest_is_the_mean_of_every_condition_joins_included() -> None:
    start = families.Sine(modes=2, mean=lambda s: s[:, 0] * (1 - s[:, 0]))
    ensemble = rod(families.Constant(mean=300.0), families.Bump(mean=warm), start).ensemble()
    rest = ensemble.rest()
    assert rest.size == 0
    assert ensemble.has_mean
    assert rest.has_mean
    drawn = ensemble.sample(1, torch.Generator().manual_seed(0))
    nothing = torch.zeros((1, 0), dtype=torch.float64)
    heights = drawn.clone()
    heights[:, ensemble.slices["right"].start] = 0.0  # a bump without height is the mean alone
    heights[:, ensemble.slices["left"]] = 0.0
    heights[:, ensemble.slices["start"]] = 0.0
    for name in ("left", "right", "start"):
        torch.testing.assert_close(at(rest, name, nothing), at(ensemble, name, heights))
    torch.testing.assert_close(at(rest, "start", nothing)[0, [0, -1]], torch.tensor([300.0, 300.0], dtype=torch.float64))


def test_without_means_rest_is_zero() -> None:
    ensemble = rod().ensemble()
    assert not ensemble.has_mean
    assert not ensemble.rest().has_mean
    assert set(ensemble.rest().families.values()) == {families.Zero()}
    assert not rod(families.Constant(mean=0)).ensemble().has_mean


@pytest.mark.parametrize("factor", [-1.0, 0.5])
def test_a_tied_condition_keeps_its_own_mean_and_follows_the_deviation(factor: float) -> None:
    tied = families.Tied(to="left", factor=factor)
    pde = rod(families.Fourier(modes=1, mean=300.0), families.Fourier(modes=1, mean=warm), correlated={"right": tied})
    ensemble = pde.ensemble("correlated")
    drawn = ensemble.sample(4, torch.Generator().manual_seed(1))
    s = torch.linspace(0, 1, 9, dtype=torch.float64)[:, None]
    expected = warm(s) + factor * (at(ensemble, "left", drawn) - 300)
    torch.testing.assert_close(at(ensemble, "right", drawn), expected)
    rest = ensemble.rest()
    torch.testing.assert_close(at(rest, "right", drawn[:1, :0])[0], warm(s))
    assert ensemble.has_mean
    assert rest.families["left"] == families.Fixed(300.0)


def test_a_shift_has_its_own_rest() -> None:
    pde = rod(families.Constant(mean=300.0), hot={"left": families.Constant(mean=400.0)}, cold={"left": families.Zero()})
    assert pde.ensemble("hot").rest().families["left"] == families.Fixed(400.0)
    assert not pde.ensemble("cold").has_mean
