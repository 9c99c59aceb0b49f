"""Which estimator for a categorical table? Time to a target, on one task with and without a gradient.

A table of 12 rows of the network "asia" has to answer 23 conditional marginals. First the learner counts, so that the exact
gradient through soft counts competes with those that only train. Then nothing can be differentiated: the learner searches a graph
in the rows before it counts, or is a decision tree of scikit-learn, asked for P(bronchitis | everything else).

Every estimator starts from the same drawn rows and has the same number of trainings; flips and the integer programme end by
themselves. Prints one line per estimator: seconds of the processor until its hard rows (soft rows, weighted rows, or rows
with soft labels, where it says so) reach the target, three quarters of the risk of the start, or where it ended; all
seconds; trainings; the risk at the end. While the learner counts, the exact gradient ends lowest, with soft rows; of hard
rows, those of single flips end lower than those of leave-one-out, SPSA and evolution strategies, in less time, and the
integer programme ends at or below them. Without a gradient single flips beat leave-one-out too; soft labels for the tree,
which are few and smooth, end lower than hard rows.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from sklearn.tree import DecisionTreeClassifier

from pinndd.bayesnet import BayesianNetwork, BDeu, Query, load_network, posterior, sample
from pinndd.bayesnet.counting import WEIGHTS, CountingLearner, table_of_rows
from pinndd.bayesnet.distilling import distill_table, harden
from pinndd.bayesnet.polishing import polish
from pinndd.bayesnet.programming import sequential_programme
from pinndd.bayesnet.structure_search import StructureSearchLearner
from pinndd.categorical import most_likely, single_flip
from pinndd.cma_es import cma_es
from pinndd.constraints import Fixed, Simplex
from pinndd.data import SyntheticData
from pinndd.distances import TotalVariation
from pinndd.hypergradients import SPSA, EvolutionStrategies, Exact, Hypergradient, LeaveOneOut, StraightThrough
from pinndd.learners.scikit import ScikitClassifier
from pinndd.outer_loop import OuterSettings, distill
from pinndd.problem import DistillationProblem, Episodes, Fitted, Learner
from pinndd.risks import Mean
from pinndd.tasks import ConditionalMarginals, HeldOutPrediction

ROWS, SOFT = 12, 0.8
TARGET = 0.75


@dataclass(frozen=True)
class Line:
    """What an estimator found: seconds to the target (None: not reached), seconds, trainings, and the risk at the end."""

    case: str
    estimator: str
    reached: float | None
    seconds: float
    trainings: int
    risk: float

    def __str__(self) -> str:
        reached = f"{self.reached:.2f} s" if self.reached is not None else f"not reached, ended at {self.risk:.4f}"
        return f"{self.estimator:36s} {reached:>30s} {self.seconds:8.2f} {self.trainings:10d} {self.risk:9.4f}"


class Spent(Exception):
    """The trainings are used up."""


@dataclass
class Watch:
    """Count the trainings of a learner, and look at the table now and then, off the clock."""

    problem: DistillationProblem
    episodes: Episodes
    target: float
    budget: int
    finish: Callable[[SyntheticData], SyntheticData]
    risk: float = float("inf")
    reached: float | None = None
    trainings: int = 0
    looking: float = 0.0
    started: float = field(default_factory=time.process_time)

    def look(self, data: SyntheticData) -> None:
        """Note the risk of the table that the data would give now."""
        begun = time.process_time()
        with torch.no_grad():
            self.risk = min(self.risk, float(self.problem.evaluate(self.finish(data), self.episodes)))
        if self.reached is None and self.risk <= self.target:
            self.reached = begun - self.started - self.looking
        self.looking += time.process_time() - begun

    def line(self, case: str, name: str) -> Line:
        return Line(case, name, self.reached, time.process_time() - self.started - self.looking, self.trainings, self.risk)


@dataclass(frozen=True)
class Counted:
    """A learner whose trainings are counted."""

    learner: Learner
    watch: Watch
    looks: bool = False

    @property
    def differentiation(self) -> str:
        return self.learner.differentiation

    def fit(self, data: SyntheticData, episodes: Episodes) -> Fitted:
        if self.watch.trainings >= self.watch.budget:
            raise Spent
        self.watch.trainings += 1
        if self.looks:
            self.watch.look(data)
        return self.learner.fit(data, episodes)


@dataclass(frozen=True)
class Looking:
    """An estimator whose iterates are looked at."""

    estimator: Hypergradient
    watch: Watch

    def __call__(self, problem: DistillationProblem, data: SyntheticData, episodes: Episodes) -> Any:
        self.watch.look(data)
        return self.estimator(problem, data, episodes)


def by_gradient(estimator: Hypergradient, watch: Watch, data: SyntheticData, trainings: int, *, rate: float = 0.1) -> None:
    """Run the outer loop for as many steps as the budget allows, at so many trainings per step."""
    problem = watch.problem
    counted = DistillationProblem(Counted(problem.learner, watch), problem.task, problem.distance, problem.risk)
    steps = max(1, watch.budget // trainings)
    settings = OuterSettings(steps, batch=len(watch.episodes), learning_rate=rate, validate_every=steps + 1)
    try:
        found = distill(
            counted, data, hypergradient=Looking(estimator, watch), validation=[watch.episodes], settings=settings
        )
        watch.look(found.data)
    except Spent:
        return


def by_cma_es(watch: Watch, data: SyntheticData, *, sigma: float = 0.3) -> None:
    """Run CMA-ES, looking at every candidate."""
    problem = watch.problem
    counted = DistillationProblem(Counted(problem.learner, watch, looks=True), problem.task, problem.distance, problem.risk)
    try:
        cma_es(counted, data, watch.episodes, generations=watch.budget, sigma=sigma)
    except Spent:
        return


def compare(
    case: str, new_watch: Callable[..., Watch], runs: dict[str, tuple[Callable[[Watch], None], Callable[..., Any]]]
) -> list[Line]:
    """Give every run a watch of its own, and print what it says."""
    lines = []
    for name, (run, finish) in runs.items():
        watch = new_watch(finish)
        run(watch)
        lines.append(watch.line(case, name))
        print(lines[-1], flush=True)
    return lines


def unchanged(data: SyntheticData) -> SyntheticData:
    return data


def counting(network: BayesianNetwork, drawn: torch.Tensor, budget: int) -> list[Line]:
    """The learner counts: everything is compared."""
    structure, problem = network.structure, marginals(network, CountingLearner(network.structure, BDeu(1.0)))
    asked, soft = problem.task.everything(), table_of_rows(network.structure, drawn, certainty=SOFT)
    start = float(problem.evaluate(table_of_rows(structure, drawn), asked))
    print(f"\ncounting learner: risk of the drawn rows {start:.4f}, target {TARGET * start:.4f}")

    def new_watch(finish: Callable[[SyntheticData], SyntheticData]) -> Watch:
        return Watch(problem, asked, TARGET * start, budget, finish)

    def flips(watch: Watch, rows: torch.Tensor, *, programme: bool = False) -> None:
        optimal = False
        while not optimal:
            found = polish(problem, rows, asked, sweeps=1)
            rows, optimal = found.rows, found.optimal
            watch.trainings += found.evaluations
            watch.look(table_of_rows(structure, rows))
        if programme:
            better = sequential_programme(problem, rows, asked, changes=4, time_limit=2.0)
            watch.trainings += better.evaluations
            watch.look(table_of_rows(structure, better.rows))

    def rounded(watch: Watch, *, programme: bool = False) -> None:
        steps = 60
        rows = harden(problem, distill_table(problem, soft, asked, steps=steps).data, asked, steps=12)
        watch.trainings += 3 * steps
        watch.look(table_of_rows(structure, rows))
        flips(watch, rows, programme=programme)

    runs: dict[str, tuple[Callable[[Watch], None], Callable[..., Any]]] = {
        "exact gradient, soft rows": (lambda w: by_gradient(Exact(), w, soft, 1), unchanged),
        "exact gradient, most likely states": (lambda w: by_gradient(Exact(), w, soft, 1), most_likely),
        "straight-through": (lambda w: by_gradient(StraightThrough(Exact(), 2), w, soft, 2), most_likely),
        "leave-one-out": (lambda w: by_gradient(LeaveOneOut(16), w, soft, 16), most_likely),
        "SPSA": (lambda w: by_gradient(SPSA(draws=2), w, soft, 5), most_likely),
        "evolution strategies": (lambda w: by_gradient(EvolutionStrategies(4, 0.05), w, soft, 9), most_likely),
        "CMA-ES": (lambda w: by_cma_es(w, soft), most_likely),
        "single flips": (lambda w: flips(w, drawn), most_likely),
        "exact gradient, rounded, flips": (rounded, most_likely),
        "the same and an integer programme": (lambda w: rounded(w, programme=True), most_likely),
    }
    return compare("counting", new_watch, runs)


def marginals(network: BayesianNetwork, learner: Learner) -> DistillationProblem:
    """Every fifth query of one variable given one state of another."""
    structure = network.structure
    pairs = itertools.permutations(structure.names, 2)
    queries = [Query(target, {name: state}) for target, name in pairs for state in structure[name].states][::5]
    return DistillationProblem(learner, ConditionalMarginals.of(queries, network), TotalVariation(), Mean())


def black_boxes(
    case: str,
    problem: DistillationProblem,
    cells: SyntheticData,
    few: tuple[str, SyntheticData],
    budget: int,
) -> list[Line]:
    """Nothing is differentiated: hard rows by their cells, or fewer numbers, weights or soft labels, of rows that stay.

    Args:
        case: its name.
        problem: whose learner is a black box.
        cells: hard rows, all cells learnable.
        few: what the few numbers are, and the same rows with these learnable.
        budget: trainings of every run.
    """
    asked = problem.task.everything()
    start = float(problem.evaluate(cells, asked))
    print(f"\n{case}: risk of the drawn rows {start:.4f}, target {TARGET * start:.4f}")
    softened = {n: SOFT * value + (1 - SOFT) / value.shape[-1] for n, value in cells.fields.items()}
    soft, (what, other) = cells.with_fields(softened), few

    def new_watch(finish: Callable[[SyntheticData], SyntheticData]) -> Watch:
        return Watch(problem, asked, TARGET * start, budget, finish)

    def flips(watch: Watch) -> None:
        counted = DistillationProblem(
            Counted(problem.learner, watch, looks=True), problem.task, problem.distance, problem.risk
        )
        try:
            single_flip(counted, cells, asked)
        except Spent:
            return

    runs: dict[str, tuple[Callable[[Watch], None], Callable[..., Any]]] = {
        "leave-one-out": (lambda w: by_gradient(LeaveOneOut(8), w, soft, 8), most_likely),
        "single flips": (flips, most_likely),
        f"SPSA, {what}": (lambda w: by_gradient(SPSA(draws=2, size=0.1), w, other, 5), unchanged),
        f"evolution strategies, {what}": (lambda w: by_gradient(EvolutionStrategies(4, 0.2), w, other, 9), unchanged),
        f"CMA-ES, {what}": (lambda w: by_cma_es(w, other), unchanged),
    }
    return compare(case, new_watch, runs)


def structure_search(network: BayesianNetwork, drawn: torch.Tensor, budget: int) -> list[Line]:
    """Search the graph, then count."""
    structure = network.structure
    problem = marginals(network, StructureSearchLearner(structure.variables, BDeu(1.0), most_parents=2))
    weights = table_of_rows(structure, drawn, learn_cells=False, weights=torch.ones(len(drawn), dtype=torch.float64))
    return black_boxes("structure search", problem, table_of_rows(structure, drawn), (WEIGHTS, weights), budget)


def decision_tree(network: BayesianNetwork, drawn: torch.Tensor, seed: int, budget: int) -> list[Line]:
    """Train a tree to say P(bronc | everything else), asked about patients of the network."""
    structure, target = network.structure, "bronc"
    features = [name for name in structure.names if name != target]
    patients = torch.unique(sample(network, 300, torch.Generator().manual_seed(1000 + seed)), dim=0)
    columns = [structure.index(name) for name in features]
    queries = [
        Query(
            target, {name: structure[name].states[int(row[column])] for name, column in zip(features, columns, strict=True)}
        )
        for row in patients
    ]
    task = HeldOutPrediction(patients[:, columns], posterior(network, queries), len(patients))
    tree = DecisionTreeClassifier(max_depth=4, min_samples_leaf=2, random_state=0)
    problem = DistillationProblem(ScikitClassifier(tree, target, "ordinal"), task, TotalVariation(), Mean())
    cells = table_of_rows(structure, drawn)
    fields = {name: SOFT * cells[name] + (1 - SOFT) / 2 if name == target else cells[name] for name in cells.fields}
    labels = SyntheticData(fields, {name: Simplex() if name == target else Fixed() for name in fields})
    return black_boxes("decision tree", problem, cells, ("soft labels", labels), budget)


def main(seed: int = 0, budget: int = 600) -> list[Line]:
    """Print and return one line per estimator.

    Args:
        seed: of the drawn rows.
        budget: trainings of an estimator; a third of it where the graph is searched as well.
    """
    network = load_network("asia")
    drawn = sample(network, ROWS, torch.Generator().manual_seed(seed))
    print(f"{'estimator':36s} {'time to target':>30s} {'seconds':>8s} {'trainings':>10s} {'risk':>9s}")
    lines = counting(network, drawn, budget)
    lines += structure_search(network, drawn, budget // 3)
    lines += decision_tree(network, drawn, seed, budget)
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    main(parser.parse_args().seed)
