"""Baselines of the retrain protocol, each with its weights tuned on validation conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pinndd.data import SyntheticData
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.ridge import Ridge
from pinndd.outer_loop import OuterSettings
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT, INTERIOR_WEIGHT, collocation_data
from pinndd.pinn.sets.samplers import INTERIOR_SAMPLERS, sample_points
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.study.outcome import Progress
from pinndd.study.retrain_setup import Setup

RATIOS = (1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4)
"""Ratios of the boundary weight to the interior weight that every baseline is tuned over."""

LEVELS = (1.0, 1e2, 1e4)
"""Interior weights that every baseline is tuned over: against the penalty of the learner, more weight is less smoothing."""

SCALES = (0.5, 0.7, 1.0, 1.4, 2.0)
"""Feature scales that the learner is tuned over, on the best baseline."""

BEST_OF_K = "best-of-k"
RANDOM = ("uniform", "latin-hypercube", "sobol", "hammersley")
"""Samplers that best-of-k draws from in turn."""


@dataclass(frozen=True)
class Tuned:
    """A point set with its weights.

    Attributes:
        method: name of the sampler.
        data: the set.
        error: mean relative L2 error on the validation conditions it was tuned on.
    """

    method: str
    data: SyntheticData
    error: float

    @property
    def weights(self) -> tuple[float, float]:
        """The interior weight and the boundary weight."""
        return float(self.data[INTERIOR_WEIGHT]), float(self.data[BOUNDARY_WEIGHT])


def sampled(setup: Setup, method: str, points: int, boundary_points: int, seed: int) -> SyntheticData:
    """Draw a point set by a named sampler, with unit weights."""
    interior, boundary = sample_points(setup.pde, method, points, boundary_points, seed)
    return collocation_data(setup.pde, interior, boundary).to(setup.device)


def weighted(data: SyntheticData, interior_weight: float, boundary_weight: float) -> SyntheticData:
    """Return the set with other weights."""
    like = data[INTERIOR_WEIGHT]
    return data.with_fields(
        {INTERIOR_WEIGHT: like.new_tensor(interior_weight), BOUNDARY_WEIGHT: like.new_tensor(boundary_weight)}
    )


def design_seed(method: str, seed: int) -> int:
    """Return the seed of a sampler in a study: the designs that need no randomness are taken as they are in the books."""
    return 0 if method in ("hammersley", "midpoint-grid", "chebyshev-grid") else seed + 1


def tune_weights(
    setup: Setup,
    method: str,
    data: SyntheticData,
    episodes: BoundaryEpisodes,
    ratios: Sequence[float] = RATIOS,
    levels: Sequence[float] = LEVELS,
) -> Tuned:
    """Return the set with the weights of lowest error on ``episodes``."""
    candidates = [weighted(data, level, level * ratio) for level in levels for ratio in ratios]
    tuned = [Tuned(method, candidate, setup.error(candidate, episodes)) for candidate in candidates]
    return min(tuned, key=lambda t: t.error)


def tune_design(setup: Setup, method: str, data: SyntheticData) -> Tuned:
    """Return the set with its best weights for the learner that sets are distilled with, on the grid that its speed allows."""
    if setup.hurried:
        return tune_weights(setup, method, data, setup.plain[:6], RATIOS[2:5], LEVELS[:2])
    if setup.slow:
        return tune_weights(setup, method, data, setup.plain[:12], RATIOS[1:6], LEVELS[:2])
    return tune_weights(setup, method, data, setup.plain)


def tune_scale(setup: Setup, points: int, boundary_points: int) -> Setup:
    """Choose the feature scale of the learner on the baselines that are usually best (a learner without features is left)."""
    learner = setup.learner
    if not isinstance(learner, Ridge | GaussNewton) or not isinstance(learner.model, FeatureModel):
        return setup
    methods = ("hammersley", "midpoint-grid", "sobol")[: 1 if setup.hurried else 3]
    sets = [sampled(setup, m, points, boundary_points, design_seed(m, setup.seed)) for m in methods]
    ratios, levels = (RATIOS[2:5], LEVELS[: 1 if setup.hurried else 2]) if setup.slow else (RATIOS[1:6], LEVELS)
    episodes = setup.plain[:8] if setup.slow else setup.plain
    candidates = [setup.with_learner(with_scale(learner, scale)) for scale in SCALES]
    errors = [min(tune_weights(c, "", data, episodes, ratios, levels).error for data in sets) for c in candidates]
    return candidates[errors.index(min(errors))]


def with_scale(learner: Ridge | GaussNewton, scale: float) -> Ridge | GaussNewton:
    """Return the learner with another scale of its random features."""
    assert isinstance(learner.model, FeatureModel)
    model = learner.model.with_settings(learner.model.width, scale)
    return Ridge(model, learner.penalty) if isinstance(learner, Ridge) else replace(learner, model=model)


def tune_baselines(setup: Setup, points: int, boundary_points: int, progress: Progress) -> list[Tuned]:
    """Return every usual design with its tuned weights."""
    tuned = []
    for k, method in enumerate(INTERIOR_SAMPLERS):
        data = sampled(setup, method, points, boundary_points, design_seed(method, setup.seed))
        tuned.append(tune_design(setup, method, data))
        progress("retrain: tuning baselines", k + 1, len(INTERIOR_SAMPLERS), min(t.error for t in tuned))
    return tuned


def best_of_k(
    setup: Setup, tuned: Sequence[Tuned], outer: OuterSettings, points: int, boundary_points: int, progress: Progress
) -> Tuned:
    """Return the best of k random sets on the validation conditions, with the outer compute of a distillation.

    An outer step, with its gradient, costs about two evaluations of its batch; so k is such that as many conditions are
    evaluated. Each set takes the tuned weights of its sampler.
    """
    weights = {t.method: t.weights for t in tuned}
    episodes = setup.plain
    count = max(1, round(2 * outer.steps * outer.batch / len(episodes)))
    best: Tuned | None = None
    for k in range(count):
        method = RANDOM[k % len(RANDOM)]
        data = weighted(sampled(setup, method, points, boundary_points, 7919 * (setup.seed + 1) + k), *weights[method])
        error = setup.error(data, episodes)
        if best is None or error < best.error:
            best = Tuned(BEST_OF_K, data, error)
        if k % 20 == 0 or k == count - 1:
            progress("retrain: best of k random sets", k + 1, count, best.error)
    assert best is not None
    return best
