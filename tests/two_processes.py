"""What one of two processes does for `test_processes`: gradients and outer loops, shared and alone, as JSON of the first."""

import json
import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from pinndd.constraints import Box, Fixed
from pinndd.data import SyntheticData
from pinndd.distances import CrossEntropy, RelativeL2
from pinndd.held_out import HeldOutPrediction
from pinndd.hypergradients import SPSA, ByMember, fitting
from pinndd.learners.adam import Adam
from pinndd.learners.bank import Bank
from pinndd.learners.gauss_newton import GaussNewton
from pinndd.learners.levenberg_marquardt import LevenbergMarquardt
from pinndd.learners.network import NetworkModel
from pinndd.learners.ridge import Ridge
from pinndd.outer_loop import OuterSettings, distill
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.models.features import FeatureModel
from pinndd.pinn.models.mlp import MLPModel
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.pinn.tasks.members import MemberGeneralisation
from pinndd.problem import DistillationProblem
from pinndd.processes import (
    LostProcessError,
    SharedTask,
    SummedGradient,
    everyones,
    number_of_the_first,
    require_enough,
    share_of,
)
from pinndd.risks import CVaR, GeometricMean, Grouped, Mean, OverParts, WorstCase

RISKS = {
    "mean": Mean(),
    "cvar": CVaR(0.3),
    "geometric mean": GeometricMean(),
    "grouped": Grouped(("a", "b", "a", "c", "b"), WorstCase()),
}
BATCH = 5
LEVELS = (0.5, 2.0)


def of_pde(name, learner):
    pde = load_pde(name)
    ensemble = pde.ensemble()
    generator = torch.Generator().manual_seed(0)
    values = BoundaryValues(ensemble, ensemble.sample(7, generator))
    points = pde.box.scale(torch.rand((6, 2), generator=generator, dtype=torch.float64))
    truth = torch.rand((7, 6, pde.output_count), generator=generator, dtype=torch.float64) + 0.5
    pool = BoundaryEpisodes(values, points, truth, 0)
    interior, boundary = sample_points(pde, "sobol", 5, 4, 0)
    return DistillationProblem(learner(pde), BoundaryGeneralisation(pool, [0, 1]), RelativeL2(), Mean()), collocation_data(
        pde, interior, boundary
    ), pool


def of_classes():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn((12, 2), generator=generator, dtype=torch.float64)
    targets = torch.nn.functional.one_hot((inputs[:, 0] > 0).long(), 2).double()
    build = lambda: torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()  # noqa: E731
    learner = Adam(NetworkModel(build), steps=4, learning_rate=0.1, dtype=torch.float64)
    task = HeldOutPrediction(inputs, targets, 6)
    data = SyntheticData(
        {"inputs": inputs[:4].clone(), "targets": targets[:4].clone()}, {"inputs": Box((-4, -4), (4, 4)), "targets": Fixed()}
    )
    return DistillationProblem(learner, task, CrossEntropy(), Mean()), data, task.episodes(7, generator)


def of_bank():
    """Two learners of random features, whose episodes are batches of their own; three validation episodes of each."""
    problem, data, pool = of_pde("heat", lambda pde: Bank([Ridge(FeatureModel(pde, width=12, scale=k), 1e-4) for k in (1.0, 2.0)]))
    seeds = [problem.learner.seed(member, 0) for member in range(2)]
    risk = OverParts(CVaR(0.7), Mean(), LEVELS)
    return replace(problem, task=MemberGeneralisation(pool, [[seed] for seed in seeds]), risk=risk), data, [
        pool[:3].with_seed(seed) for seed in seeds
    ]


PROBLEMS = {
    "ridge": lambda: of_pde("heat", lambda pde: Ridge(FeatureModel(pde, width=12, scale=1.0), 1e-4)),
    "gauss-newton": lambda: of_pde("burgers", lambda pde: GaussNewton(FeatureModel(pde, width=12, scale=1.0), 1e-3, iterations=30)),
    "mlp-lm": lambda: of_pde("heat", lambda pde: LevenbergMarquardt(MLPModel(pde, hidden=(6,)), iterations=20)),
    "classification": of_classes,
    "bank": of_bank,
}


def compared(name):
    """Largest differences between shared and alone, relative to the largest entry: of risks, gradients, and a distilled set."""
    problem, data, validation = PROBLEMS[name]()
    estimator = fitting(problem.learner)
    found = {}
    for which, risk in (RISKS if name != "bank" else {"over parts": problem.risk}).items():
        alone = replace(problem, risk=risk)
        episodes = problem.task.episodes(BATCH, torch.Generator().manual_seed(3))
        one, gradient = estimator(alone, data, episodes)
        shared = replace(alone, task=SharedTask(problem.task))
        mine = shared.task.episodes(BATCH, torch.Generator().manual_seed(3))
        assert len(mine) < len(episodes)
        both, summed = SummedGradient(estimator)(shared, data, mine)
        found[which] = max(
            float((both - one).abs() / one.abs()),
            *(float((summed[n] - g).abs().max() / gradient_size(gradient)) for n, g in gradient.items()),
        )
    return found, (problem, data, validation, estimator)


def gradient_size(gradient):
    return max(float(value.abs().max()) for value in gradient.values())


def distilled(problem, data, validation, estimator, checkpoint, judge=None):
    settings = OuterSettings(steps=3, batch=BATCH, validate_every=2, seed=1)
    batches = validation if isinstance(validation, list) else [validation]
    return distill(problem, data, hypergradient=estimator, validation=batches, settings=settings, checkpoint=checkpoint, judge=judge)


def main(rank, folder):
    torch.set_num_threads(1)
    store = dist.FileStore(str(folder / "store"), 2)
    # alone first: a group cannot be left and joined again
    alone = {}
    for name in PROBLEMS:
        problem, data, validation = PROBLEMS[name]()
        alone[name] = distilled(problem, data, validation, fitting(problem.learner), None)
    judged_by = *PROBLEMS["ridge"](), fitting(PROBLEMS["ridge"]()[0].learner)
    judge = replace(judged_by[0], risk=Grouped((0, 1, 0, 1, 2, 2, 2), WorstCase()))
    judged_alone = distilled(*judged_by, None, judge)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2, timeout=timedelta(seconds=60))
    said = {}
    for name in PROBLEMS:
        said[name], parts = compared(name)
        found = distilled(*parts, folder / f"{name}-{rank}.npz")
        before = alone[name].data
        said[name]["set"] = max(float((found.data[n] - before[n]).abs().max()) for n in before.learnable)
        said[name]["risk"] = abs(found.risk / alone[name].risk - 1)
    judged = distilled(*judged_by, None, judge)
    said["judged"] = abs(judged.risk / judged_alone.risk - 1), abs(judged.risk / found.risk - 1)
    refusals = []
    few = judged_by[2].part(0, 1)
    for attempt in (
        lambda: share_of(few),
        lambda: share_of(range(3)),
        lambda: distilled(*judged_by[:3], object(), None),
        lambda: distilled(*PROBLEMS["bank"](), ByMember(lambda learner: SPSA()), None),
        lambda: require_enough(1, "validation conditions"),
    ):
        try:
            attempt()
        except (TypeError, ValueError) as error:
            refusals.append(str(error))
    asked = []

    def once():
        asked.append(rank)
        return rank + 0.5

    first = [number_of_the_first(once), len(asked)]
    dist.barrier()
    if rank:
        assert first == [0.5, 0]
        sys.exit(0)  # the other one is left alone
    lost = ""
    try:
        for _ in range(1000):
            everyones(torch.ones(2))
    except LostProcessError as error:
        lost = str(error)
    written = sorted(path.name for path in folder.glob("*.npz"))
    found = {"judged": said.pop("judged"), "differences": said, "refusals": refusals, "lost": lost, "written": written, "first": first}
    print(json.dumps(found), flush=True)
    os._exit(0)  # before gloo's threads are joined, which may abort a process that has lost another


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
