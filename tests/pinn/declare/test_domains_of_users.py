"""PDEs on domains as people have them: a ring, named coordinates, units, any size."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Initial, Neumann, SyntheticData, families
from pinndd.constraints import Within
from pinndd.learners.ridge import Ridge
from pinndd.pinn.checks.pde import check_pde
from pinndd.pinn.deepxde.exporting import to_deepxde
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.reference import solve_dirichlet
from pinndd.pinn.sets.collocation import INTERIOR, collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.solving.truth import boundary_episodes

dde = import_deepxde()
SMALL, LARGE = 0.4, 1.0
RING = dde.geometry.Disk([0, 0], LARGE) - dde.geometry.Disk([0, 0], SMALL)


def laplace(x: Tensor, u: Tensor) -> Tensor:
    result: Tensor = dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)
    return result


def logarithmic(values: BoundaryValues, points: Tensor) -> Tensor:
    """``u = a + b ln r`` with u given on both circles."""
    place = torch.zeros(1, dtype=torch.float64)
    inner, outer = values["inner"](place), values["outer"](place)
    share = (points.double().norm(dim=-1) / LARGE).log() / math.log(SMALL / LARGE)
    return outer + (inner - outer) * share


def by_flux(values: BoundaryValues, points: Tensor) -> Tensor:
    """``u = a + b ln r``, with ``∂u/∂n = -u_r = -b / r`` given on the inner circle: its normal points to the centre."""
    place = torch.zeros(1, dtype=torch.float64)
    slope = -SMALL * values["inner"](place)
    return values["outer"](place) + slope * (points.double().norm(dim=-1) / LARGE).log()


def ring(**changes: Any) -> PDE:
    level = families.Chebyshev(degree=0)
    settings: dict[str, Any] = {
        "name": "ring",
        "domain": RING,
        "residual": laplace,
        "conditions": [
            Dirichlet("inner", at={"circle": ((0, 0), SMALL)}, values=level),
            Dirichlet("outer", at={"circle": ((0, 0), LARGE)}, values=level),
        ],
        "reference": logarithmic,
        "shifts": {"mild": {"inner": replace(level, amplitude=0.5)}},
    }
    return PDE(**{**settings, **changes})


def flux_ring() -> PDE:
    level = families.Chebyshev(degree=0)
    inner = Neumann("inner", at={"circle": ((0, 0), SMALL)}, values=level)
    return ring(conditions=[inner, ring().valued[1]], reference=by_flux)


@pytest.mark.parametrize("make", [ring, flux_ring])
def test_a_ring_is_fit_and_trained(make: Any) -> None:
    """The check compares the reference with the PDE and with the outward normal of the hole; a learner finds it to 0.5 %."""
    pde = make()
    assert [f for f in check_pde(pde) if f.level == "error"] == []
    generator = torch.Generator().manual_seed(0)
    ensemble = pde.ensemble()
    data = collocation_data(pde, *sample_points(pde, "sobol", 300, 120, 0), 10.0)
    asked = pde.box.scale(torch.rand((300, 2), generator=generator, dtype=torch.float64))
    episodes = boundary_episodes(pde, ensemble, ensemble.sample(3, generator), asked)
    model = FeatureModel(pde, width=300, scale=2.0)
    fitted = Ridge(model, 1e-11).fit(data, episodes)
    error = (fitted(asked)[..., 0].detach() - episodes.truth[..., 0]).norm() / episodes.truth.norm()
    assert float(error) < 5e-3


def test_a_set_on_a_ring_is_saved_loaded_and_handed_to_deepxde(tmp_path: Any) -> None:
    pde = ring()
    data = collocation_data(pde, *sample_points(pde, "sobol", 40, 12, 0))
    data.save(tmp_path / "ring.npz")
    back = SyntheticData.load(tmp_path / "ring.npz")
    constraint = back.constraints[INTERIOR]
    assert isinstance(constraint, Within)
    assert constraint.region == pde.box.region
    assert torch.equal(back[INTERIOR], data[INTERIOR])
    assert float(constraint.region.depth(back[INTERIOR]).min()) > -1e-12
    problem = to_deepxde(pde, back, BoundaryValues(pde.ensemble(), torch.zeros((1, pde.ensemble().size), dtype=torch.float64)))
    assert len(problem.train_x_all) >= 40


class Shifted:
    """Heat on [low, low + length] x [begin, begin + lasting], as it is in the unit square."""

    def __init__(self, low: float, length: float, begin: float, lasting: float) -> None:
        self.interval, self.times = (low, low + length), (begin, begin + lasting)
        self.diffusivity = 0.1 * length**2 / lasting

    def residual(self, x: Tensor, u: Tensor) -> Tensor:
        pace = self.times[1] - self.times[0]
        rate: Tensor = dde.grad.jacobian(u, x, i=0, j=1) - self.diffusivity * dde.grad.hessian(u, x, i=0, j=0)
        return pace * rate

    def reference(self, values: BoundaryValues, points: Tensor) -> Tensor:
        return solve_dirichlet(
            values["left"], values["right"], values["start"], points,
            diffusivity=self.diffusivity, interval=self.interval, times=self.times,
        )  # fmt: skip

    def pde(self, **changes: Any) -> PDE:
        end = families.Fourier(modes=2, amplitude=0.5, constant=1.0, period=2.0)
        geometry = dde.geometry.GeometryXTime(dde.geometry.Interval(*self.interval), dde.geometry.TimeDomain(*self.times))
        settings: dict[str, Any] = {
            "name": "shifted",
            "domain": geometry,
            "residual": self.residual,
            "reference": self.reference,
            "coordinates": ("r", "time"),
            "conditions": [
                Dirichlet("left", at={"r": self.interval[0]}, values=end),
                Dirichlet("right", at={"r": self.interval[1]}, values=end),
                Initial("start", values=families.Sine(modes=3), joins=("left", "right")),
            ],
            "shifts": {"rough": {"left": replace(end, weights=(0.3, 1.0))}},
        }
        return PDE(**{**settings, **changes})


@pytest.mark.parametrize("sizes", [(0.0, 1.0, 0.0, 1.0), (-1.0, 4.0, 2.0, 3.0), (1e-9, 2e-9, 0.0, 1e9), (-5e8, 1e9, -1e-9, 1e-9)])
def test_a_domain_may_lie_anywhere(sizes: tuple[float, ...]) -> None:
    """The check finds nothing, and the solution is that of the unit square at the same places."""
    shifted = Shifted(*sizes)
    pde, unit = shifted.pde(), Shifted(0, 1, 0, 1).pde()
    assert [f for f in check_pde(pde) if f.level == "error"] == []
    generator = torch.Generator().manual_seed(0)
    places = torch.rand((50, 2), generator=generator, dtype=torch.float64)
    coefficients = pde.ensemble().sample(3, generator)
    found = pde.reference(BoundaryValues(pde.ensemble(), coefficients), pde.box.scale(places))
    wanted = unit.reference(BoundaryValues(unit.ensemble(), coefficients), places)
    torch.testing.assert_close(found, wanted, atol=1e-9, rtol=0)


def test_names_of_coordinates_are_used() -> None:
    pde = Shifted(0, 1, 0, 1).pde(units={"u": "K", "r": "m", "time": "s"})
    assert pde.box.names == ("r", "time")
    terms = next(f.message for f in check_pde(pde) if f.subject == "residual")
    assert "u_time" in terms
    assert "u_rr" in terms


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": {"x": "m"}}, r"'x' is neither a component \(u\) nor a coordinate \(r, time\)"),
        ({"units": {"u0": "m"}}, r"'u0' is neither a component \(u\)"),
        ({"coordinates": ("r", "u")}, "a component and a coordinate are both called 'u'"),
        ({"coordinates": ("r", "t", "z")}, r"PDE 'shifted': coordinates=\('r', 't', 'z'\): expected 2 name\(s\) in place of x, t"),
        ({"domain": dde.geometry.Interval(1, 0), "coordinates": None}, "PDE 'shifted': domain: x from 1 to 0 is reversed"),
    ],
)
def test_names_and_units_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Shifted(0, 1, 0, 1).pde(**changes)


def test_the_number_in_a_condition_is_that_of_the_domain() -> None:
    """A rectangle keeps pi in single precision; the condition has it in double precision, and so has the domain."""
    pde = PDE(
        name="plate",
        domain=dde.geometry.Rectangle([0, 0], [math.pi, 0.7]),
        residual=laplace,
        reference=lambda values, points: torch.zeros((len(values), len(points)), dtype=torch.float64),
        conditions=[
            Dirichlet("right", at={"x": math.pi}, values=families.Zero()),
            Dirichlet("top", at={"y": 0.7}, values=families.Zero()),
        ],
    )
    assert pde.box.high == (math.pi, 0.7)
    assert pde.patches["right"].points(torch.tensor([[1.0]], dtype=torch.float64)).tolist() == [[math.pi, 0.7]]
