"""The usual methods of tables with gaps: those that keep all patients, and those that make a small table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from sklearn.ensemble import GradientBoostingClassifier
from torch import Tensor

from pinndd.bayesnet import MISSING, BDeu, Structure, estimate, expectation_maximisation, sample
from pinndd.bayesnet.baselines import available_case, best_hospital, complete_case, hot_deck, k_modes, mice_cart
from pinndd.bayesnet.counting import WEIGHTS, table_of_rows
from pinndd.bayesnet.incomplete import likelihoods
from pinndd.constraints import Fixed
from pinndd.data import SyntheticData
from pinndd.problem import Episodes
from pinndd.stated.task import Baseline
from pinndd.study.medical.tables.answering import Regressions
from pinndd.study.medical.tables.asking import NETWORK, REGRESSION, Asked, logistic
from pinndd.study.medical.tables.patients import Cohort

IMPUTATIONS = 5

MOST_COMPARED = 5_000
"""Patients up to which methods run that fill every gap."""

SLOW = ("MICE-CART", "hot-deck")
"""Methods that fill every gap."""

MOST_DONORS = 1_000
"""Patients who fill the gaps of random ones."""

MOST_REGRESSIONS = 5
"""Kinds of questions that regressions are trained for."""


@dataclass(frozen=True)
class OnPatients:
    """A method that trains on the patients of all hospitals, as codes with gaps.

    Args:
        train: returns what answers: tables of the network, the network, or a function of queries.
        patients: how many there are.
    """

    train: Callable[[], Any]
    patients: int

    @property
    def differentiation(self) -> str:
        """Nothing differentiates the training."""
        return "none"

    def fit(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Return what answers; the episodes do not matter.

        Args:
            data: the patients, as `table_of_patients` makes it.
            episodes: of any task.

        Raises:
            ValueError: the data are another table.
        """
        count = len(next(iter(data.fields.values())))
        if count != self.patients:
            raise ValueError(f"this method trains on all {self.patients} patients, not on a table of {count} rows")
        return self.train()


def table_of_patients(structure: Structure, rows: Tensor, *, weights: bool) -> SyntheticData:
    """Return patients as a table for the learners: a likelihood per cell, ones where it is missing.

    Args:
        structure: of the variables.
        rows: codes, ``(N, V)``.
        weights: whether the table has a field of weights.
    """
    fields = likelihoods(structure, rows) | ({WEIGHTS: torch.ones(len(rows), dtype=torch.float64)} if weights else {})
    return SyntheticData(fields, dict.fromkeys(fields, Fixed()))


def on_all_patients(cohort: Cohort, asked: Asked, whatever: tuple[str, ...], prior: float) -> tuple[OnPatients, dict[str, OnPatients]]:
    """Return what the table imitates, and all other methods that keep all patients, by name."""
    structure, hospitals = cohort.structure, cohort.learn
    rows, smooth = hospitals.rows, BDeu(prior)
    generator = torch.Generator()

    def pooled(tables: Tensor) -> Any:
        """Count several imputed tables as the patients of one."""
        weights = torch.full((len(tables),), len(rows) / len(tables), dtype=torch.float64)
        return estimate(structure, tables, prior=smooth, weights=weights)

    def boosting() -> Any:
        return GradientBoostingClassifier(random_state=0)

    def copied() -> Tensor:
        return torch.cat([hot_deck(structure, rows, generator.manual_seed(k)) for k in range(IMPUTATIONS)])

    trainers: dict[str, Callable[[], Any]] = {
        NETWORK: lambda: expectation_maximisation(structure, rows, prior=smooth).network,
        "MICE-CART": lambda: pooled(mice_cart(structure, rows, generator.manual_seed(0), imputations=IMPUTATIONS)),
        "hot-deck": lambda: pooled(copied()),
        "available case": lambda: available_case(structure, rows, prior=smooth),
        "best hospital": lambda: best_hospital(structure, hospitals, prior=smooth)[1],
        "complete case": lambda: complete_case(structure, rows, prior=smooth),
    }
    if len(rows) > MOST_COMPARED:
        for name in SLOW:
            del trainers[name]
    if cohort.truth is not None:
        complete = cohort.truth.complete
        trainers["oracle, complete rows"] = lambda: estimate(structure, complete, prior=smooth)
    if regressions_fit(asked):
        queries = asked.training.batch.queries
        trainers[REGRESSION] = lambda: logistic(structure, rows, whatever).trained(queries)
        trainers["gradient boosting"] = lambda: Regressions(structure, rows, boosting, frozenset(whatever)).trained(queries)
    methods = {name: OnPatients(train, len(rows)) for name, train in trainers.items()}
    return methods.pop(asked.teacher), methods


def regressions_fit(asked: Asked) -> bool:
    """Return whether there are few kinds of questions, with patients for each target."""
    kinds = {(query.target, frozenset(query.evidence)) for query in asked.stated}
    return len(kinds) <= MOST_REGRESSIONS


def small_tables(cohort: Cohort, asked: Asked, *, weights: bool) -> Mapping[str, Baseline]:
    """Return the methods that make a table as small as the distilled one.

    Args:
        cohort: the patients.
        asked: the questions, with the merged network.
        weights: whether tables have a field of weights, which k-modes uses for the sizes of its clusters.
    """
    structure, rows = cohort.structure, cohort.learn.rows

    def table(codes: Tensor, given: Tensor | None = None) -> SyntheticData:
        data = table_of_rows(structure, codes)
        if not weights:
            return data
        ones = torch.ones(len(codes), dtype=torch.float64)
        fields = {**data.fields, WEIGHTS: ones if given is None else given}
        return SyntheticData(fields, {**data.constraints, WEIGHTS: Fixed()})

    def drawn(train: SyntheticData, size: int, seed: int) -> SyntheticData:
        return table(sample(asked.merged, size, torch.Generator().manual_seed(seed)))

    def random_patients(train: SyntheticData, size: int, seed: int) -> SyntheticData:
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(rows), generator=generator)
        # whoever records a column that few record must be there to give it
        donors = torch.cat([(rows[:, k] != MISSING).nonzero()[:IMPUTATIONS, 0] for k in range(rows.shape[1])])
        among = torch.cat((order[: max(size, MOST_DONORS)], donors))
        return table(hot_deck(structure, rows[among], generator)[:size])

    def modes(train: SyntheticData, size: int, seed: int) -> SyntheticData:
        found = k_modes(structure, rows, size, torch.Generator().manual_seed(seed))
        return table(found.rows, found.weights)

    return {"drawn from EM": drawn, "random patients": random_patients, "k-modes": modes}
