"""DeepXDE trains on the distilled set and on the hardest baselines, for a few boundary conditions."""

from __future__ import annotations

from collections.abc import Sequence

from pinndd.data import SyntheticData
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.deepxde.learner import judge
from pinndd.pinn.sets.collocation import point_counts
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.study.outcome import DISTILLED, NO_SHIFT, Progress, Result, StudySettings
from pinndd.study.retrain_baselines import Tuned, weighted
from pinndd.study.retrain_setup import Setup, test_episodes

LEARNER = "deepxde"
RATIO = 10.0
"""Boundary weight, for an interior weight of 1; the same for every method: tuning it would cost minutes of training."""

COMPARED = "midpoint-grid"
"""The baseline that is hardest to beat for a network, beside the best one of the set's own learner."""

STUDY_STEPS = (400, 250)
"""Steps of Adam and of L-BFGS in a study, where some twenty networks are trained."""

EVALUATION_STEPS = (600, 300)
"""Steps where one set is evaluated."""


def deepxde_results(
    runs: Sequence[tuple[Setup, SyntheticData, Sequence[Tuned]]], settings: StudySettings, progress: Progress
) -> list[Result]:
    """Return the rows of DeepXDE: first seed, in distribution and the first shift, ``settings.judge_conditions`` conditions.

    It trains on the distilled set, on the best baseline of the set's own learner and on the midpoint grid, with the weights 1 and
    `RATIO` for each: weights that were tuned or distilled for a learner with a penalty say nothing to it.
    """
    setup, data, tuned = runs[0]
    best = min(tuned, key=lambda t: t.error).method
    sets = [(DISTILLED, data), *((t.method, t.data) for t in tuned if t.method in (COMPARED, best))]
    shifts = [NO_SHIFT, *setup.pde.shifts][:2]
    results: list[Result] = []
    for shift in shifts:
        episodes = test_episodes(setup.pde, shift, settings.judge_conditions, setup.seed, "cpu")
        for method, each in sets:
            results += _train(setup.pde, method, each, shift, episodes, setup.name, STUDY_STEPS)
            progress(f"retrain: training {LEARNER}", len(results), len(shifts) * len(sets) * len(episodes), None)
    return results


def evaluate_deepxde(pde: PDE, data: SyntheticData, settings: StudySettings, progress: Progress) -> list[Result]:
    """Train DeepXDE on a distilled set for every test condition of every shift, with the weights 1 and `RATIO`."""
    seed, results, shifts = int(data.header.get("seed", settings.seed)), [], settings.tested(pde.shifts)
    made_with = str(data.header.get("learner", ""))
    for shift in shifts:
        episodes = test_episodes(pde, shift, settings.test_conditions, seed, "cpu")
        for k in range(len(episodes)):
            results += _train(pde, DISTILLED, data, shift, episodes[k : k + 1], made_with, EVALUATION_STEPS, k)
            progress(f"retrain: training {LEARNER}", len(results), len(shifts) * len(episodes), results[-1].relative_l2)
    return results


def _train(
    pde: PDE,
    method: str,
    data: SyntheticData,
    shift: str,
    episodes: BoundaryEpisodes,
    distilled_with: str,
    steps: tuple[int, int],
    first: int = 0,
) -> list[Result]:
    """Train once for every condition, numbered from ``first``, and return one row each."""
    adam_steps, lbfgs_steps = steps
    errors, seconds = judge(
        pde, weighted(data, 1.0, RATIO), episodes, adam_steps=adam_steps, lbfgs_steps=lbfgs_steps, seed=episodes.seed, first=first
    )
    return [
        Result(
            pde.name,
            "retrain",
            method,
            LEARNER,
            *point_counts(pde, data),
            shift,
            episodes.seed,
            first + k,
            error,
            spent,
            distilled_with if method == DISTILLED else "",
        )
        for k, (error, spent) in enumerate(zip(errors.tolist(), seconds.tolist(), strict=True))
    ]
