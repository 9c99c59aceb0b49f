"""Adaptive baselines: for every boundary condition its own points, moved by the residual of its model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pinndd.data import SyntheticData
from pinndd.pinn.adaptive import PACMANN, R3, RAD, RARD, AdaptiveMethod, train_adaptively
from pinndd.pinn.adaptive.training import Fitted
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.tasks.episodes import BoundaryEpisodes
from pinndd.problem import Learner
from pinndd.study.protocols.bench import Method
from pinndd.study.protocols.weights import weighted, weights_in_words, weights_of
from pinndd.study.results.table import NO_SHIFT

if TYPE_CHECKING:
    from pinndd.study.protocols.retrain.bench import RetrainBench

GRIDS: dict[str, tuple[AdaptiveMethod, ...]] = {
    "rad": (RAD(), RAD(k=2.0, c=0.0), RAD(k=0.5, c=1.0)),
    "rar-d": (RARD(), RARD(k=1.0, c=1.0)),
    "r3": (R3(),),
    "pacmann": (PACMANN(), PACMANN(step=1e-3), PACMANN(step=1e-2)),
}
"""Settings that each method is tuned over, those of its paper first; in a quick study there are no others."""

ROUNDS = (2, 5)
"""Numbers of moves that every method is tuned over; in a quick study, and where a fit is slow, the first."""

FACTORS = ((1.0, 1.0), (1.0, 0.1), (1.0, 10.0), (0.01, 0.01), (100.0, 100.0))
"""Factors on the interior and the boundary weight of the starting design that every method is tuned over."""

STARTS = ("sobol", "hammersley")
"""Designs of the first training and of the boundary; the better one, with its tuned weights, is taken."""

_STREAM = 577  # keeps the draws of the methods apart from those of the designs


@dataclass(frozen=True)
class Adaptive:
    """A learner that moves its interior points between trainings.

    Args:
        pde: the equation.
        learner: trains after every move.
        method: moves the points.
        rounds: how often.
        points: interior points at the end; there are never more.
        seed: of the draws, which differ between the families of the conditions.
    """

    pde: PDE
    learner: Learner
    method: AdaptiveMethod
    rounds: int
    points: int
    seed: int

    @property
    def differentiation(self) -> str:
        """The moves are not differentiated."""
        return "none"

    def fit(self, data: SyntheticData, episodes: BoundaryEpisodes) -> Fitted:
        """Train one model per condition, each on points of its own."""
        families = [self.pde.ensemble(shift).families for shift in (NO_SHIFT, *self.pde.shifts)]
        mine = episodes.values.ensemble.families
        stream = families.index(mine) + 1 if mine in families else 0
        generator = torch.Generator().manual_seed(_STREAM * (self.seed + 1) + stream)
        return train_adaptively(
            self.learner, self.method, self.rounds, self.points, data, episodes, self.pde.box, generator
        )


def tuned_adaptive(bench: RetrainBench) -> list[Method]:
    """Return every adaptive method with the settings, rounds and weights of lowest error on validation conditions.

    Settings and rounds are chosen first, with the weights of the starting design, then the weights; all on some of the
    conditions that the designs are tuned on.

    Args:
        bench: its designs hold those of `STARTS`.
    """
    start = min((m for m in bench.designs if m.name in STARTS), key=lambda m: m.error)
    quick = bench.settings.quick
    inner, outer = weights_of(start.data)
    chosen = []
    for k, (name, grid) in enumerate(GRIDS.items()):
        learners = [
            Adaptive(bench.pde, bench.learner, method, rounds, bench.study.size.points, bench.seed)
            for method in (grid[:1] if quick else grid)
            for rounds in (ROUNDS[:1] if quick or bench.slow else ROUNDS)
        ]
        best = min((_tried(bench, learner, _first(bench, learner, start)) for learner in learners), key=lambda m: m.error)
        assert isinstance(best.learner, Adaptive)
        lifted = [weighted(best.data, a * inner, b * outer) for a, b in (FACTORS[1:3] if quick else FACTORS[1:])]
        again = [_tried(bench, best.learner, data) for data in lifted]
        chosen.append(min((best, *again), key=lambda m: m.error))
        bench.study.progress(f"{bench.study.name}: tuning {name}", k + 1, len(GRIDS), chosen[-1].error)
    return chosen


def _first(bench: RetrainBench, learner: Adaptive, start: Method) -> SyntheticData:
    """Return the set of the first training: the starting design, with as many interior points as the method begins with."""
    count = learner.method.sizes(learner.points, learner.rounds)[0]
    if count == learner.points:
        return start.data
    size = type(bench.study.size)(count, bench.study.size.boundary_points)
    return weighted(bench.design(start.name, size), *weights_of(start.data))


def _tried(bench: RetrainBench, learner: Adaptive, data: SyntheticData) -> Method:
    error = bench.error(data, bench.conditions.plain[:8], learner)
    return Method(
        learner.method.name,
        data,
        error if math.isfinite(error) else math.inf,
        learner,
        size=(bench.study.size.points, bench.study.size.boundary_points),
        details=f"{learner.method}, {learner.rounds} rounds, {weights_in_words(data)}",
    )
