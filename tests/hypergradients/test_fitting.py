"""The estimator follows from the learner."""

import re
from dataclasses import replace

import pytest

from pinndd.hypergradients import Exact, Implicit, MinimumNorm, UnrolledAdjoint
from pinndd.hypergradients.fitting import fitting
from pinndd.learners.adam import Adam
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.learners.ridge import Ridge
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.models.mlp import MLPModel

HEAT = load_pde("heat")
FEATURES, NETWORK = FeatureModel(HEAT, width=4), MLPModel(HEAT, (2,))


@pytest.mark.parametrize(
    ("learner", "estimator"),
    [
        (Ridge(FEATURES), Exact),
        (GaussNewton(FEATURES), Implicit),
        (Adam(NETWORK, steps=1), UnrolledAdjoint),
        (LevenbergMarquardt(NETWORK), MinimumNorm),
    ],
    ids=lambda each: type(each).__name__ if not isinstance(each, type) else each.__name__,
)
def test_the_estimator_of_each_learner(learner, estimator):
    assert type(fitting(learner)) is estimator


@pytest.mark.parametrize(
    "learner",
    [replace(LevenbergMarquardt(NETWORK), fresh=True), replace(Adam(NETWORK, steps=1), fresh=True)],
    ids=["levenberg", "adam"],
)
def test_a_training_that_is_not_differentiated_is_refused(learner):
    said = f"{type(learner).__name__} offers 'none': no estimator differentiates its training; distill with a learner that offers "
    with pytest.raises(TypeError, match=re.escape(said)) as error:
        fitting(learner)
    for part in ("closed form, implicit, unrolled, interpolation", "zeroth-order estimator"):
        assert part in str(error.value)
