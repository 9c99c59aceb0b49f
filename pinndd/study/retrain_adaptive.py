"""Adaptive baselines of the retrain protocol: for every boundary condition its own points, moved by the residual of its model."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from pinndd.data import SyntheticData
from pinndd.pinn.adaptive import PACMANN, R3, RAD, RARD, AdaptiveMethod, train_adaptively
from pinndd.pinn.adaptive.training import Fitted
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT, INTERIOR_WEIGHT
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.study.outcome import NO_SHIFT, Progress, Result, StudySettings
from pinndd.study.retrain_baselines import Tuned, design_seed, sampled, weighted
from pinndd.study.retrain_setup import Setup, test_episodes

GRIDS: dict[str, tuple[AdaptiveMethod, ...]] = {
    "rad": (RAD(), RAD(k=2.0, c=0.0), RAD(k=0.5, c=1.0)),
    "rar-d": (RARD(), RARD(k=1.0, c=1.0)),
    "r3": (R3(),),
    "pacmann": (PACMANN(), PACMANN(step=1e-3), PACMANN(step=1e-2)),
}
"""Settings that each method is tuned over, those of its paper first; in a quick study there are no others."""

ROUNDS = (2, 5)
"""Numbers of moves that every method is tuned over; in a quick study, and where a fit is slow (Gauss-Newton), the first."""

FACTORS = ((1.0, 1.0), (1.0, 0.1), (1.0, 10.0), (0.01, 0.01), (100.0, 100.0))
"""Factors on the interior and the boundary weight of the starting design that every method is tuned over."""

STARTS = ("sobol", "hammersley")
"""Designs of the first training and of the boundary; the better one, with its tuned weights, is taken."""

_STREAM = 577  # keeps the draws of the methods apart from those of the designs


@dataclass(frozen=True)
class TunedAdaptive:
    """An adaptive method with its settings.

    Attributes:
        method: with its own settings.
        rounds: how often the points move.
        data: interior points of the first training, boundary points and weights.
        error: mean relative L2 error on the validation conditions it was tuned on.
    """

    method: AdaptiveMethod
    rounds: int
    data: SyntheticData
    error: float

    def __str__(self) -> str:
        weights = (float(self.data[name]) for name in (INTERIOR_WEIGHT, BOUNDARY_WEIGHT))
        return f"{self.method}, {self.rounds} rounds, weights {', '.join(f'{w:.4g}' for w in weights)}"


def tune_adaptive(setup: Setup, tuned: Sequence[Tuned], settings: StudySettings, progress: Progress) -> list[TunedAdaptive]:
    """Return every adaptive method with the settings, rounds and weights of lowest error on validation conditions.

    Settings and rounds are chosen first, with the weights of the starting design, then the weights; all on some of the conditions that
    the designs are tuned on.

    Args:
        setup: of the seed.
        tuned: the designs, among them `STARTS`.
        settings: size and budget of the study.
        progress: called often.
    """
    start = min((t for t in tuned if t.method in STARTS), key=lambda t: t.error)
    quick, slow = setup.quick, setup.slow
    episodes = setup.plain[:8]
    chosen = []
    for k, (name, grid) in enumerate(GRIDS.items()):
        found = [
            _tried(setup, method, rounds, _first(setup, method, rounds, start, settings), episodes, settings)
            for method in (grid[:1] if quick else grid)
            for rounds in (ROUNDS[:1] if quick or slow else ROUNDS)
        ]
        best = min(found, key=lambda t: t.error)
        inner, outer = start.weights
        lifted = [weighted(best.data, a * inner, b * outer) for a, b in (FACTORS[1:3] if quick else FACTORS[1:])]
        found = [best, *(_tried(setup, best.method, best.rounds, data, episodes, settings) for data in lifted)]
        chosen.append(min(found, key=lambda t: t.error))
        progress(f"retrain: tuning {name}", k + 1, len(GRIDS), chosen[-1].error)
    return chosen


def adaptive_results(
    setup: Setup, chosen: Sequence[TunedAdaptive], settings: StudySettings, protocol: str, progress: Progress
) -> list[Result]:
    """Return the errors of models trained with each adaptive method, on the test conditions of the other methods.

    The time of a row holds all of its trainings and all moves of its points.
    """
    results = []
    shifts = settings.tested(setup.pde.shifts)
    for k, shift in enumerate(shifts):
        episodes = test_episodes(setup.pde, shift, settings.test_conditions, setup.seed, setup.device)
        for each in chosen:
            started = time.perf_counter()
            fitted = _train(setup, each, episodes, settings.points, 1 + [NO_SHIFT, *setup.pde.shifts].index(shift))
            seconds = (time.perf_counter() - started) / len(episodes)
            with torch.no_grad():
                losses = setup.problem.compare(fitted, episodes).tolist()
            results += [
                Result(
                    setup.pde.name,
                    protocol,
                    each.method.name,
                    setup.name,
                    settings.points,
                    settings.boundary_points,
                    shift,
                    setup.seed,
                    episode,
                    loss,
                    seconds,
                )
                for episode, loss in enumerate(losses)
            ]
        progress("retrain: adaptive points", k + 1, len(shifts), None)
    return results


def _first(setup: Setup, method: AdaptiveMethod, rounds: int, start: Tuned, settings: StudySettings) -> SyntheticData:
    """Return the set of the first training: that of the starting design, with as many interior points as the method begins with."""
    count = method.sizes(settings.points, rounds)[0]
    if count == settings.points:
        return start.data
    data = sampled(setup, start.method, count, settings.boundary_points, design_seed(start.method, setup.seed))
    return weighted(data, *start.weights)


def _tried(
    setup: Setup,
    method: AdaptiveMethod,
    rounds: int,
    data: SyntheticData,
    episodes: BoundaryEpisodes,
    settings: StudySettings,
) -> TunedAdaptive:
    each = TunedAdaptive(method, rounds, data, 0.0)
    with torch.no_grad():
        error = float(setup.problem.compare(_train(setup, each, episodes, settings.points, 0), episodes).mean())
    return replace(each, error=error if math.isfinite(error) else math.inf)


def _train(setup: Setup, each: TunedAdaptive, episodes: BoundaryEpisodes, points: int, stream: int) -> Fitted:
    generator = torch.Generator().manual_seed(_STREAM * (setup.seed + 1) + stream)
    return train_adaptively(setup.learner, each.method, each.rounds, points, each.data, episodes, setup.pde.box, generator)
