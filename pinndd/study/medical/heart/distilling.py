"""The distilled tables: soft, weighted and hard rows for P(disease | what a patient has recorded)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.bayesnet import BayesianNetwork, BDeu, Structure, sample
from pinndd.bayesnet.counting import CountingLearner, table_of_rows
from pinndd.bayesnet.distilling import distill_table, harden
from pinndd.bayesnet.polishing import polish
from pinndd.data import SyntheticData
from pinndd.distances import KL
from pinndd.problem import DistillationProblem
from pinndd.risks import CVaR, Grouped, Mean, Risk
from pinndd.study.medical.heart.choice import CERTAINTY, Choice, diagnosis
from pinndd.study.medical.heart.cohort import Cohort
from pinndd.study.medical.heart.methods import believed, structure_of

SOFT, HARD, WEIGHTED, GROUPED = "soft rows", "hard rows", "weighted hard rows", "soft rows, worse hospitals"
HARDENING = 100
"""Steps of the gradient after every rounding: with 30, hard rows end far from the soft ones that they begin as."""
SWEEPS = 10
"""Most passes of single flips over the rows."""

WORSE = 0.5
"""Share of the hospitals, the worst ones, whose mean loss `GROUPED` minimises."""


@dataclass(frozen=True)
class DistilledTable:
    """A distilled table.

    Attributes:
        kind: `SOFT`, `HARD`, `WEIGHTED` or `GROUPED`.
        data: the table, for a `CountingLearner`.
        network: that is counted from it.
        risk: of the table, over the patients that it was distilled from.
        seconds: wall time since the start: hard rows begin with soft ones, and weighted ones with hard ones.
    """

    kind: str
    data: SyntheticData
    network: BayesianNetwork
    risk: float
    seconds: float


def distill_tables(
    cohort: Cohort,
    learn: Tensor,
    choice: Choice,
    count: int,
    seed: int,
    *,
    structure: Structure | None = None,
    hardening: int = HARDENING,
) -> Iterator[DistilledTable]:
    """Distill tables of every kind from one start: rows drawn from the network of expectation maximisation.

    Hard rows are polished from the hardened soft ones and from the drawn ones, and the better are kept; weighted rows are these
    with their weights distilled. The last table looks at the worse half of the hospitals only.

    Args:
        cohort: all patients.
        learn: positions of those to learn from; no other one is looked at.
        choice: settings.
        count: rows.
        seed: of the draws.
        structure: learned from the same patients; None: learn it here.
        hardening: steps of the gradient after every rounding of soft rows.
    """
    generator = torch.Generator().manual_seed(seed)
    graph = structure or structure_of(choice.structure, cohort, learn, generator)
    fitted = believed(graph, cohort.rows[learn])
    rows = sample(fitted, count, generator)
    task = diagnosis(cohort, learn, graph, choice.teacher)
    learner = CountingLearner(graph, BDeu(choice.prior_rows))
    everyone = task.everyone()
    begun = time.perf_counter()

    def problem(risk: Risk) -> DistillationProblem:
        return DistillationProblem(learner, task, KL(), risk)

    def found(kind: str, data: SyntheticData, risk: float) -> DistilledTable:
        network = BayesianNetwork(graph, learner.fit(data, everyone))
        return DistilledTable(kind, data, network, risk, time.perf_counter() - begun)

    mean = problem(Mean())
    soft_start = table_of_rows(graph, rows, certainty=CERTAINTY)
    soft = distill_table(mean, soft_start, everyone, steps=choice.steps)
    yield found(SOFT, soft.data, soft.risk)
    hardened = harden(mean, soft.data, everyone, steps=hardening)
    hard = min((polish(mean, each, everyone, sweeps=SWEEPS) for each in (hardened, rows)), key=lambda each: each.risk)
    yield found(HARD, table_of_rows(graph, hard.rows), hard.risk)
    ones = table_of_rows(graph, hard.rows, learn_cells=False, weights=torch.ones(count, dtype=torch.float64))
    weighted = distill_table(mean, ones, everyone, steps=choice.steps)
    yield found(WEIGHTED, weighted.data, weighted.risk)
    begun = time.perf_counter()
    hospitals = cohort.hospitals(learn)
    worse = problem(Grouped(tuple(hospitals.names[k] for k in hospitals.membership.tolist()), CVaR(WORSE)))
    grouped = distill_table(worse, soft_start, everyone, steps=choice.steps)
    yield found(GROUPED, grouped.data, grouped.risk)
