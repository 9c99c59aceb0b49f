"""Every method that answers for the hospitals together, under one interface: what is known goes in, a network comes out."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from pinndd.bayesnet import BayesianNetwork, BDeu, Prior, estimate, expectation_maximisation, sample
from pinndd.bayesnet.baselines import available_case, best_hospital, complete_case, hot_deck, k_modes, mice_cart
from pinndd.bayesnet.censoring import censor
from pinndd.bayesnet.counting import CountingLearner, table_of_rows
from pinndd.bayesnet.distilling import distil_rows, distil_table
from pinndd.bayesnet.incomplete import IncompleteLearner
from pinndd.bayesnet.polishing import Polished
from pinndd.bayesnet.tasks.conditional_marginals import ConditionalMarginals
from pinndd.data import SyntheticData
from pinndd.distances import KL, Distance, TotalVariation
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.study.hospitals.simulated import Trial

ORACLE, EM = "oracle, complete rows", "EM"
DRAWN, SOFT, HARD, CENSORED = "drawn from EM", "soft rows", "distilled hard rows", "censored rows"
IMPUTATIONS = 5


@dataclass(frozen=True)
class Budget:
    """How long the distillation works.

    Attributes:
        soft_steps: of the gradient for soft rows.
        hard_steps: of the gradient before hard rows are rounded; 0 leaves it out.
        starts: drawn tables that hard rows are distilled from; the best is kept.
        hard_seconds: wall time of hard rows; without a limit, the result does not depend on the machine.
        censor_seconds: wall time of the choice of censored cells, after that of hard rows.
    """

    soft_steps: int = 300
    hard_steps: int = 150
    starts: int = 4
    hard_seconds: float = math.inf
    censor_seconds: float = 50.0


@dataclass(frozen=True)
class Known:
    """What methods are given.

    Attributes:
        trial: of it, all but the oracle use the hospitals and the chosen queries only.
        believed: the network of expectation maximisation, whose answers the distilled tables imitate.
        prior: of every estimate.
        budget: of the distillation.
    """

    trial: Trial
    believed: BayesianNetwork
    prior: Prior = field(default_factory=BDeu)
    budget: Budget = field(default_factory=Budget)

    @cached_property
    def problem(self) -> DistillationProblem:
        """Mean total variation from the believed network over the chosen queries."""
        return self._problem(TotalVariation())

    @cached_property
    def smooth(self) -> DistillationProblem:
        """The same with the Kullback-Leibler divergence, which has a slope everywhere."""
        return self._problem(KL())

    def _problem(self, distance: Distance) -> DistillationProblem:
        structure = self.trial.truth.structure
        task = ConditionalMarginals.of(self.trial.chosen, self.believed)
        return DistillationProblem(CountingLearner(structure, self.prior), task, distance, Mean())

    def counted(self, rows: Tensor, weights: Tensor | None = None) -> BayesianNetwork:
        """Return the network of complete rows."""
        return estimate(self.trial.truth.structure, rows, prior=self.prior, weights=weights)


@dataclass(frozen=True)
class Made:
    """What a method made.

    Attributes:
        network: that answers.
        table: that it is trained on, where that is a small one: codes ``(N, V)``, or soft rows.
        weights: of the rows of the table, ``(N,)``; None: one each.
        polished: of hard and censored rows, how the search ended.
        seconds: of the processor, for the method itself; what it builds on, such as expectation maximisation, is not in it.
    """

    network: BayesianNetwork
    table: Tensor | SyntheticData | None = None
    weights: Tensor | None = None
    polished: Polished | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Method:
    """A method, and the number of rows of its table, None where it keeps all patients or none."""

    name: str
    rows: int | None
    make: Callable[[Known, torch.Generator], Made]

    @property
    def label(self) -> str:
        """Name with the number of rows."""
        return label(self.name, self.rows)

    def __call__(self, known: Known) -> Made:
        """Run the method with random numbers of its own, so that it does not matter which others are run."""
        generator = _generator(known, self.label)
        begun = time.process_time()
        made = self.make(known, generator)
        return Made(made.network, made.table, made.weights, made.polished, time.process_time() - begun)


def label(name: str, rows: int | None) -> str:
    """Name a method in tables and legends."""
    return name if rows is None else f"{rows} rows drawn from EM" if name == DRAWN else f"{rows} {name}"


def _generator(known: Known, name: str) -> torch.Generator:
    return torch.Generator().manual_seed(zlib.crc32(f"{known.trial.seed} {name}".encode()))


def known_of(trial: Trial, *, prior: Prior | None = None, budget: Budget | None = None) -> Known:
    """Fit the network that is believed, by expectation maximisation on the hospitals' rows with the true graph."""
    prior = prior or BDeu()
    believed = expectation_maximisation(trial.truth.structure, trial.hospitals.rows, prior=prior).network
    return Known(trial, believed, prior, budget or Budget())


def methods(
    *,
    drawn: Sequence[int] = (50, 100, 200),
    modes: Sequence[int] = (50,),
    soft: Sequence[int] = (20,),
    hard: Sequence[int] = (50,),
    censored: Sequence[int] = (),
) -> tuple[Method, ...]:
    """Return all methods; each sequence holds the numbers of rows of a method with tables, and an empty one leaves it out."""
    whole: Mapping[str, Callable[[Known, torch.Generator], Made]] = {
        ORACLE: lambda known, _: Made(known.counted(known.trial.complete)),
        EM: lambda known, _: Made(known_of(known.trial, prior=known.prior).believed),
        "MICE-CART": _mice,
        "hot-deck": _hot_deck,
        "available case": _available,
        "best hospital": _best_hospital,
        "complete case": _complete,
    }
    sized = ((DRAWN, drawn, _drawn), ("k-modes", modes, _modes), (SOFT, soft, _soft), (HARD, hard, _hard))
    return (
        *(Method(name, None, make) for name, make in whole.items()),
        *(Method(name, n, make(n)) for name, sizes, make in (*sized, (CENSORED, censored, _censored)) for n in sizes),
    )


def _pooled(known: Known, tables: Tensor) -> Made:
    """Count several imputed tables as the patients of one."""
    share = len(known.trial.hospitals.rows) / len(tables)
    return Made(known.counted(tables, torch.full((len(tables),), share, dtype=torch.float64)))


def _mice(known: Known, generator: torch.Generator) -> Made:
    structure, rows = known.trial.truth.structure, known.trial.hospitals.rows
    return _pooled(known, mice_cart(structure, rows, generator, imputations=IMPUTATIONS))


def _hot_deck(known: Known, generator: torch.Generator) -> Made:
    structure, rows = known.trial.truth.structure, known.trial.hospitals.rows
    return _pooled(known, torch.cat([hot_deck(structure, rows, generator) for _ in range(IMPUTATIONS)]))


def _available(known: Known, _: torch.Generator) -> Made:
    return Made(available_case(known.trial.truth.structure, known.trial.hospitals.rows, prior=known.prior))


def _best_hospital(known: Known, _: torch.Generator) -> Made:
    return Made(best_hospital(known.trial.truth.structure, known.trial.hospitals, prior=known.prior)[1])


def _complete(known: Known, _: torch.Generator) -> Made:
    return Made(complete_case(known.trial.truth.structure, known.trial.hospitals.rows, prior=known.prior))


def _drawn(count: int) -> Callable[[Known, torch.Generator], Made]:
    def make(known: Known, generator: torch.Generator) -> Made:
        rows = sample(known.believed, count, generator)
        return Made(known.counted(rows), rows)

    return make


def _modes(count: int) -> Callable[[Known, torch.Generator], Made]:
    def make(known: Known, generator: torch.Generator) -> Made:
        found = k_modes(known.trial.truth.structure, known.trial.hospitals.rows, count, generator)
        return Made(known.counted(found.rows, found.weights), found.rows, found.weights)

    return make


def _soft(count: int) -> Callable[[Known, torch.Generator], Made]:
    def make(known: Known, generator: torch.Generator) -> Made:
        structure, problem = known.trial.truth.structure, known.smooth
        start = table_of_rows(structure, sample(known.believed, count, generator), certainty=0.8)
        asked = problem.task.episodes(len(known.trial.chosen), generator)
        data = distil_table(problem, start, asked, steps=known.budget.soft_steps).data
        return Made(BayesianNetwork(structure, problem.learner.fit(data, asked)), data)

    return make


def _distilled(known: Known, count: int, generator: torch.Generator) -> Polished:
    budget = known.budget
    starts = torch.stack([sample(known.believed, count, generator) for _ in range(budget.starts)])
    asked = known.problem.task.episodes(len(known.trial.chosen), generator)
    return distil_rows(
        known.problem, starts, asked, steps=budget.hard_steps, seconds=budget.hard_seconds, smooth=known.smooth
    )


def _hard(count: int) -> Callable[[Known, torch.Generator], Made]:
    def make(known: Known, generator: torch.Generator) -> Made:
        found = _distilled(known, count, generator)
        return Made(known.counted(found.rows), found.rows, polished=found)

    return make


def _censored(count: int) -> Callable[[Known, torch.Generator], Made]:
    def make(known: Known, generator: torch.Generator) -> Made:
        structure = known.trial.truth.structure
        learner = IncompleteLearner(structure, known.prior)
        problem = DistillationProblem(learner, known.problem.task, known.problem.distance, known.problem.risk)
        asked = known.problem.task.episodes(len(known.trial.chosen), generator)
        # the very rows of the uncensored method, so that the two differ by the censoring alone
        start = _distilled(known, count, _generator(known, label(HARD, count))).rows
        found = censor(problem, start, asked, seconds=known.budget.censor_seconds)
        return Made(learner.network(found.rows), found.rows, polished=found)

    return make
