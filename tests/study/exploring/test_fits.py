"""Fits that are prepared give what the learner gives for every boundary condition."""

from dataclasses import replace

import pytest
import torch

from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.ridge import Ridge
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.solving.dense import DenseSettings, dense_learner, dense_points, typical_size
from pinndd.pinn.tasks.episodes import Trainings
from pinndd.study.exploring.choice import Curve, drawn_choice
from pinndd.study.exploring.fits import AffineFits, fits_of
from pinndd.study.solving_on_set import learners_of


def fields(features, weights, outputs, points):
    return features.jets(points, [()])[0] @ weights.reshape(outputs, -1).T


@pytest.mark.parametrize("name", ["heat", "laplace_disk", "beam", "elasticity"])
def test_affine_fits_agree_with_a_dense_fit_of_the_condition(name, drawn):
    pde = load_pde(name)
    settings = DenseSettings(width=120, seed=3)
    learner, data = dense_learner(pde, settings, 1.0), dense_points(pde, settings)
    fits = fits_of(pde, learner, data, seed=3)
    assert isinstance(fits, AffineFits)
    values = drawn(pde, seed=4)
    with torch.no_grad():
        slow = learner.fit(data, Trainings(values, 3)).weights
    points = pde.box.scale(torch.rand((50, pde.box.dimension), generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    one, other = (fields(fits.features, weights, pde.output_count, points) for weights in (fits.weights(values), slow))
    assert torch.allclose(one, other, atol=1e-8 * float(other.abs().max()))


def test_affine_fits_agree_with_the_learner_of_a_set_for_a_drawn_curve(heat_set):
    pde = load_pde("heat")
    learner, narrower = learners_of(pde, heat_set)
    assert isinstance(learner, Ridge)
    assert (learner.model.width, narrower.model.width) == (120, 114)
    values = drawn_choice(pde, "steps", 5).with_curve("right", Curve((0.0, 0.4, 1.0), (1.0, -1.0, 2.0))).values()
    slow = learner.fit(heat_set, Trainings(values, 2)).weights.detach()
    assert torch.allclose(fits_of(pde, learner, heat_set, 2).weights(values), slow, atol=1e-9 * float(slow.abs().max()))


def test_iterated_fits_from_the_last_weights_end_where_those_from_zero_do(drawn):
    pde = load_pde("burgers")
    values, before = drawn(pde, seed=1), drawn(pde, seed=2)
    settings = DenseSettings(width=60, seed=0)
    learner = dense_learner(pde, settings, typical_size(pde, values))
    assert isinstance(learner, GaussNewton)
    learner = replace(learner, decrease=1e-8, promise=0.0)  # to the end, where it does not matter where it began
    fits = fits_of(pde, learner, dense_points(pde, settings), 0)
    far = fits.weights(before)
    points = pde.box.scale(torch.rand((50, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    cold, warm = (fields(fits.features, w, 1, points) for w in (fits.weights(values), fits.weights(values, far)))
    assert torch.allclose(cold, warm, atol=1e-4 * float(cold.abs().max()))
