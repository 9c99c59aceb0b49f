"""What every protocol works with: a study of one PDE, and for every seed and learner a bench where sets are made and judged."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import pandas as pd
import torch
from torch import Tensor

from pinndd import __version__
from pinndd.data import SyntheticData
from pinndd.distances import Distance
from pinndd.hypergradients import Hypergradient, fitting
from pinndd.outer_loop import OuterSettings
from pinndd.pinn.declare.loading import remembered
from pinndd.pinn.declare.pde import PDE
from pinndd.pinn.solving.telling import Progress, quiet
from pinndd.pinn.tasks.boundary import BoundaryGeneralisation
from pinndd.pinn.tasks.scales import component_errors
from pinndd.pinn.tasks.zero_shot import ZeroShot
from pinndd.problem import DistillationProblem, Episodes, Fitted, Learner, Task
from pinndd.processes import number_of_the_first
from pinndd.risks import GeometricMean, Mean, Risk
from pinndd.study.protocols.allowance import Allowance
from pinndd.study.protocols.conditions import HeldOutConditions
from pinndd.study.protocols.learners import Recipe, Recipes, distilling_recipe
from pinndd.study.protocols.parts import distance_name
from pinndd.study.protocols.settings import StudySettings
from pinndd.study.results import words
from pinndd.study.results.table import DISTILLED, NO_SHIFT, TRUTH_ERROR, as_table, component_column

S = TypeVar("S")


def truth_column(episodes: Any, k: int) -> dict[str, float]:
    """Return the column of the estimated error of the truth of condition ``k``; none where a reference gives the truth."""
    return {} if episodes.truth_error is None else {TRUTH_ERROR: float(episodes.truth_error[k])}


def error_columns(components: Sequence[str], distance: Distance, answer: Tensor, truth: Tensor) -> list[dict[str, float]]:
    """Return the columns of errors of a table of results, one mapping per condition.

    Args:
        components: names of the components; where there are several, each has an error of its own.
        distance: between answers and truths, ``(B, Q, K)`` each.
        answer, truth: see `pinndd.pinn.tasks.scales.component_errors`.
    """
    columns = {"error": distance(answer, truth)}
    if len(components) > 1:
        each = component_errors(components, distance, answer, truth)
        columns |= {component_column(name): errors for name, errors in each.items()}
    lists = [errors.tolist() for errors in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


@dataclass(frozen=True)
class Method:
    """A data set with the way it is trained on: the distilled one, a baseline, or a ceiling.

    Attributes:
        name: in the rows.
        data: the set.
        error: mean error on the validation conditions that it was tuned on.
        learner: trains on it (None: that of the bench).
        ceiling: whether it sees more data than the others, outside the comparison.
        size: interior and boundary points where the set itself does not tell them.
        shifts: test it under these only (None: all).
        details: what was tuned and to which value, for people.
    """

    name: str
    data: SyntheticData
    error: float = float("nan")
    learner: Learner | None = None
    ceiling: bool = False
    size: tuple[int, int] | None = None
    shifts: Sequence[str] | None = None
    details: str = ""


@dataclass(frozen=True, eq=False)
class Bench(ABC, Generic[S]):
    """One seed and one learner of a study: training conditions, tuned designs, and the one way to train and judge.

    Attributes:
        study: what it is a part of.
        recipe: of the learner.
        learner: trains on a set.
        seed: of the distillation.
        conditions: training and validation conditions, solved when they are first asked for.
    """

    study: Study[S]
    recipe: Recipe
    learner: Learner
    seed: int
    conditions: Any

    usual_risk: ClassVar[Risk] = GeometricMean()
    statistic: ClassVar[Risk] = Mean()
    """Of the validation errors by which designs are tuned."""

    validated_on: ClassVar[str] = "of the training family"
    """What kind of conditions those are, for people."""

    fresh: ClassVar[bool] = True
    """Whether a model is trained for every condition; otherwise one training serves all that are asked."""

    shared_seconds: float = 0.0
    """Training time that models of all sets have in common, such as a network that labels correct."""

    # what a protocol says

    @abstractmethod
    def task_on(self, pool: Episodes) -> Task:
        """Return the task that draws its episodes from ``pool``."""

    @property
    @abstractmethod
    def outer(self) -> OuterSettings:
        """Settings of the outer loop."""

    @property
    def shared(self) -> int:
        """Episodes of a step that processes can share out."""
        return self.outer.batch

    @property
    def race(self) -> OuterSettings | None:
        """Settings of the short race between starts (None: there is none, the first start is taken)."""
        steps = max(5, self.outer.steps // 20)
        return replace(self.outer, steps=steps, learning_rate=self.outer.learning_rate / 2)

    @cached_property
    @abstractmethod
    def designs(self) -> Sequence[Method]:
        """The usual ways to make a set of this size, each tuned on validation conditions."""

    @abstractmethod
    def starts(self) -> Sequence[SyntheticData]:
        """Sets that the outer loop may start from."""

    @abstractmethod
    def counts(self, data: SyntheticData) -> tuple[int, int]:
        """Return the interior and the boundary points of a set, as the rows call them."""

    def rivals(self) -> Sequence[Method]:
        """Further methods to compare with, ceilings included, beyond the designs."""
        return ()

    @property
    def validation(self) -> Sequence[Episodes]:
        """Batches of episodes that choose the best iterate."""
        return [self.conditions.validation]

    def additions(self, data: SyntheticData) -> Sequence[Method]:
        """Return methods that go on from a distilled set."""
        return ()

    def elsewhere(self, data: SyntheticData) -> Sequence[pd.DataFrame]:
        """Return rows of further learners that a distilled set was made for, with rows of baselines beside them."""
        return ()

    def own(self, data: SyntheticData) -> Learner:
        """Return the learner as it trains on ``data``."""
        return self.learner

    def finished(self, data: SyntheticData) -> SyntheticData:
        """Return a distilled set as it is saved."""
        return data

    def places(self, data: SyntheticData) -> Mapping[str, Tensor]:
        """Return the points that somebody must go to, ``(n, d)`` by condition; most sets have none."""
        return {}

    def foreign(self, data: SyntheticData) -> Method:
        """Return how this bench's learner trains on a set that was distilled for another one."""
        return Method(DISTILLED, data)

    # what every bench does

    @property
    def pde(self) -> PDE:
        """The equation."""
        return self.study.pde

    @property
    def settings(self) -> StudySettings:
        """Of the study."""
        return self.study.settings

    @property
    def hypergradient(self) -> Hypergradient:
        """The estimator of the recipe, or else the one that fits the learner."""
        return self.recipe.hypergradient() if self.recipe.hypergradient else fitting(self.learner)

    @property
    def training_draw(self) -> int:
        """Seed of the network that is trained to be judged."""
        return self.seed

    def problem_for(self, data: SyntheticData) -> DistillationProblem:
        """Return what the outer loop minimises, from ``data`` on."""
        return self._problem(self.conditions.training, self.own(data))

    def header(self) -> dict[str, Any]:
        """Return what is needed to train on a set again."""
        return {
            **self.study.header(self.seed),
            "learner": self.recipe.name,
            "learner_settings": self.recipe.describe(self.learner),
            "outer": outer_header(self.outer),
            "evaluate": "pinndd evaluate FILE: the learner is built from the settings above, its draw from the seed",
        }

    def error(self, data: SyntheticData, episodes: Episodes = None, learner: Learner | None = None) -> float:
        """Return the error of a set on validation conditions (None: those that designs are tuned on)."""
        episodes = self.validating if episodes is None else episodes

        def judged() -> float:
            with torch.no_grad():
                return float(self.statistic(self._problem(episodes, learner or self.own(data)).losses(data, episodes)))

        return number_of_the_first(judged)

    def in_validation(self, data: SyntheticData) -> str:
        """Return the error of a set on validation conditions in words, as an estimate of what conditions never seen will give."""
        said, distance = self.error_in_words(self.error_in_validation(data)), self.settings.distance
        count = len(self.validating.truth)  # one training that answers for many conditions is one episode
        return f"{said} ({words.error_name(distance_name(distance))}, mean over {count} validation conditions {self.validated_on})"

    def error_in_validation(self, data: SyntheticData) -> float:
        """Return the mean error of a set on validation conditions, trained and judged as on test conditions."""
        tests = HeldOutConditions({NO_SHIFT: self.validating})
        return number_of_the_first(lambda: float(self.rows(Method(DISTILLED, data), tests)["error"].mean()))

    def error_in_words(self, error: float) -> str:
        """Write an error in the unit of the distance."""
        return words.error(error, distance_name(self.settings.distance))

    @property
    def validating(self) -> Any:
        """Validation conditions on which designs are tuned, no more of them than the speed of training allows."""
        return self.conditions.plain

    def rows(
        self, method: Method, tests: HeldOutConditions, *, learner: str = "", distilled_with: str = ""
    ) -> pd.DataFrame:
        """Train on a set for test conditions, and return one row per condition: the one train-and-judge.

        The column ``seconds`` is the wall time of training divided by the number of conditions that the training served; asking
        the model and comparing it with the truth are not in it, nor are the solver's labels.

        Args:
            method: the set and its learner.
            tests: the conditions.
            learner: name in the rows (empty: that of the bench).
            distilled_with: learner that a distilled set was made for.
        """
        points, boundary_points = method.size or self.counts(method.data)
        common = {
            "pde": self.pde.name,
            "protocol": self.study.name,
            "method": method.name,
            "learner": learner or self.recipe.name,
            "points": points,
            "boundary_points": boundary_points,
            "seed": self.seed,
            "distilled_with": distilled_with,
            "ceiling": method.ceiling,
        }
        asked = {s: e for s, e in tests.episodes.items() if method.shifts is None or s in method.shifts}
        groups = [{shift: episodes} for shift, episodes in asked.items()] if self.fresh else [asked] if asked else []
        rows = []
        for group in groups:
            fitted, seconds = self.trained(method, next(iter(group.values())))
            errors = {shift: self.errors(fitted, episodes) for shift, episodes in group.items()}
            each = (seconds + self.shared_seconds) / sum(map(len, errors.values()))
            rows += [
                {**common, "shift": shift, "episode": k, **columns, "seconds": each} | truth_column(group[shift], k)
                for shift, episodes in errors.items()
                for k, columns in enumerate(episodes)
            ]
        return as_table(rows)

    def trained(self, method: Method, episodes: Episodes) -> tuple[Fitted, float]:
        """Train from scratch for ``episodes``; return the models and the wall time."""
        started = time.perf_counter()
        with torch.no_grad():
            fitted = (method.learner or self.own(method.data)).fit(method.data, episodes.with_seed(self.training_draw))
        return fitted, time.perf_counter() - started

    def errors(self, fitted: Fitted, episodes: Episodes) -> list[dict[str, float]]:
        """Return the distance of the answers of trained models from the truth, as columns of a row for each condition."""
        task, distance = self.task_on(episodes), self.settings.measure
        with torch.no_grad():
            answer = task.answer(fitted, episodes, distance.derivatives)
            truth = task.truth(episodes, distance.derivatives)
            fields = isinstance(task, BoundaryGeneralisation | ZeroShot)
            return error_columns(self.pde.components if fields else (), distance, answer, truth)

    def with_recipe(self, recipe: Recipe, learner: Learner) -> Self:
        """Return the bench with another learner on the same conditions."""
        return replace(self, recipe=recipe, learner=learner)

    def _problem(self, pool: Episodes, learner: Learner) -> DistillationProblem:
        return DistillationProblem(
            learner, self.task_on(pool), self.settings.measure, self.settings.risk_or(self.usual_risk)
        )


@dataclass(frozen=True, eq=False)
class Study(ABC, Generic[S]):
    """One protocol applied to one PDE: what the engine asks.

    Attributes:
        pde: the equation.
        size: the protocol's own settings, such as the number of points.
        settings: those that every protocol has.
        progress: called often.
        allowance: processor time that is left.
        recipes: learners of the protocol, by name.
    """

    pde: PDE
    size: S
    settings: StudySettings
    progress: Progress = quiet
    allowance: Allowance = field(default_factory=Allowance)
    recipes: Recipes = field(default_factory=dict)

    name: ClassVar[str]
    """Of the protocol."""

    def header(self, seed: int) -> dict[str, Any]:
        """Return what is known of a set, and of what was asked for, before any work."""
        asked = {name: getattr(self.settings, name) for name in ("effort", "learner", "distance", "risk")}
        asked |= {f.name: getattr(self.size, f.name) for f in fields(self.size)}  # type: ignore[arg-type]
        return {
            "pde": self.pde.name,
            "protocol": self.name,
            **remembered(self.pde),
            "seed": seed,
            "asked": {name: _plain(value) for name, value in asked.items() if value is not None},
            "versions": {"pinndd": __version__, "torch": torch.__version__.split("+")[0]},
        }

    judged_designs: ClassVar[Sequence[str]] = ()
    """Designs that judges train on, beside the best one of the set's own learner."""

    @property
    def recipe(self) -> Recipe:
        """Of the learner that sets are distilled with first."""
        return distilling_recipe(self.pde, self.settings.learner, self.recipes)

    @cached_property
    @abstractmethod
    def tests(self) -> HeldOutConditions:
        """The test conditions, solved once."""

    @abstractmethod
    def benches(self, seed: int) -> Sequence[Bench[S]]:
        """Return a bench for every learner that a set is distilled for."""

    def alternatives(self, bench: Bench[S], data: SyntheticData) -> Sequence[Bench[S]]:
        """Return benches of other learners that may serve the equation better than ``data``, which was distilled on ``bench``."""
        return ()

    def settled(self, learner: str) -> Self:
        """Return the study in which further seeds take the learner that the first one has chosen."""
        return self

    @abstractmethod
    def bench_for(self, data: SyntheticData, recipe: Recipe | None) -> Bench[S]:
        """Return the bench where a finished set is judged, by its own learner or by another; nothing is solved for training."""

    @abstractmethod
    def judge(self, bench: Bench[S], recipe: Recipe, part: float = 1.0) -> Bench[S]:
        """Return the bench with a judge in place of its learner, which takes a ``part`` of its steps."""

    @abstractmethod
    def retuned(self, bench: Bench[S], method: Method) -> Method:
        """Return a set with the weight that serves the bench's learner best."""

    @property
    def judge_tests(self) -> HeldOutConditions:
        """The test conditions that judges see."""
        return self.tests

    @property
    def sizes(self) -> Sequence[S]:
        """The sizes that are studied."""
        return (self.size,)

    @property
    def seeds(self) -> range:
        """The seeds of the distillations at every size."""
        return range(self.settings.seed, self.settings.seed + self.settings.seeds)

    def other_sizes(self, bench: Bench[S]) -> pd.DataFrame:
        """Return errors at other sizes than the one studied, for the curve."""
        return as_table([])

    def fresh_samples(self, bench: Bench[S], data: SyntheticData) -> SyntheticData:
        """Return the set whose size a judge on fresh samples takes."""
        return data

    def for_everybody(self) -> Sequence[pd.DataFrame]:
        """Return rows that belong to no seed, such as those of a network without labels."""
        return ()

    def with_solutions(self, path: Path, data: SyntheticData) -> Study[S]:
        """Return the study in which a set's conditions were solved by somebody else.

        Raises:
            TypeError: nothing is solved in this protocol.
        """
        raise TypeError(f"protocol {self.name!r} takes no solutions")

    def notes(self, bench: Bench[S]) -> Sequence[str]:
        """Return sentences for the report."""
        return ()

    def example_questions(self, bench: Bench[S], shift: str, index: int) -> tuple[Episodes, Any] | None:
        """Return one test condition of a shift, asked on the section that pictures show, and that section (None: no pictures)."""
        return None

    def resized(self, size: S) -> Self:
        """Return the study at another size, with the same test conditions."""
        return self.with_tests(replace(self, size=size))

    def with_tests(self, other: Self) -> Self:
        """Return another study of the protocol with the test conditions of this one, where they were solved."""
        if "tests" in vars(self):
            vars(other)["tests"] = self.tests
        return other


def outer_header(outer: OuterSettings) -> dict[str, Any]:
    """Return the settings of an outer loop as the header of a set has them."""
    return {name: value for name, value in vars(outer).items() if name != "rates"}


def _plain(value: Any) -> Any:
    """A setting as JSON has it; a part that is no plain value, such as a distance, stands by the name of its class."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool) else type(value).__name__
