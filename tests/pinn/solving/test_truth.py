"""True solutions: superposition against the solver, and their slopes against closed forms."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.sets.samplers import sobol
from pinndd.pinn.solving.truth import boundary_episodes, solutions, superposes


def test_linear_equations_superpose_and_others_do_not():
    assert superposes(load_pde("heat"), load_pde("heat").ensemble())
    assert not superposes(load_pde("burgers"), load_pde("burgers").ensemble())


def test_superposed_solutions_agree_with_the_solver():
    pde = load_pde("poisson")
    ensemble = pde.ensemble()
    values = BoundaryValues(ensemble, ensemble.sample(ensemble.size + 5, torch.Generator().manual_seed(0)))
    points = pde.box.scale(sobol(40, 2, 1))
    direct = pde.reference(values, points)
    direct = direct[..., None] if direct.dim() == 2 else direct
    assert torch.allclose(solutions(pde, values, points), direct, atol=1e-9 * float(direct.abs().max()))


def test_slopes_agree_with_those_of_a_polynomial_also_at_the_faces():
    pde = replace(load_pde("heat"), reference=lambda values, x: (x[:, 0] ** 2 * x[:, 1] + 3 * x[:, 1]).expand(len(values), -1))
    ensemble = pde.ensemble()
    points = torch.tensor([[0.0, 0.0], [1.0, 0.5], [0.3, 1.0], [0.4, 0.6]], dtype=torch.float64)
    drawn = ensemble.sample(2, torch.Generator().manual_seed(0))
    slope = boundary_episodes(pde, ensemble, drawn, points, derivatives=1).slope
    exact = torch.stack((2 * points[:, 0] * points[:, 1], points[:, 0] ** 2 + 3), -1)
    assert torch.allclose(slope[:, :, 0], exact.expand(2, -1, -1), atol=1e-9)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (lambda values, x: torch.zeros(3), r"returned shape \(3,\), expected \(2, 1\)"),
        (lambda values, x: torch.full((len(values), len(x)), torch.nan), "not finite; run 'pinndd check'"),
    ],
)
def test_a_wrong_reference_is_named(reference, message: str):
    pde = replace(load_pde("burgers"), reference=reference)
    ensemble = pde.ensemble()
    values = BoundaryValues(ensemble, ensemble.sample(2, torch.Generator().manual_seed(0)))
    with pytest.raises(ValueError, match=message):
        solutions(pde, values, torch.full((1, 2), 0.5, dtype=torch.float64))
