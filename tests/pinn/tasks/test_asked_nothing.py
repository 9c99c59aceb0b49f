"""Trainings that are asked nothing: shapes, dtypes, and that models are trained for them all the same."""

import torch

from pinndd.learners.ridge import Ridge
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.pinn.tasks.questions import Questions


def test_questions_about_nothing_are_one_training():
    nothing = Questions.none(5, 3, seed=7)
    assert (len(nothing), nothing.conditions, nothing.seed) == (1, 0, 7)
    assert (nothing.codes.shape, nothing.points.shape) == ((0, 5), (0, 3))
    assert nothing.truth.numel() == 0
    assert {nothing.codes.dtype, nothing.points.dtype, nothing.truth.dtype} == {torch.float64}
    assert nothing.with_seed(8).seed == 8


def test_unasked_episodes_keep_the_conditions_and_train_the_same_models(setting):
    pde, data, asked = setting("heat", 3, 20, 9)
    unasked = BoundaryEpisodes.unasked(asked.values, asked.points[:0], pde.output_count, asked.seed)
    assert len(unasked) == 3
    assert unasked.points.shape == (0, 2)
    assert unasked.truth.shape == (3, 0, 1)
    assert unasked.truth.dtype == asked.points.dtype
    learner = Ridge(FeatureModel(pde, width=30))
    torch.testing.assert_close(learner.fit(data, unasked)(asked.points), learner.fit(data, asked)(asked.points))


def test_unasked_episodes_have_the_outputs_of_the_equation():
    pde = load_pde("elasticity")
    ensemble = pde.ensemble()
    values = BoundaryValues(ensemble, ensemble.sample(2, torch.Generator().manual_seed(0)))
    unasked = BoundaryEpisodes.unasked(values, torch.empty((0, 2), dtype=torch.float32), pde.output_count, 1)
    assert unasked.truth.shape == (2, 0, 2)
    assert unasked.truth.dtype == torch.float32
