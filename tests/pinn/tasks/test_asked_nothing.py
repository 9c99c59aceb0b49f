"""Trainings that are asked nothing: shapes, dtypes, and that models are trained for them all the same."""

import torch

from pinndd.learners.ridge import Ridge
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.tasks.episodes import Trainings
from pinndd.pinn.tasks.questions import Questions


def test_questions_about_nothing_are_one_training():
    nothing = Questions.none(5, 3, seed=7)
    assert (len(nothing), nothing.conditions, nothing.seed) == (1, 0, 7)
    assert (nothing.codes.shape, nothing.points.shape) == ((0, 5), (0, 3))
    assert nothing.truth.numel() == 0
    assert {nothing.codes.dtype, nothing.points.dtype, nothing.truth.dtype} == {torch.float64}
    assert nothing.with_seed(8).seed == 8


def test_trainings_that_are_asked_nothing_train_the_same_models(setting):
    pde, data, asked = setting("heat", 3, 20, 9)
    trainings = Trainings(asked.values, asked.seed)
    assert len(trainings) == 3
    learner = Ridge(FeatureModel(pde, width=30))
    torch.testing.assert_close(learner.fit(data, trainings)(asked.points), learner.fit(data, asked)(asked.points))
