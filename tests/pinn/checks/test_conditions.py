"""What ``pinndd check`` says about conditions on derivatives, odd domains and systems."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from pinndd import PDE, BoundaryValues, Dirichlet, Neumann, Robin, families
from pinndd.pinn.checks.pde import Finding, check_pde
from pinndd.pinn.geometry.domain import domain_from
from pinndd.pinn.jets.cloud_fit import CloudFit
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.solving.truth import solutions

dde = import_deepxde()
DISK = dde.geometry.Disk([0, 0], 1)
ELL = dde.geometry.Polygon([[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]])
WAVES = families.Fourier(modes=2)
SPARSE = {"sparse": {"rim": families.Fourier(modes=2, active=1)}}


def laplace(x: Tensor, u: Tensor) -> Tensor:
    result: Tensor = dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)
    return result


def harmonic(points: Tensor) -> Tensor:
    """``r^k cos(k φ)`` and ``r^k sin(k φ)`` for k = 1, 2, ``(Q, 4)``."""
    x, y = points.unbind(-1)
    return torch.stack((x, y, x**2 - y**2, 2 * x * y), -1)


def by_flux(values: BoundaryValues, points: Tensor) -> Tensor:
    """The solution with ``u + 2 ∂u/∂n`` given: a mode of order k is divided by 1 + 2 k."""
    return values.coefficients / torch.tensor([3.0, 3.0, 5.0, 5.0], dtype=torch.float64) @ harmonic(points).T


def declare(**changes: Any) -> PDE:
    settings: dict[str, Any] = {
        "name": "drum",
        "domain": DISK,
        "residual": laplace,
        "conditions": [Robin("rim", at={"angle": (0, 2 * math.pi)}, values=WAVES, value=1.0, slope=2.0)],
        "reference": by_flux,
        "shifts": SPARSE,
    }
    return PDE(**{**settings, **changes})


def complaints(pde: PDE) -> list[Finding]:
    return [f for f in check_pde(pde) if f.level != "ok"]


def test_a_disk_with_a_robin_condition_is_fine() -> None:
    assert complaints(declare()) == []
    assert "on derivatives: rim" in [f.message for f in check_pde(declare())]


def test_a_reference_that_misses_a_condition_on_derivatives() -> None:
    wrong = declare(reference=lambda values, points: 1.1 * by_flux(values, points))
    found = complaints(wrong)
    assert {f.level for f in found} == {"error"}
    assert "violates the condition 'rim' by 0.1" in found[0].message
    assert "of the size of its terms" in found[0].message


def test_more_equations_than_declared() -> None:
    found = complaints(declare(residual=lambda x, u: [laplace(x, u), laplace(x, u)]))
    message = "PDE 'drum': residual returned 2 equation(s), expected 1; return as many as the declaration says"
    assert found[0].subject == "residual"
    assert message in found[0].message
    assert complaints(declare(residual=lambda x, u: [laplace(x, u), laplace(x, u)], equations=2)) == []


def test_a_condition_without_meaning_is_found_before_the_reference_runs() -> None:
    def fail(values: BoundaryValues, points: Tensor) -> Tensor:
        raise AssertionError

    square = dde.geometry.Rectangle([0, 0], [1, 1])
    corner = Neumann("corner", at={"x": 0, "y": 0}, values=families.Constant())
    found = complaints(declare(domain=square, conditions=[corner], shifts={}, reference=fail))
    assert found[0].subject == "conditions"
    assert "condition 'corner': the patch at x = 0, y = 0 has no normal" in found[0].message


def test_edges_of_a_polygon_that_disagree_at_a_corner() -> None:
    conditions = [
        Dirichlet("floor", at={"from": (0, 0), "to": (2, 0)}, values=families.Chebyshev(degree=1)),
        Dirichlet("side", at={"from": (2, 0), "to": (2, 1)}, values=families.Sine(modes=1)),
    ]
    pde = declare(
        domain=ELL, conditions=conditions, shifts={}, reference=lambda values, points: values["floor"](points[:, 0] / 2)
    )
    corner = next(f for f in complaints(pde) if f.subject == "conditions 'floor' and 'side'")
    assert "meet at (2, 0), but differ there by up to" in corner.message


@pytest.mark.parametrize(("component", "outputs"), [(1, 1), (-1, 2)])
def test_a_component_that_u_does_not_have(component: int, outputs: int) -> None:
    rim = Dirichlet("rim", at={"angle": (0, 2 * math.pi)}, values=WAVES, component=component)
    with pytest.raises(
        ValueError, match=rf"condition 'rim' is about component {component}; u has u.*: give one of these names, or a number"
    ):
        declare(conditions=[rim], outputs=outputs)


def test_a_budget_smaller_than_the_number_of_conditions() -> None:
    with pytest.raises(
        ValueError, match=r"budget=\(64, 0\); expected at least one interior point, and a boundary point for each"
    ):
        declare(budget=(64, 0))


def test_a_reference_asked_outside_its_domain() -> None:
    pde = declare()
    values = BoundaryValues(pde.ensemble(), torch.ones((1, 4), dtype=torch.float64))
    with pytest.raises(ValueError, match=r"PDE 'drum': the reference is asked at \(0.8, 0.8\), outside the domain"):
        solutions(pde, values, torch.tensor([[0.1, 0.1], [0.8, 0.8]], dtype=torch.float64))


@pytest.mark.parametrize("radius", [0.08, 0.04])
def test_cloud_fits_converge(radius: float) -> None:
    """Halving the clouds divides the error of a first derivative by about 2^7."""
    box = domain_from(DISK)
    centers = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, -1.0]], dtype=torch.float64)

    def error(h: float) -> float:
        fit = CloudFit(box, centers, [(0,), (1, 1)], torch.Generator().manual_seed(0), h)
        assert box.inside(fit.points).all()
        x, y = fit.points.unbind(-1)
        found = fit(((3 * x).sin() * (2 * y).exp())[None])[0]
        a, b = centers.unbind(-1)
        slopes = torch.stack((3 * (3 * a).cos() * (2 * b).exp(), 4 * (3 * a).sin() * (2 * b).exp()), -1)
        return float((found - slopes).abs().max())

    assert error(radius) < 1e-4
    assert error(2 * radius) / error(radius) > 2**5
