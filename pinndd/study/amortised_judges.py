"""What a set of tuples is worth: its own learner, and others, train on it once and are asked about every shift."""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from pinndd.data import SyntheticData
from pinndd.learners.adam import Adam
from pinndd.pinn.models.conditioned_mlp import REACH, ConditionedMLP
from pinndd.pinn.sets.collocation import BOUNDARY_WEIGHT, INTERIOR
from pinndd.pinn.sets.tuples import tuple_data
from pinndd.pinn.tasks.questions import Questions
from pinndd.problem import Learner
from pinndd.study.amortised_setup import PROTOCOL, WEIGHTS, Setup, tune, tune_weight
from pinndd.study.outcome import DISTILLED, Progress, Result, StudySettings

JUDGES = ("mlp-adam", "deepxde")
FRESH = "fresh-samples"
ADAM_STEPS = 4000
DEEPXDE_STEPS = (2000, 500)
"""Steps of Adam and of L-BFGS of one training of DeepXDE."""


def train_and_judge(
    setup: Setup, method: str, data: SyntheticData, tests: dict[str, Questions], *, ceiling: bool = False
) -> list[Result]:
    """Train once; return one row a shift and condition."""
    learner, started = setup.problem.learner, time.perf_counter()
    with torch.no_grad():
        fitted = learner.fit(data, setup.validation.with_seed(setup.network))
    seconds = time.perf_counter() - started
    points = data[INTERIOR].shape[0]
    boundary = sum(data[c.name].shape[0] for c in setup.pde.valued)
    own = str(data.header.get("learner", setup.name)) if method == DISTILLED else ""
    with torch.no_grad():
        return [
            Result(
                setup.pde.name,
                PROTOCOL,
                method,
                setup.name,
                points,
                boundary,
                shift,
                setup.seed,
                k,
                e,
                seconds,
                own,
                ceiling,
            )
            for shift, questions in tests.items()
            for k, e in enumerate(setup.problem.compare(fitted, questions).tolist())
        ]


def with_judge(setup: Setup, name: str, budget: float = 1.0, *, fresh: bool = False) -> Setup:
    """Return the setup with another learner, whose weights are all trained: one of `JUDGES`.

    Args:
        setup: whose questions and draws are kept.
        name: of the judge.
        budget: factor on its number of steps.
        fresh: draw the tuples anew at every step (``mlp-adam`` only).
    """
    learner: Learner
    if name == "mlp-adam":
        learner = Adam(ConditionedMLP(setup.pde), steps=max(2, round(ADAM_STEPS * budget)), fresh=fresh)
    else:
        from pinndd.pinn.deepxde.learner import ConditionedDeepXDE
        from pinndd.pinn.deepxde.training import DeepXDETraining

        adam, lbfgs = (max(2, round(steps * budget)) for steps in DEEPXDE_STEPS)
        learner = ConditionedDeepXDE(setup.pde, DeepXDETraining(adam_steps=adam, lbfgs_steps=lbfgs))
    return replace(setup, name=name, problem=replace(setup.problem, learner=learner))


def transfer_results(
    setup: Setup, data: SyntheticData, tests: dict[str, Questions], settings: StudySettings, progress: Progress
) -> list[Result]:
    """Train every judge on the distilled set and on as many Sobol tuples, the weights of both tuned in short trainings."""
    results: list[Result] = []
    wanted = [name for name in JUDGES if name in settings.judges]
    for k, name in enumerate(wanted):
        judge, short = (with_judge(setup, name, settings.budget * part) for part in (1, 0.1))
        baseline = tune(setup, "sobol", 1, settings.device, short.problem.learner).data
        mine = tune_for(short, data)
        results += train_and_judge(judge, DISTILLED, mine, tests) + train_and_judge(judge, "sobol", baseline, tests)
        progress("amortised: training judges", k + 1, len(wanted), None)
        if name == "mlp-adam":
            results += train_and_judge(
                with_judge(setup, name, settings.budget, fresh=True), FRESH, _reaching(setup, baseline), tests, ceiling=True
            )
    return results


def tune_for(setup: Setup, data: SyntheticData) -> SyntheticData:
    """Return a distilled set with the boundary weight that serves the learner of ``setup`` best, the distilled one among them."""
    return tune_weight(setup, DISTILLED, data, (*WEIGHTS, float(data[BOUNDARY_WEIGHT]))).data


def _reaching(setup: Setup, data: SyntheticData) -> SyntheticData:
    """Return the set in a box that holds the conditions of fresh samples, which reach farther than those of the designs."""
    boundary = {c.name: data[c.name] for c in setup.pde.valued}
    return tuple_data(setup.pde, data[INTERIOR], boundary, float(data[BOUNDARY_WEIGHT]), reach=REACH)
