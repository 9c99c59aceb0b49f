"""Weights and feature scales of sets of points, tuned for every method alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pinndd.data import SyntheticData
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.ridge import Ridge
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT, INTERIOR_WEIGHT
from pinndd.problem import Learner

SCALES = (0.5, 0.7, 1.0, 1.4, 2.0)
"""Scales of random features that a learner is tuned over, on the best baseline."""


def weighted(data: SyntheticData, interior_weight: float, boundary_weight: float) -> SyntheticData:
    """Return the set with other weights."""
    like = data[INTERIOR_WEIGHT]
    return data.with_fields(
        {INTERIOR_WEIGHT: like.new_tensor(interior_weight), BOUNDARY_WEIGHT: like.new_tensor(boundary_weight)}
    )


def weights_of(data: SyntheticData) -> tuple[float, float]:
    """Return the interior weight and the boundary weight of a set."""
    return float(data[INTERIOR_WEIGHT]), float(data[BOUNDARY_WEIGHT])


def weight_grid(data: SyntheticData, levels: Sequence[float], ratios: Sequence[float]) -> list[SyntheticData]:
    """Return the set with every interior weight of ``levels`` and every boundary weight at ``ratios`` to it."""
    return [weighted(data, level, level * ratio) for level in levels for ratio in ratios]


def weights_around(data: SyntheticData, levels: Sequence[float], ratios: Sequence[float]) -> list[SyntheticData]:
    """Return the set with factors on both weights and further ones on its boundary weight, where these stay within their bounds."""
    level, weight = weights_of(data)
    pairs = [(level * inner, weight * inner * outer) for inner in levels for outer in ratios]
    names = (INTERIOR_WEIGHT, BOUNDARY_WEIGHT)

    def allowed(pair: tuple[float, float]) -> bool:
        return all(data.constraints[n].violation(data[n].new_tensor(w)) == 0 for n, w in zip(names, pair, strict=True))

    return [weighted(data, *pair) for pair in pairs if allowed(pair)] or [data]


def weights_in_words(data: SyntheticData) -> str:
    """Say the weights of a set: ``weights 1, 100``."""
    return f"weights {', '.join(f'{w:.4g}' for w in weights_of(data))}"


def on_random_features(learner: Learner) -> bool:
    """Whether a learner fits weights of random features, in closed form or by Gauss-Newton."""
    return isinstance(learner, Ridge | GaussNewton) and isinstance(learner.model, FeatureModel)


def scaled(learner: Learner) -> list[Learner]:
    """Return a learner on random features with every scale of `SCALES`; any other learner as it is."""
    if not isinstance(learner, Ridge | GaussNewton) or not isinstance(learner.model, FeatureModel):
        return [learner]
    return [with_scale(learner, scale) for scale in SCALES]


def with_scale(learner: Ridge | GaussNewton, scale: float) -> Ridge | GaussNewton:
    """Return the learner with another scale of its random features."""
    assert isinstance(learner.model, FeatureModel)
    model = learner.model.with_settings(learner.model.width, scale)
    return Ridge(model, learner.penalty) if isinstance(learner, Ridge) else replace(learner, model=model)
