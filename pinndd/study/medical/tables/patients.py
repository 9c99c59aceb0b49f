"""The patients of a declaration: read or simulated, and split into those to learn from and those held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinndd.bayesnet import MISSING, BayesianNetwork, Hospitals, Query, Structure, hill_climb, read_bif, read_hospitals
from pinndd.bayesnet.baselines import mice_cart
from pinndd.bayesnet.classifiers import naive_bayes, tree_augmented
from pinndd.bayesnet.hospital_csv import word_among
from pinndd.bayesnet.hospital_files import FileReport, idle_recoding
from pinndd.study.medical.hospitals.simulated import draw_queries, draw_trial
from pinndd.study.medical.tables.declaration import NAIVE, TREE, Declaration

FEWEST = 20
"""Patients to learn from, at least."""

IMPUTATIONS = 5
"""Completed tables in which a graph is searched."""

MOST_PARENTS = 3

MOST_SEARCHED = 5_000
"""Patients in whose completed rows a graph is searched."""


@dataclass(frozen=True)
class Truth:
    """What is known of simulated patients.

    Attributes:
        network: that they were drawn from.
        complete: all their cells, ``(N, V)``.
        fresh: queries that nothing is distilled for.
    """

    network: BayesianNetwork
    complete: Tensor
    fresh: tuple[Query, ...]


@dataclass(frozen=True)
class Cohort:
    """The patients of a declaration.

    Attributes:
        structure: the graph.
        learn: the hospitals' patients to learn from.
        held_out: rows of the others, ``(M, V)``.
        chosen: queries that were drawn, where the declaration states none.
        truth: of simulated patients; None for those of files.
        lines: what was read and used, for people.
    """

    structure: Structure
    learn: Hospitals
    held_out: Tensor
    chosen: tuple[Query, ...]
    truth: Truth | None
    lines: tuple[str, ...]


def gather(declared: Declaration) -> Cohort:
    """Read or draw the patients, split them, and make the graph.

    Raises:
        HospitalFileError: a file cannot be used.
        DeclarationError: a variable is recorded nowhere, or there are too few patients.
    """
    generator = torch.Generator().manual_seed(declared.seed)
    chosen: tuple[Query, ...] = ()
    truth = None
    if declared.simulation is None:
        for word in declared.missing or ():
            for variable in declared.variables:
                if variable.name not in declared.cuts and word_among(word, variable.states) is not None:
                    declared.keys.fail("missing", f"names {word!r}, which is a state of {variable.name!r}: recode those cells")
        hospitals, reports = read_hospitals(
            declared.files,
            declared.variables,
            missing=declared.missing,
            disjoint=declared.disjoint,
            cuts=declared.cuts,
            recode=declared.recode,
        )
        lines = [*map(str, reports), *_idle(declared, reports)]
    else:
        simulation, network = declared.simulation, read_bif(declared.simulation.network)
        try:
            trial = draw_trial(
                network,
                missing=simulation.missing,
                seed=declared.seed,
                hospitals=simulation.hospitals,
                rows=simulation.patients,
                chosen=simulation.chosen,
                fresh=simulation.fresh,
            )
        except ValueError as error:
            declared.keys.fail("simulation", f"cannot be drawn ({error}): lower missing, or take another seed")
        hospitals, chosen, fresh = trial.hospitals, trial.chosen, trial.fresh
        if declared.questions:
            stated = [query for question in declared.questions for query in question.queries(network.structure)]
            chosen, fresh = (), draw_queries(network, simulation.fresh, generator, avoid=stated)
        truth = Truth(network, trial.complete, fresh)
        lines = [
            f"{name}: {len(hospitals.table(name))} patients simulated from {simulation.network.stem}; records "
            f"{', '.join(hospitals.columns(name))}"
            for name in hospitals.names
        ]
    learn, held = _split(declared, hospitals, generator)
    for k, variable in enumerate(learn.variables):
        if not bool(learn.records[:, k].any()):
            where = "by no hospital" if not bool(hospitals.records[:, k].any()) else "by none of the patients to learn from"
            declared.keys.fail(variable.name, f"is recorded {where}: take the variable out, or rename a column to it")
    if len(learn.rows) < FEWEST or len(learn.rows) <= declared.size:
        declared.keys.fail(
            "size",
            f"is {declared.size} and there are {len(learn.rows)} patients to learn from: expected more patients than rows, and at "
            f"least {FEWEST}; lower size or held_out",
        )
    lines.append(f"{100 * hospitals.missing:.0f} % of the cells of all patients are missing")
    return Cohort(_graph(declared, learn, generator), learn, held, chosen, truth, tuple(lines))


def _idle(declared: Declaration, reports: Sequence[FileReport]) -> Iterator[str]:
    """Name the words of the recodings for all files that no cell of any file holds."""
    for name, recode in declared.recode.items():
        if idle := [word for word in recode if not any(word in report.recoded.get(name, ()) for report in reports)]:
            yield f"[variables.{name}]: {idle_recoding(name, idle)}"


def _split(declared: Declaration, hospitals: Hospitals, generator: torch.Generator) -> tuple[Hospitals, Tensor]:
    """Hold out the same share of each hospital, and of each state of the first target where it is recorded."""
    stratum = hospitals.membership.clone()
    if declared.questions:
        column = Structure(hospitals.variables, {}).index(declared.questions[0].target)
        stratum = stratum * (len(hospitals.variables[column]) + 1) + hospitals.rows[:, column] + 1
    held = torch.zeros(len(stratum), dtype=torch.bool)
    for group in torch.unique(stratum).tolist():
        members = (stratum == group).nonzero()[:, 0]
        order = torch.randperm(len(members), generator=generator)
        held[members[order[: round(declared.held_out * len(members))]]] = True
    present, membership = torch.unique(hospitals.membership[~held], return_inverse=True)
    names = tuple(hospitals.names[k] for k in present.tolist())
    try:
        return Hospitals(hospitals.variables, names, hospitals.rows[~held], membership), hospitals.rows[held]
    except ValueError as error:
        declared.keys.fail("held_out", f"leaves too few patients to learn from ({error}): lower it")


def _graph(declared: Declaration, learn: Hospitals, generator: torch.Generator) -> Structure:
    if isinstance(declared.graph, Structure):
        return declared.graph
    target = declared.questions[0].target
    if declared.graph == NAIVE:
        return naive_bayes(learn.variables, target)
    if declared.graph == TREE:
        return tree_augmented(learn.variables, learn.rows, target)
    return _searched(learn, generator)


def _searched(learn: Hospitals, generator: torch.Generator) -> Structure:
    """Search a graph in the completed rows of patients, which weigh as much as the patients do together."""
    empty = Structure(learn.variables, {})
    rows = learn.rows[torch.randperm(len(learn.rows), generator=generator)[:MOST_SEARCHED]]
    completed = rows if bool((rows != MISSING).all()) else mice_cart(empty, rows, generator, imputations=IMPUTATIONS)
    weights = torch.full((len(completed),), len(rows) / len(completed), dtype=torch.float64)
    return hill_climb(learn.variables, completed, weights=weights, most_parents=MOST_PARENTS).structure


def arcs_of(structure: Structure) -> str:
    """Return the arcs of a graph for people."""
    return ", ".join(f"{parent} -> {name}" for name in structure.names for parent in structure.parents[name]) or "without arcs"
