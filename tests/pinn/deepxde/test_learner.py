"""DeepXDE trains on a set, and leaves no trace."""

import random

import numpy as np
import pytest
import torch

from pinndd.distances import RelativeL2
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.deepxde.learner import DeepXDE
from pinndd.pinn.deepxde.training import DeepXDETraining
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.solving.truth import boundary_episodes


@pytest.fixture(scope="module")
def heat():
    pde = load_pde("heat")
    interior, boundary = sample_points(pde, "midpoint-grid", 64, 30, seed=0)
    data = collocation_data(pde, interior, boundary, 10.0)
    asked = pde.box.scale(torch.rand((100, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    ensemble = pde.ensemble()
    coefficients = ensemble.sample(2, torch.Generator().manual_seed(0))
    return pde, data, boundary_episodes(pde, ensemble, coefficients, asked)


def judge(pde, data, episodes, *, steps, seed=0):
    """Relative L2 error of DeepXDE after as many steps of Adam and of L-BFGS."""
    learner = DeepXDE(pde, DeepXDETraining(adam_steps=steps, lbfgs_steps=steps))
    return RelativeL2()(learner.fit(data, episodes.with_seed(seed))(episodes.points), episodes.truth)


def test_training_lowers_the_error(heat):
    errors, untrained = judge(*heat, steps=60), judge(*heat, steps=0)
    assert errors.shape == (2,)
    assert (errors < 0.5 * untrained).all()


def test_the_seed_decides(heat):
    def once(seed):
        return judge(*heat, steps=3, seed=seed)

    first = once(0)
    torch.testing.assert_close(once(0), first, rtol=0, atol=0)
    assert not torch.equal(once(1), first)


def test_nothing_is_printed_and_all_is_as_before(heat, capsys):
    dde = import_deepxde()

    def state():
        return (
            torch.get_rng_state().tolist(),
            np.random.get_state()[1].tolist(),  # noqa: NPY002
            random.getstate(),
            torch.get_default_dtype(),
            torch.get_default_device(),
            dde.config.default_float(),
            dict(dde.optimizers.LBFGS_options),
        )

    before = state()
    judge(*heat, steps=2)
    assert state() == before
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_loss_that_is_not_finite_is_named(heat):
    pde, data, episodes = heat
    broken = episodes.values.coefficients.clone()
    broken[1] = float("nan")
    values = type(episodes.values)(episodes.values.ensemble, broken)
    with pytest.raises(ArithmeticError, match="not finite"):
        judge(pde, data, type(episodes)(values, episodes.points, episodes.truth, 0), steps=2)
