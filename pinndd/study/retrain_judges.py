"""Other learners train on the distilled set and on the baselines: what the set is worth to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pinndd.data import SyntheticData
from pinndd.learners.adam import Adam
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.models.mlp import MLPModel
from pinndd.problem import Learner
from pinndd.study.outcome import DISTILLED, NO_SHIFT, Progress, Result, StudySettings
from pinndd.study.retrain_baselines import Tuned, tune_weights, weighted
from pinndd.study.retrain_setup import Setup, test_episodes

JUDGED = ("midpoint-grid",)
"""Baselines that the slow judges train on, beside the best one of the set's own learner."""

JUDGE_RATIOS = (1.0, 10.0, 100.0)
"""Boundary weights tuned for a slow judge, for baselines and the distilled set alike."""

FRESH = "fresh-samples"
"""The ceiling of a first-order learner: as many points, drawn anew at every step."""

_TUNING = 4


def judge_results(
    runs: Sequence[tuple[Setup, SyntheticData, Sequence[Tuned]]], settings: StudySettings, progress: Progress
) -> list[Result]:
    """Return the rows of every judge: the distilled set of the first seed and the baselines, boundary weights tuned anew."""
    results: list[Result] = []
    for judge in settings.judges:
        if judge == "deepxde":
            from pinndd.study.retrain_deepxde import deepxde_results

            results += deepxde_results(runs, settings, progress)
        else:
            for setup, data, tuned in runs[:1]:
                results += _network_results(setup, data, tuned, judge, settings, progress)
    return results


def network_learner(pde: PDE, name: str, *, fresh: bool = False) -> Learner:
    """Build a judge whose weights are all trained.

    Raises:
        ValueError: no such judge.
    """
    if name == "mlp-lm":
        return LevenbergMarquardt(MLPModel(pde))
    if name == "mlp-adam":
        return Adam(MLPModel(pde), steps=2000, fresh=fresh)
    raise ValueError(f"judge {name!r}: expected mlp-adam, mlp-lm or deepxde")


def judged_sets(setup: Setup, data: SyntheticData, tuned: Sequence[Tuned]) -> list[tuple[str, SyntheticData]]:
    """Return the sets that a slow judge trains on: the distilled one, the best baseline and the usual designs."""
    best = min(tuned, key=lambda t: t.error).method
    return [(DISTILLED, data), *((t.method, t.data) for t in tuned if t.method in (*JUDGED, best))]


def evaluate_network(
    setup: Setup, data: SyntheticData, judge: str, settings: StudySettings, progress: Progress
) -> list[Result]:
    """Train ``mlp-lm`` or ``mlp-adam`` on a distilled set for every test condition, the boundary weight tuned as in a study."""
    from pinndd.study.retrain import train_and_judge

    own = replace(setup, name=judge).with_learner(network_learner(setup.pde, judge))
    tuned = tune_weights(own, DISTILLED, data, setup.plain[:_TUNING], JUDGE_RATIOS, (1.0,))
    shifts = settings.tested(setup.pde.shifts)
    results: list[Result] = []
    for k, shift in enumerate(shifts):
        episodes = test_episodes(setup.pde, shift, settings.test_conditions, setup.seed, setup.device)
        results += train_and_judge(own, DISTILLED, tuned.data, shift, episodes, str(data.header.get("learner", "")))
        progress(f"retrain: training {judge}", k + 1, len(shifts), None)
    return results


def _network_results(
    setup: Setup, data: SyntheticData, tuned: Sequence[Tuned], judge: str, settings: StudySettings, progress: Progress
) -> list[Result]:
    from pinndd.study.retrain import train_and_judge

    own = replace(setup, name=judge).with_learner(network_learner(setup.pde, judge))
    sets = judged_sets(setup, data, tuned)
    judged = [tune_weights(own, name, each, setup.plain[:_TUNING], JUDGE_RATIOS, (1.0,)) for name, each in sets]
    shifts = [NO_SHIFT, *setup.pde.shifts]
    results: list[Result] = []
    for k, shift in enumerate(shifts):
        count = settings.judge_conditions if shift == NO_SHIFT else max(2, settings.judge_conditions // 2)
        episodes = test_episodes(setup.pde, shift, count, setup.seed, setup.device)
        for t in judged:
            results += train_and_judge(own, t.method, t.data, shift, episodes, setup.name)
        if judge == "mlp-adam" and shift == NO_SHIFT:
            free = own.with_learner(network_learner(setup.pde, judge, fresh=True))
            rows = train_and_judge(free, FRESH, weighted(data, 1.0, 10.0), shift, episodes, "")
            results += [replace(row, ceiling=True) for row in rows]
        progress(f"retrain: training {judge}", k + 1, len(shifts), None)
    return results
