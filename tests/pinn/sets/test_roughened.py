"""The training family with rough functions added."""

from __future__ import annotations

import torch

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.sets.broadened import broadened_sample
from pinndd.pinn.sets.condition_code import code_scales
from pinndd.pinn.sets.roughened import Roughening, roughened, roughened_sample


def _values(ensemble, coefficients, name: str):
    s = torch.linspace(0, 1, 41, dtype=torch.float64)[:, None]
    return ensemble.value(name, coefficients[:, None, :], s)


def test_the_first_share_is_the_training_family_itself():
    pde, roughening = load_pde("heat"), Roughening(share=0.25)
    rough = roughened(pde, roughening)
    drawn = roughened_sample(rough, 40, roughening.share, torch.Generator().manual_seed(1))
    columns = rough.slices["start"]
    added = drawn[:, columns.start + rough.families["start"].first.size : columns.stop]
    assert not added[:30].any()
    assert added[30:].any(1).all()


def test_the_process_is_as_large_as_the_family_and_vanishes_at_the_ends_where_the_family_does():
    pde = load_pde("heat")
    rough = roughened(pde, Roughening(amplitude=1.0))
    family = rough.families["start"]
    drawn = roughened_sample(rough, 4000, 1.0, torch.Generator().manual_seed(2))[:, rough.slices["start"]]
    s = torch.linspace(0, 1, 41, dtype=torch.float64)[:, None]
    base = family.first.evaluate(drawn[:, None, : family.first.size], s)
    added = family.second.evaluate(drawn[:, None, family.first.size :], s)
    assert not base[:, [0, -1]].abs().max() > 1e-9
    assert not added[:, [0, -1]].abs().max() > 1e-9
    assert 0.5 < float(added.square().mean() / base.square().mean()) < 1.1


def test_a_periodic_family_stays_periodic():
    rough = roughened(load_pde("advection"), Roughening())
    values = _values(rough, roughened_sample(rough, 10, 1.0, torch.Generator().manual_seed(3)), "start")
    assert torch.allclose(values[:, 0], values[:, -1], atol=1e-9)


def test_broadened_draws_hold_the_family_sparse_draws_and_larger_ones_but_none_that_is_nearly_zero():
    ensemble = load_pde("burgers").ensemble()
    drawn = broadened_sample(ensemble, 4000, torch.Generator().manual_seed(4))
    unit = drawn / code_scales(ensemble)
    sparse = (unit == 0).any(1).double().mean()
    assert 0.1 < float(sparse) < 0.3
    plain = ensemble.sample(4000, torch.Generator().manual_seed(4)).norm(dim=1)
    assert float(drawn.norm(dim=1).min()) >= min(float(plain.min()), 0.2 * float(code_scales(ensemble).norm())) - 1e-9
    assert 1.0 < float(unit.square().mean()) < 2.0
