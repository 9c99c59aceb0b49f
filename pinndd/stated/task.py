"""A stated task: what a user's module declares where no PDE is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Dataset

from pinndd.data import SyntheticData
from pinndd.distances import KL, Distance, RelativeL2, ZeroOne
from pinndd.held_out import HeldOutPrediction
from pinndd.hypergradients.fitting import fitting
from pinndd.hypergradients.protocol import Hypergradient
from pinndd.learners.estimator import ScikitEstimator
from pinndd.learners.linear import LinearRidge, SoftmaxRegression
from pinndd.module_source import ModuleSource
from pinndd.outer_loop import Distillation, OuterSettings
from pinndd.problem import DistillationProblem, Episodes, Learner, Task
from pinndd.risks import Mean, Risk
from pinndd.stated.naming import TASK_NAMES, is_task_name
from pinndd.stated.parts import INPUTS, TARGETS, Parts, require_alike
from pinndd.stated.teachers import Teachers
from pinndd.stated.torch_data import parts_of_torch
from pinndd.stated.trainings import Trainings, ways_of
from pinndd.user_code import calling

if TYPE_CHECKING:
    from pandas import DataFrame

PartTask = Callable[[SyntheticData], Task]
"""Makes the task that asks about the examples of a part."""

Baseline = Callable[[SyntheticData, int, int], SyntheticData]
"""Makes a set of the training part: ``(train, size, seed)``."""

Search = Callable[["StatedTask", Mapping[str, SyntheticData], int, Callable[[int, int, float | None], None]], Distillation]
"""Finds a set where no gradient leads to one: ``(task, sets of the baselines, seed, progress(step, steps, risk))``."""

AtSize = Callable[[int], Mapping[str, Any]]
"""Says what a task states otherwise for a set of so many examples: arguments of `StatedTask` by name."""

Units = Callable[[SyntheticData], SyntheticData]
"""Brings a set from what learners see to the units of the data, with the same fields and shapes."""

Keeping = Callable[[SyntheticData, Path], None]
"""Writes a set as the CSV file that other programs read, and what belongs beside it."""

QUERIES = 256
"""Examples that an episode asks about where nothing is said."""


_ALWAYS_THE_SAME = {"name", "data", "size", "at_size"}


def held_out(part: SyntheticData) -> HeldOutPrediction:
    """Return the usual task of examples: what does the model say of random ones among them?"""
    return HeldOutPrediction(part[INPUTS], part[TARGETS], min(QUERIES, max(1, len(part[INPUTS]) // 2)))


@dataclass(frozen=True, eq=False)
class StatedTask:
    """minimise over D̂ ``R_ω[ 𝔻( I(M_θ̂(ω)), I*(ω) ) ]``, with the data, the size and the baselines that a study needs.

    A module defines one as ``task``, as it defines a PDE as ``pde``; ``pinndd check``, ``distill``, ``study``, ``evaluate``,
    ``export`` and ``plot`` take its path.

    Args:
        name: of the task; it names files.
        data: full data in three parts, or any map-style `torch.utils.data.Dataset` of pairs, see
            `pinndd.stated.torch_data.parts_of_torch`.
        learner: trains on a set, or an estimator of scikit-learn, which becomes a `ScikitEstimator` here and wherever else a learner
            stands; several by name: the first is distilled for, the others judge.
        distance: that is minimised, between the answers and the truth: `CrossEntropy` for scores of classes, `KL` for their
            probabilities, `RelativeL2` for values, or any other.
        size: examples of the distilled set.
        at_size: says what else changes where another size is asked for, such as learner or settings of the outer loop (None:
            nothing); see `of_size`.
        task: makes the task that asks about a part (None: predictions at random examples of it, `held_out`).
        risk: over the episodes of the outer loop.
        error: distance of the tables (None: the error rate for probabilities, else that which is minimised).
        trainings: ways in which a learner trains on a set, by name, each by the arguments of the learners that it changes
            (``{"short": {"steps": 100}, "usual": {}}``): every set, distilled or not, is trained in the one that errs least on the
            validation part (empty: by the learners as they are).
        ceiling: trains on all data (None: the learner).
        surrogate: trains in the outer loop in place of a learner that nothing differentiates.
        hypergradient: the estimator (None: the one that fits the learner, or its surrogate).
        outer: settings of the outer loop; the seed is that of the study.
        smoothing: of the first probabilities, which cannot move from 0 and 1, in [0, 1).
        teachers: label the distilled set in the end, which keeps their labels or its own, whichever err less on the validation
            part; in a study every baseline stands with its own labels and with theirs (None: all sets keep their labels).
        baselines: names, see `pinndd.study.stated.baselines`, or functions ``(train, size, seed)`` by name.
        shifts: other test parts by name.
        tasks, distances, risks: alternatives by name, for ``--sensitivity``.
        on_full_data: further learners by name that train on all data, such as the usual methods of a field; they stand in the tables
            beside the ceiling, outside the comparison at equal size.
        judges: further learners by name that no study trains, since they cost too much, such as wider networks; they train on a
            finished set where one of them is asked for, see `with_judge`.
        search: finds the set in place of the outer loop, such as one of whole states (None: the outer loop). Its header may say under
            ``optimality`` how the search ended.
        keep: writes a set as CSV, and what belongs beside it (None: one column per entry of an example).
        units: brings a set to the units of the data, for exports and reports, where learners see another scale (None: they do not).
        remarks: lines for the report, such as the limits of what the set is good for.
        columns: names of the columns of a field, for exports.
        processor: whether it works on the processor alone.
        quick: what a first look (``--quick``) states otherwise, by name, such as a learner that trains for fewer steps.
        test_blocks: blocks that the test part is cut into; each is asked of a model of its own where training draws anything.
        subsets: random subsets of the vacuity test.
        title: a line for lists and reports.

    Attributes:
        source: the module that it was loaded from.

    Raises:
        TypeError: a part is no learner, task, distance or risk, the teachers are none, or a learner has not what a way of training
            changes.
        ValueError: a name or a number is out of its range, a shift has other examples than the training part, or there is nothing
            that teachers could label.

    Examples:
        >>> from pinndd.distances import KL
        >>> from pinndd.learners import SoftmaxRegression
        >>> parts = Parts.of_examples(torch.rand(100, 4), torch.arange(100) % 2)
        >>> task = StatedTask("even", parts, SoftmaxRegression(), KL(), size=4)
        >>> task.learner_names, type(task.measure).__name__
        (('softmax-regression',), 'ZeroOne')
    """

    name: str
    data: Parts
    learner: Learner | Mapping[str, Learner]
    distance: Distance
    size: int
    at_size: AtSize | None = None
    task: PartTask | None = None
    risk: Risk = field(default_factory=Mean)
    error: Distance | None = None
    trainings: Trainings = field(default_factory=dict)
    ceiling: Learner | None = None
    surrogate: Learner | None = None
    hypergradient: Hypergradient | None = None
    outer: OuterSettings = field(default_factory=lambda: OuterSettings(steps=200, batch=4, validate_every=20))
    smoothing: float = 0.1
    teachers: Teachers | None = None
    baselines: Sequence[str] | Mapping[str, Baseline] = ("random", "stratified", "k-means", "k-medoids")
    shifts: Mapping[str, SyntheticData] = field(default_factory=dict)
    tasks: Mapping[str, PartTask] = field(default_factory=dict)
    distances: Mapping[str, Distance] = field(default_factory=dict)
    risks: Mapping[str, Risk] = field(default_factory=dict)
    on_full_data: Mapping[str, Learner] = field(default_factory=dict)
    judges: Mapping[str, Learner] = field(default_factory=dict)
    search: Search | None = None
    keep: Keeping | None = None
    units: Units | None = None
    remarks: Sequence[str] = ()
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    processor: bool = False
    quick: Mapping[str, Any] = field(default_factory=dict)
    test_blocks: int = 20
    subsets: int = 20
    title: str = ""
    source: ModuleSource | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._require_name()
        self._require_mappings()
        self._take_estimators()
        if isinstance(self.data, Dataset):
            object.__setattr__(self, "data", parts_of_torch(self.data))
        if not isinstance(self.data, Parts):
            self._refuse(f"data={type(self.data).__name__}: expected pinndd.Parts, such as Parts.of_examples(inputs, targets)")
        most = self.data.count
        if isinstance(self.size, bool) or not isinstance(self.size, int) or not 1 <= self.size < most:
            raise ValueError(
                f"task {self.name!r}: size={self.size!r}: expected a whole number from 1 to below the {most} training examples"
            )
        for name, least in (("test_blocks", 2), ("subsets", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"task {self.name!r}: {name}={value!r}: expected a whole number from {least} on")
        if not isinstance(self.outer, OuterSettings):
            self._refuse(f"outer is of type {type(self.outer).__name__}: expected pinndd.OuterSettings")
        if isinstance(self.remarks, str):
            self._refuse(f"remarks={self.remarks!r}: expected lines, such as ({self.remarks!r},)")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"task {self.name!r}: smoothing={self.smoothing}: expected at least 0 and less than 1")
        if isinstance(self.baselines, str) or not self.baselines:
            self._refuse(f"baselines={self.baselines!r}: expected names, such as ('random',), or functions by name")
        if twice := [name for name in self.baselines if list(self.baselines).count(name) > 1]:
            raise ValueError(f"task {self.name!r}: baselines name {twice[0]!r} twice: name it once")
        if odd := sorted(set(self.columns) - set(self.data.train.fields)):
            said = ", ".join(map(repr, self.data.train.fields))
            raise ValueError(f"task {self.name!r}: columns name {odd[0]!r}, which is no field of the data: expected some of {said}")
        if not self.learners:
            self._refuse("learner is an empty mapping: expected a learner, or several by name")
        known = {"surrogate": self.surrogate, "ceiling": self.ceiling, "teachers: learner": getattr(self.teachers, "learner", None)}
        whole = {f"on_full_data {name!r}": each for name, each in self.on_full_data.items()}
        whole |= {f"judge {name!r}": each for name, each in self.judges.items()}
        if twice := sorted(set(self.judges) & set(self.learners)):
            raise ValueError(f"task {self.name!r}: {twice[0]!r} names a learner and a judge: give the judge another name")
        for role, each in (*((f"learner {n!r}", v) for n, v in self.learners.items()), *known.items(), *whole.items()):
            if each is not None and not (callable(getattr(each, "fit", None)) and hasattr(each, "differentiation")):
                self._refuse(
                    f"{role} is of type {type(each).__name__}: expected an object with fit(data, episodes) and differentiation, or an "
                    "estimator of scikit-learn; a function that trains becomes one by pinndd.learners.BlackBox"
                )
        self._require_ways()
        functions = {
            "distance": self.distance, "error": self.error, "risk": self.risk,
            "task": self.task, "search": self.search, "keep": self.keep, "units": self.units, "at_size": self.at_size,
        }
        for role, function in functions.items():
            if (function is None and role in ("distance", "risk")) or (function is not None and not callable(function)):
                self._refuse(f"{role} is of type {type(function).__name__}: expected something that can be called")
        measures = {"distance": self.distance, "error": self.error}
        measures |= {f"distances {name!r}": each for name, each in self.distances.items()}
        for role, each in measures.items():
            if each is not None and not isinstance(getattr(each, "derivatives", None), int):
                self._refuse(
                    f"{role} is of type {type(each).__name__}, which has no derivatives: expected a distance such as KL(), or an "
                    "object of yours with derivatives = 0 that maps answers and truths (E, Q, K) to (E,)"
                )
        self._require_arguments("quick", self.quick)
        self._require_labels()
        for shift, part in self.shifts.items():
            require_alike(self.data.train, part, f"shift {shift!r}")

    @classmethod
    def from_frame(
        cls,
        frame: DataFrame,
        *,
        target: str,
        size: int,
        learner: Any = None,
        name: str = "frame",
        test_share: float = 0.3,
        seed: int = 0,
        **stated: Any,
    ) -> StatedTask:
        """State the task of a data frame: one column from all others.

        Args:
            frame: a pandas frame, one row per example; see `pinndd.stated.frames.parts_of_frame` for what becomes of its columns.
            target: the column that is learned; a quantity is of a floating type, everything else is a class.
            size: examples of the distilled set.
            learner: a learner, or any scikit-learn estimator, or several by name (None: softmax regression, or ridge regression of
                values). An estimator trains on the set that is distilled for the usual learner, its ``surrogate`` unless another is
                given.
            name: of the task.
            test_share: of the rows, held out.
            seed: of the split.
            stated: everything else that a stated task takes.

        Raises:
            ValueError: the frame has values that cannot be used; the column and the row are named.

        Examples:
            >>> from pandas import DataFrame
            >>> frame = DataFrame({"age": range(40), "sex": ["f", "m"] * 20, "ill": [1, 2] * 20})
            >>> task = StatedTask.from_frame(frame, target="ill", size=4)
            >>> task.columns["inputs"], task.columns["targets"]
            (['age', 'sex=f', 'sex=m'], ['P(ill=1)', 'P(ill=2)'])
        """
        from pinndd.stated.frames import parts_of_frame

        parts, columns, units = parts_of_frame(frame, target, test_share=test_share, seed=seed)
        classes = len(columns[TARGETS]) > 1
        usual = SoftmaxRegression(penalty=0.01) if classes else LinearRidge(penalty=0.01)
        own = next(iter(learner.values()), None) if isinstance(learner, Mapping) else learner
        if _is_estimator(own):
            stated = {"surrogate": usual, **stated}
        stated = {"distance": KL() if classes else RelativeL2(), "columns": columns, "units": units, **stated}
        return cls(name, parts, usual if learner is None else learner, size=size, **stated)

    def of_size(self, size: int) -> StatedTask:
        """Return the task for a set of another size, with all that `at_size` says of it; at its own size it is as it is.

        Args:
            size: examples of the set.

        Raises:
            TypeError: `at_size` returned no arguments of a task by name.
            ValueError: the size is out of its range.
            UserCodeError: `at_size` failed.
        """
        if size == self.size:
            return self
        said: Mapping[str, Any] = {}
        if self.at_size is not None:
            with calling(f"task {self.name!r}: at_size", self.at_size, part=self.at_size):
                said = self.at_size(size)
            self._require_arguments("at_size", said)
        return self.restated(**{**said, "size": size})

    def at_first_look(self) -> StatedTask:
        """Return the task with what it states for a first look, see `quick`."""
        return self.restated(**self.quick)

    def with_judge(self, name: str) -> StatedTask:
        """Return the task with one of its judges among its learners, as the last; as it is where no judge has the name."""
        if name not in self.judges:
            return self
        others = {other: each for other, each in self.judges.items() if other != name}
        return self.restated(learner={**self.learners, name: self.judges[name]}, judges=others)

    def restated(self, **otherwise: Any) -> StatedTask:
        """Return the task with other arguments, from the same module.

        Args:
            otherwise: arguments of the task by name.
        """
        found = replace(self, **otherwise)
        object.__setattr__(found, "source", self.source)
        return found

    # what others ask

    def in_units(self, data: SyntheticData) -> SyntheticData:
        """Return a set in the units of the data, for people and other programs.

        Raises:
            ValueError: what the module gives as `units` returned has other fields or shapes.
            UserCodeError: it failed.
        """
        if self.units is None:
            return data
        with calling(f"task {self.name!r}: units", self.units, part=self.units):
            found = self.units(data)
        shapes = {field: tuple(value.shape) for field, value in data.fields.items()}
        if not isinstance(found, SyntheticData) or {field: tuple(value.shape) for field, value in found.fields.items()} != shapes:
            raise ValueError(f"task {self.name!r}: units returned another form of the set: expected one with the fields {shapes}")
        return found

    @property
    def meanings(self) -> Mapping[str, Sequence[str]]:
        """What the columns of the fields stand for, where that is known: names of columns, of states, of classes."""
        pictures = self.data.pictures
        return {**({} if pictures is None else {TARGETS: pictures.classes}), **self.columns}

    @property
    def learners(self) -> Mapping[str, Learner]:
        """All learners by name: the first is distilled for."""
        return self.learner if isinstance(self.learner, Mapping) else {_kebab(type(self.learner).__name__): self.learner}

    @property
    def learner_names(self) -> tuple[str, ...]:
        """Their names, the first that of the one that is distilled for."""
        return tuple(self.learners)

    @property
    def own_learner(self) -> Learner:
        """The learner that is distilled for."""
        return self.learners[self.learner_names[0]]

    def ways(self, learner: str) -> Mapping[str, Learner]:
        """Return a learner in each way in which it trains on a set, by name; as it is, in one, where the task names none.

        Args:
            learner: its name.
        """
        return ways_of(f"learner {learner!r}", self.learners[learner], self.trainings)

    @property
    def trainer(self) -> Learner:
        """What trains in the outer loop."""
        return self.surrogate or self.own_learner

    @property
    def teacher(self) -> Learner:
        """What teachers are trained by."""
        return (self.teachers and self.teachers.learner) or self.ceiling or self.own_learner

    @property
    def probabilities(self) -> bool:
        """Whether the answers are classes."""
        targets = self.data.train.constraints.get(TARGETS)
        return targets is not None and targets.kind == "simplex"

    @property
    def measure(self) -> Distance:
        """The distance of the tables."""
        return self.error or (ZeroOne() if self.probabilities else self.distance)

    @property
    def estimator(self) -> Hypergradient:
        """The estimator of the gradient of the risk; a criterion that matches all data looks at the training part.

        Raises:
            TypeError: none fits the learner, and the task names none.
        """
        found: Any = self.hypergradient or fitting(self.trainer)
        own: Hypergradient = replace(found, full=self.data.train) if is_dataclass(type(found)) and hasattr(found, "full") else found
        return own

    def asking(self, part: SyntheticData) -> Task:
        """Return the task that asks about a part.

        Raises:
            TypeError: what it made is no task.
            UserCodeError: the user's function failed.
        """
        make = self.task or held_out
        with calling(f"task {self.name!r}: task", make, part=make):
            found = make(part)
        for method in ("episodes", "answer", "truth"):
            if not callable(getattr(found, method, None)):
                self._refuse(
                    f"task made an object of type {type(found).__name__} without the method {method}: expected one with "
                    "episodes(count, generator), answer(fitted, episodes, derivatives) and truth(episodes, derivatives)"
                )
        return found

    def problem(self, part: SyntheticData | None = None) -> DistillationProblem:
        """Return what the outer loop minimises: risk over the training part, or another one."""
        return DistillationProblem(self.trainer, self.asking(part or self.data.train), self.distance, self.risk)

    @property
    def judge(self) -> DistillationProblem | None:
        """What compares sets in validation where nothing differentiates the learner: that learner, in the distance of the tables."""
        if self.surrogate is None or self.own_learner.differentiation != "none":
            return None
        return DistillationProblem(self.own_learner, self.asking(self.data.train), self.measure, Mean())

    def _require_name(self) -> None:
        if not isinstance(self.name, str) or not is_task_name(self.name):
            raise ValueError(f"task name {self.name!r}: expected {TASK_NAMES}: files are called after it")

    def _require_mappings(self) -> None:
        """Make sure that what stands by name does, and that alternatives can be called."""
        for role in ("shifts", "tasks", "distances", "risks", "on_full_data", "judges", "columns"):
            named = getattr(self, role)
            if not isinstance(named, Mapping):
                self._refuse(f"{role} is of type {type(named).__name__}: expected a mapping by name, such as {{'name': ...}}")
            for name, each in named.items() if role in ("tasks", "distances", "risks") else ():
                if not callable(each):
                    self._refuse(f"{role} {name!r} is of type {type(each).__name__}: expected something that can be called")

    def _take_estimators(self) -> None:
        """Put estimators of scikit-learn among the learners as black boxes."""
        if _is_estimator(self.learner):
            object.__setattr__(self, "learner", {_kebab(type(self.learner).__name__): self.learner})
        for role in ("learner", "on_full_data", "judges"):
            if isinstance(named := getattr(self, role), Mapping):
                object.__setattr__(self, role, {name: _as_learner(each) for name, each in named.items()})
        object.__setattr__(self, "ceiling", _as_learner(self.ceiling))

    def _require_ways(self) -> None:
        if not isinstance(self.trainings, Mapping):
            self._refuse(
                f"trainings is of type {type(self.trainings).__name__}: expected ways by name, such as {{'short': {{'steps': 100}}}}"
            )
        if len(self.trainings) == 1:
            (only,) = self.trainings
            raise ValueError(f"task {self.name!r}: trainings names {only!r} alone: name two ways or more, or state the learner so")
        for name, each in {**self.learners, **self.judges}.items():
            try:
                ways_of(f"learner {name!r}", each, self.trainings)
            except (TypeError, ValueError) as error:
                raise type(error)(f"task {self.name!r}: {error}") from error

    def _require_labels(self) -> None:
        if self.teachers is None:
            return
        if not isinstance(self.teachers, Teachers):
            self._refuse(f"teachers={type(self.teachers).__name__}: expected pinndd.stated.teachers.Teachers, or None")
        if self.search is not None:
            raise ValueError(f"task {self.name!r}: teachers and search exclude each other: what is searched keeps its labels")
        if not self.probabilities or INPUTS not in self.data.train:
            lacking = f"no field {INPUTS!r}" if self.probabilities else "no classes"
            raise ValueError(f"task {self.name!r}: teachers label inputs by their classes, and it has {lacking}: leave them out")

    def _require_arguments(self, role: str, said: Mapping[str, Any]) -> None:
        """Make sure that a part names what a task may state otherwise."""
        if not isinstance(said, Mapping):
            self._refuse(f"{role} is of type {type(said).__name__}: expected arguments of StatedTask by name, as a mapping")
        known = {each.name for each in fields(self) if each.init} - _ALWAYS_THE_SAME
        if odd := sorted(set(said) - known):
            others = ", ".join(sorted(_ALWAYS_THE_SAME))
            self._refuse(f"{role} names {odd[0]!r}: expected arguments of StatedTask, other than {others}")

    def _refuse(self, why: str) -> None:
        raise TypeError(f"task {self.name!r}: {why}")


def blocks(task: Task, count: int, seed: int, draw: int = 0) -> Episodes:
    """Return episodes for a judgement: disjoint blocks of a finite pool where the task has them, else as many draws.

    Args:
        task: that asks.
        count: of blocks.
        seed: of the blocks, which are the same whatever a learner draws.
        draw: seed of what a learner draws, such as initial weights, where the episodes of the task have one (``seed``).
    """
    if callable(divide := getattr(task, "blocks", None)):
        return divide(count, seed, draw)
    episodes = task.episodes(count, torch.Generator().manual_seed(seed))
    keeps_one = is_dataclass(episodes) and any(each.name == "seed" and each.init for each in fields(episodes))
    return replace(episodes, seed=draw) if keeps_one else episodes


def _is_estimator(learner: Any) -> bool:
    """Whether something trains and predicts as those of scikit-learn do, and is no learner yet."""
    return callable(getattr(learner, "fit", None)) and hasattr(learner, "predict") and not hasattr(learner, "differentiation")


def _as_learner(learner: Any) -> Any:
    return ScikitEstimator(learner) if _is_estimator(learner) else learner


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


