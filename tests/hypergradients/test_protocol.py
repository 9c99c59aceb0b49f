"""An estimator refuses a learner that it cannot differentiate, and says which one can."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from pinndd.distances import RelativeL2
from pinndd.hypergradients import Exact, Hypergradient, Implicit, MinimumNorm, UnrolledAdjoint
from pinndd.hypergradients.protocol import leaves
from pinndd.learners.adam import Adam
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.learners.ridge import Ridge
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean

LEARNERS: dict[str, Callable[[Any], Any]] = {
    "Ridge": lambda pde: Ridge(FeatureModel(pde, width=4)),
    "GaussNewton": lambda pde: GaussNewton(FeatureModel(pde, width=4)),
    "Adam": lambda pde: Adam(MLPModel(pde, (2,)), steps=1),
    "fresh Adam": lambda pde: Adam(MLPModel(pde, (2,)), steps=1, fresh=True),
    "LevenbergMarquardt": lambda pde: LevenbergMarquardt(MLPModel(pde, (2,)), iterations=1),
    "fresh LevenbergMarquardt": lambda pde: LevenbergMarquardt(MLPModel(pde, (2,)), iterations=1, fresh=True),
}
FITTING = {
    "Ridge": "Exact",
    "GaussNewton": "Implicit",
    "Adam": "UnrolledAdjoint",
    "LevenbergMarquardt": "MinimumNorm",
}


@pytest.mark.parametrize("learner", list(LEARNERS))
@pytest.mark.parametrize("estimator", [Exact(), Implicit(), UnrolledAdjoint(), MinimumNorm()], ids=lambda e: type(e).__name__)
def test_the_wrong_estimator_is_refused(learner: str, estimator: Hypergradient, setting: Callable[..., Any]) -> None:
    pde, data, episodes = setting("heat", 1, 3, 3)
    task = BoundaryGeneralisation(episodes, [0])
    problem = DistillationProblem(LEARNERS[learner](pde), task, RelativeL2(), Mean())
    fits = FITTING.get(learner)
    if fits == type(estimator).__name__:
        risk, gradient = estimator(problem, data, episodes)
        assert set(gradient) == set(data.learnable)
        assert bool(torch.isfinite(risk))
        return
    remedy = f"use hypergradients.{fits}" if fits else "use it for evaluation only"
    with pytest.raises(TypeError, match=remedy):
        estimator(problem, data, episodes)


def test_leaves_are_copies_that_require_gradients(setting: Callable[..., Any]) -> None:
    _, data, _ = setting("heat", 1, 3, 3)
    tracked, fields = leaves(data)
    assert set(fields) == set(data.learnable)
    for name, leaf in fields.items():
        assert leaf.requires_grad
        assert leaf.is_leaf
        assert tracked[name] is leaf
        assert not data[name].requires_grad
        assert leaf.data_ptr() != data[name].data_ptr()
