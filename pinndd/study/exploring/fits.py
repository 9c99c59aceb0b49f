"""Weights of a model from boundary values, again and again: affine for a linear PDE, else by Gauss-Newton from the last ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.ridge import Ridge
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.jets.features import Features
from pinndd.pinn.models.features import FittedFeatures
from pinndd.pinn.tasks.episodes import ConditionValues, Trainings


class Fits(Protocol):
    """Output weights of random features as a function of the boundary values."""

    @property
    def features(self) -> Features:
        """The features."""

    def weights(self, values: ConditionValues, start: Tensor | None = None) -> Tensor:
        """Return the weights for one boundary condition, ``(1, outputs · P)``.

        Args:
            values: the boundary condition.
            start: weights of a similar one, ``(1, outputs · P)`` (None: there is none).
        """


@dataclass(frozen=True)
class AffineFits:
    """Weights that are affine in the boundary values at the points: one matrix product each.

    Attributes:
        features: of the model.
        places: condition name to the local coordinates of its points, ``(n, k)``.
        rest: weights where all values are zero, ``(outputs · P,)``.
        slopes: what a value of 1 at each point adds, ``(M, outputs · P)``, conditions in the order of ``places``.
    """

    features: Features
    places: Mapping[str, Tensor]
    rest: Tensor
    slopes: Tensor

    def weights(self, values: ConditionValues, start: Tensor | None = None) -> Tensor:
        """Return ``rest + values · slopes``, ``(1, outputs · P)``; where a fit starts makes no difference."""
        at = torch.cat([values[name](s) for name, s in self.places.items()], -1)
        return self.rest + at @ self.slopes


@dataclass(frozen=True)
class IteratedFits:
    """Weights by Gauss-Newton, which needs few steps from those of a similar boundary condition.

    Attributes:
        features: of the model.
        learner: fits them.
        data: the points.
        seed: of the features.
        outputs: components of u.
    """

    features: Features
    learner: GaussNewton
    data: SyntheticData
    seed: int
    outputs: int

    def weights(self, values: ConditionValues, start: Tensor | None = None) -> Tensor:
        """Return the weights ``(1, outputs · P)``."""
        model: Any = self.learner.model
        episodes = Trainings(values, self.seed)
        near = None if start is None else model.weights(FittedFeatures(self.features, start, episodes, self.outputs))
        fitted: FittedFeatures = self.learner.fit(self.data, episodes, near)
        return fitted.weights


@dataclass(frozen=True)
class _UnitValues:
    """M + 1 boundary conditions on M points: zero everywhere, then 1 at each point and zero at the others."""

    starts: Mapping[str, int]
    count: int

    def __len__(self) -> int:
        return self.count + 1

    def __getitem__(self, name: str) -> Callable[[Tensor], Tensor]:
        def evaluate(s: Tensor) -> Tensor:
            values = s.new_zeros((self.count + 1, s.shape[0]))
            start = self.starts[name]
            values[1 + start : 1 + start + s.shape[0]].fill_diagonal_(1.0)
            return values

        return evaluate


def fits_of(pde: PDE, learner: Ridge | GaussNewton, data: SyntheticData, seed: int) -> Fits:
    """Prepare the fits of a learner on fixed points; for closed forms the matrix is factorised here, once.

    Args:
        pde: the equation.
        learner: of random features.
        data: the points.
        seed: of the features.
    """
    places = {c.name: data[c.name] for c in pde.valued}
    starts, count = {}, 0
    for name, s in places.items():
        starts[name], count = count, count + s.shape[0]
    if isinstance(learner, GaussNewton):
        any_point = next(iter(data.fields.values()))
        unfitted = any_point.new_zeros((1, learner.model.parameter_count))
        empty: FittedFeatures = learner.model.fitted(unfitted, Trainings(_UnitValues(starts, count), seed))
        return IteratedFits(empty.features, learner, data, seed, pde.output_count)
    with torch.no_grad():
        fitted: FittedFeatures = learner.fit(data, Trainings(_UnitValues(starts, count), seed))
    return AffineFits(fitted.features, places, fitted.weights[0], fitted.weights[1:] - fitted.weights[0])
