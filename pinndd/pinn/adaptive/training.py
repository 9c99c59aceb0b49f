"""Train models whose interior points move with their residual: train, look, move, train again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.learners.adam import Adam
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.learners.ridge import Ridge
from pinndd.pinn.adaptive.protocol import AdaptiveMethod
from pinndd.pinn.adaptive.residuals import squared_residual
from pinndd.pinn.geometry.domain import Domain
from pinndd.pinn.models.features import FittedFeatures, HeadModel
from pinndd.pinn.models.mlp import FittedMLP, MLPModel
from pinndd.pinn.models.network_rows import Prepared
from pinndd.pinn.sets.collocation import INTERIOR
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.problem import Learner

Fitted = FittedFeatures | FittedMLP
Training = Callable[[Tensor, int], Fitted]
"""``(points (E, N, d), round) -> models``."""


def train_adaptively(
    learner: Learner,
    method: AdaptiveMethod,
    rounds: int,
    count: int,
    data: SyntheticData,
    episodes: BoundaryEpisodes,
    domain: Domain,
    generator: torch.Generator,
) -> Fitted:
    """Train one model per episode, each on interior points of its own that move ``rounds`` times.

    A learner in closed form fits anew after every move. Adam shares its steps equally among the ``rounds + 1`` trainings and goes
    on from where it was, as in the papers, so that it takes as many steps as without moves. Levenberg-Marquardt goes on from where
    it was too, until it meets its tolerance on the moved points.

    Args:
        learner: ridge or Gauss-Newton on a model of features, or Adam or Levenberg-Marquardt on an `MLPModel`.
        method: moves the points.
        rounds: how often.
        count: number of interior points at the end; there are never more.
        data: interior points of the first training, ``method.sizes(count, rounds)[0]`` of them, boundary points and weights.
        episodes: the boundary conditions.
        domain: of the equation.
        generator: of the method's draws, on the CPU.

    Raises:
        ValueError: another learner, or the wrong number of points to begin with.
    """
    sizes = method.sizes(count, rounds)
    points = data[INTERIOR].expand(len(episodes), -1, -1)
    if points.shape[-2] != sizes[0]:
        raise ValueError(f"{method.name}: {points.shape[-2]} interior points to begin with, expected {sizes[0]} of {count}")
    train, model = _training(learner, data, episodes, rounds + 1)
    fitted = train(points, 0)
    for k, size in enumerate(sizes[1:], 1):
        points = method.move(points, size, partial(squared_residual, fitted, model.pde), domain, generator)
        fitted = train(points, k)
    return fitted


def _training(
    learner: Learner, data: SyntheticData, episodes: BoundaryEpisodes, trainings: int
) -> tuple[Training, HeadModel | MLPModel]:
    if isinstance(learner, Ridge | GaussNewton) and isinstance(learner.model, HeadModel):
        return partial(_refit, learner, learner.model, data, episodes), learner.model
    if isinstance(learner, Adam) and isinstance(learner.model, MLPModel):
        return _AdamTraining(learner, data, episodes, trainings), learner.model
    if isinstance(learner, LevenbergMarquardt) and isinstance(learner.model, MLPModel):
        return _Continued(learner, data, episodes), learner.model
    raise ValueError(
        f"adaptive points for {type(learner).__name__}: expected Ridge or GaussNewton on a HeadModel, or Adam or "
        "LevenbergMarquardt on an MLPModel"
    )


def _refit(
    learner: Ridge | GaussNewton,
    model: HeadModel,
    data: SyntheticData,
    episodes: BoundaryEpisodes,
    points: Tensor,
    k: int,
) -> FittedFeatures:
    """Fit every episode on its own points, from scratch."""
    with torch.no_grad():
        weights = [
            model.weights(learner.fit(data.with_fields({INTERIOR: own}), episodes[e : e + 1]))
            for e, own in enumerate(points)
        ]
        return model.fitted(torch.cat(weights), episodes)


class _AdamTraining:
    """Adam on all networks at once, interrupted by moves of the points."""

    def __init__(self, learner: Adam, data: SyntheticData, episodes: BoundaryEpisodes, trainings: int) -> None:
        self.learner, self.data, self.episodes, self.trainings = learner, data, episodes, trainings
        first = data[INTERIOR].expand(len(episodes), -1, -1)
        self.state = learner.start(_prepared(learner, data, episodes, first), episodes)

    def __call__(self, points: Tensor, k: int) -> FittedMLP:
        prepared, steps = _prepared(self.learner, self.data, self.episodes, points), self.learner.steps
        for t in range(steps * k // self.trainings, steps * (k + 1) // self.trainings):
            self.state = self.learner.advance(self.state, prepared, t)
        fitted: FittedMLP = self.learner.fitted(self.state.parameters, self.episodes)
        return fitted


class _Continued:
    """Levenberg-Marquardt on all networks at once, which goes on from their weights after every move of the points."""

    def __init__(self, learner: LevenbergMarquardt, data: SyntheticData, episodes: BoundaryEpisodes) -> None:
        self.learner, self.data, self.episodes = learner, data, episodes
        self.theta = learner.initial(data, episodes)

    def __call__(self, points: Tensor, k: int) -> FittedMLP:
        with torch.no_grad():
            self.theta = self.learner.train(_prepared(self.learner, self.data, self.episodes, points), self.theta)
            fitted: FittedMLP = self.learner.model.fitted(self.theta, self.episodes)
        return fitted


def _prepared(
    learner: Adam | LevenbergMarquardt, data: SyntheticData, episodes: BoundaryEpisodes, points: Tensor
) -> Prepared:
    """Return what training needs, with a first axis of episodes where the points differ."""
    with torch.no_grad():
        each = [learner.prepare(data.with_fields({INTERIOR: own}), episodes[e : e + 1]) for e, own in enumerate(points)]
    own = {name: torch.stack([p[name] for p in each]) for name in ("interior", "inputs", "slopes")}
    return {**each[0], **own, "targets": torch.cat([p["targets"] for p in each])}
