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
from pinndd.bayesnet.distilling import distill_rows, distill_table, rows_of_pairwise_marginals
from pinndd.bayesnet.incomplete import IncompleteLearner
from pinndd.bayesnet.polishing import PolishedRows
from pinndd.bayesnet.tasks.conditional_marginals import ConditionalMarginals
from pinndd.data import SyntheticData
from pinndd.distances import KL, Distance, TotalVariation
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.study.medical.hospitals.simulated import Trial

ORACLE, EM = "oracle, complete rows", "EM"
DRAWN, PAIRWISE = "drawn from EM", "rows of pairwise marginals"
SOFT, HARD, CENSORED = "soft rows", "distilled hard rows", "censored rows"
IMPUTATIONS = 5


@dataclass(frozen=True)
class DistillationEffort:
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
class MethodInputs:
    """What methods are given.

    Attributes:
        trial: of it, all but the oracle use the hospitals and the chosen queries only.
        believed: the network of expectation maximisation, whose answers the distilled tables imitate.
        prior: of every estimate.
        effort: of the distillation.
    """

    trial: Trial
    believed: BayesianNetwork
    prior: Prior = field(default_factory=BDeu)
    effort: DistillationEffort = field(default_factory=DistillationEffort)

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
class MethodResult:
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
    polished: PolishedRows | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Method:
    """A method, and the number of rows of its table, None where it keeps all patients or none."""

    name: str
    rows: int | None
    make: Callable[[MethodInputs, torch.Generator], MethodResult]

    @property
    def label(self) -> str:
        """Name with the number of rows."""
        return label(self.name, self.rows)

    def __call__(self, inputs: MethodInputs) -> MethodResult:
        """Run the method with random numbers of its own, so that it does not matter which others are run."""
        generator = _generator(inputs, self.label)
        begun = time.process_time()
        result = self.make(inputs, generator)
        return MethodResult(result.network, result.table, result.weights, result.polished, time.process_time() - begun)


def label(name: str, rows: int | None) -> str:
    """Name a method in tables and legends."""
    return name if rows is None else f"{rows} rows drawn from EM" if name == DRAWN else f"{rows} {name}"


def _generator(inputs: MethodInputs, name: str) -> torch.Generator:
    return torch.Generator().manual_seed(zlib.crc32(f"{inputs.trial.seed} {name}".encode()))


def method_inputs(trial: Trial, *, prior: Prior | None = None, effort: DistillationEffort | None = None) -> MethodInputs:
    """Fit the network that is believed, by expectation maximisation on the hospitals' rows with the true graph."""
    prior = prior or BDeu()
    believed = expectation_maximisation(trial.truth.structure, trial.hospitals.rows, prior=prior).network
    return MethodInputs(trial, believed, prior, effort or DistillationEffort())


def methods(
    *,
    drawn: Sequence[int] = (50, 100, 200),
    modes: Sequence[int] = (50,),
    pairwise: Sequence[int] = (),
    soft: Sequence[int] = (20,),
    hard: Sequence[int] = (50,),
    censored: Sequence[int] = (),
) -> tuple[Method, ...]:
    """Return all methods; each sequence holds the numbers of rows of a method with tables, and an empty one leaves it out.

    Rows of pairwise marginals are those of an integer programme, for small networks; they know nothing of the queries.
    """
    whole: Mapping[str, Callable[[MethodInputs, torch.Generator], MethodResult]] = {
        ORACLE: lambda inputs, _: MethodResult(inputs.counted(inputs.trial.complete)),
        EM: lambda inputs, _: MethodResult(method_inputs(inputs.trial, prior=inputs.prior).believed),
        "MICE-CART": _mice,
        "hot-deck": _hot_deck,
        "available case": _available,
        "best hospital": _best_hospital,
        "complete case": _complete,
    }
    sized = (
        (DRAWN, drawn, _drawn),
        ("k-modes", modes, _modes),
        (PAIRWISE, pairwise, _pairwise),
        (SOFT, soft, _soft),
        (HARD, hard, _hard),
        (CENSORED, censored, _censored),
    )
    return (
        *(Method(name, None, make) for name, make in whole.items()),
        *(Method(name, n, make(n)) for name, sizes, make in sized for n in sizes),
    )


def _pooled(inputs: MethodInputs, tables: Tensor) -> MethodResult:
    """Count several imputed tables as the patients of one."""
    share = len(inputs.trial.hospitals.rows) / len(tables)
    return MethodResult(inputs.counted(tables, torch.full((len(tables),), share, dtype=torch.float64)))


def _mice(inputs: MethodInputs, generator: torch.Generator) -> MethodResult:
    structure, rows = inputs.trial.truth.structure, inputs.trial.hospitals.rows
    return _pooled(inputs, mice_cart(structure, rows, generator, imputations=IMPUTATIONS))


def _hot_deck(inputs: MethodInputs, generator: torch.Generator) -> MethodResult:
    structure, rows = inputs.trial.truth.structure, inputs.trial.hospitals.rows
    return _pooled(inputs, torch.cat([hot_deck(structure, rows, generator) for _ in range(IMPUTATIONS)]))


def _available(inputs: MethodInputs, _: torch.Generator) -> MethodResult:
    return MethodResult(available_case(inputs.trial.truth.structure, inputs.trial.hospitals.rows, prior=inputs.prior))


def _best_hospital(inputs: MethodInputs, _: torch.Generator) -> MethodResult:
    return MethodResult(best_hospital(inputs.trial.truth.structure, inputs.trial.hospitals, prior=inputs.prior)[1])


def _complete(inputs: MethodInputs, _: torch.Generator) -> MethodResult:
    return MethodResult(complete_case(inputs.trial.truth.structure, inputs.trial.hospitals.rows, prior=inputs.prior))


def _drawn(count: int) -> Callable[[MethodInputs, torch.Generator], MethodResult]:
    def make(inputs: MethodInputs, generator: torch.Generator) -> MethodResult:
        rows = sample(inputs.believed, count, generator)
        return MethodResult(inputs.counted(rows), rows)

    return make


def _modes(count: int) -> Callable[[MethodInputs, torch.Generator], MethodResult]:
    def make(inputs: MethodInputs, generator: torch.Generator) -> MethodResult:
        found = k_modes(inputs.trial.truth.structure, inputs.trial.hospitals.rows, count, generator)
        return MethodResult(inputs.counted(found.rows, found.weights), found.rows, found.weights)

    return make


def _pairwise(count: int) -> Callable[[MethodInputs, torch.Generator], MethodResult]:
    def make(inputs: MethodInputs, _: torch.Generator) -> MethodResult:
        rows = rows_of_pairwise_marginals(inputs.believed, count).rows
        return MethodResult(inputs.counted(rows), rows)

    return make


def _soft(count: int) -> Callable[[MethodInputs, torch.Generator], MethodResult]:
    def make(inputs: MethodInputs, generator: torch.Generator) -> MethodResult:
        structure, problem = inputs.trial.truth.structure, inputs.smooth
        start = table_of_rows(structure, sample(inputs.believed, count, generator), certainty=0.8)
        asked = problem.task.episodes(len(inputs.trial.chosen), generator)
        data = distill_table(problem, start, asked, steps=inputs.effort.soft_steps).data
        return MethodResult(BayesianNetwork(structure, problem.learner.fit(data, asked)), data)

    return make


def _distilled(inputs: MethodInputs, count: int, generator: torch.Generator) -> PolishedRows:
    effort = inputs.effort
    starts = torch.stack([sample(inputs.believed, count, generator) for _ in range(effort.starts)])
    asked = inputs.problem.task.episodes(len(inputs.trial.chosen), generator)
    return distill_rows(
        inputs.problem, starts, asked, steps=effort.hard_steps, seconds=effort.hard_seconds, smooth=inputs.smooth
    )


def _hard(count: int) -> Callable[[MethodInputs, torch.Generator], MethodResult]:
    def make(inputs: MethodInputs, generator: torch.Generator) -> MethodResult:
        found = _distilled(inputs, count, generator)
        return MethodResult(inputs.counted(found.rows), found.rows, polished=found)

    return make


def _censored(count: int) -> Callable[[MethodInputs, torch.Generator], MethodResult]:
    def make(inputs: MethodInputs, generator: torch.Generator) -> MethodResult:
        structure = inputs.trial.truth.structure
        learner = IncompleteLearner(structure, inputs.prior)
        problem = DistillationProblem(learner, inputs.problem.task, inputs.problem.distance, inputs.problem.risk)
        asked = inputs.problem.task.episodes(len(inputs.trial.chosen), generator)
        # the very rows of the uncensored method, so that the two differ by the censoring alone
        start = _distilled(inputs, count, _generator(inputs, label(HARD, count))).rows
        found = censor(problem, start, asked, seconds=inputs.effort.censor_seconds)
        return MethodResult(learner.network(found.rows), found.rows, polished=found)

    return make
