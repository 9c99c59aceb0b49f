"""Train on a set in the way that suits it, ask a part of the data, and say how large the errors are."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from pinndd.data import SyntheticData
from pinndd.pinn.solving.telling import Progress, quiet
from pinndd.problem import Episodes, Fitted, Learner, Task, drawn_from
from pinndd.stated.parts import example_count
from pinndd.stated.task import StatedTask, blocks
from pinndd.stated.teachers import LABELS, TRIED
from pinndd.stated.trainings import ERRORS, KEPT, SETTINGS, TRAININGS, kept_training, settings_of, why_chosen_again
from pinndd.study.protocols.parts import distance_name, unknown
from pinndd.study.protocols.words import STATED
from pinndd.study.results import words
from pinndd.study.results.table import DENSE, DISTILLED, NO_SHIFT, as_table

VALIDATION, TEST = 1_000_003, 2_000_003
"""Seeds of the blocks of the two parts."""

VALIDATED = 5
"""Most models that judge an iterate, each on its own block of the validation part."""

_ONE_TRAINING = ("closed form", "implicit", "none")
"""Ways of training that draw nothing per episode: one model answers all of them."""


def judged(task: StatedTask, learner: str, method: str, data: SyntheticData, seed: int) -> pd.DataFrame:
    """Train on a set, ask about blocks of the test part and of every shift, and return one row per block.

    Models of a learner that ignores questions are trained once, and asked what every part asks. The column ``seconds`` is the wall
    time of training divided by the number of models that it made.

    Args:
        task: at the size that is studied.
        learner: name of the one that trains, in the way that suits the set, see `with_training`.
        method: name in the rows.
        data: the set.
        seed: of the distillation, and of what the learner draws.

    Raises:
        UnknownNameError: the task has no such learner.
    """
    if learner not in task.learners:
        raise unknown("learner", learner, task.learner_names)
    chosen = fixed_learners(task).get(method) or suited(task, learner, data, seed)
    rows: list[dict[str, Any]] = []
    trained: dict[Any, tuple[Fitted, float]] = {}
    for shift, part in {NO_SHIFT: task.data.test, **task.shifts}.items():
        asking = task.asking(part)
        episodes = blocks(asking, task.test_blocks, TEST, seed)
        models = drawn_from(chosen, episodes) or shift
        if models not in trained:
            trained[models] = _trained(chosen, data, episodes)
        fitted, seconds = trained[models]
        rows += [
            {
                "pde": task.name,
                "protocol": STATED,
                "method": method,
                "learner": learner,
                "points": example_count(data),
                "boundary_points": 0,
                "shift": shift,
                "seed": seed,
                "episode": k,
                "error": error,
                "seconds": seconds,
                "distilled_with": task.learner_names[0] if method == DISTILLED else "",
                "ceiling": method == DENSE or method in task.on_full_data,
            }
            for k, error in enumerate(_errors(task, fitted, asking, episodes))
        ]
    return as_table(rows)


def fixed_learners(task: StatedTask) -> Mapping[str, Learner]:
    """Return what trains on all data as it is, by method: nothing is chosen for it."""
    return {**({} if task.ceiling is None else {DENSE: task.ceiling}), **task.on_full_data}


def with_training(
    task: StatedTask, learner: str, data: SyntheticData, seed: int, progress: Progress = quiet, told: str = ""
) -> SyntheticData:
    """Return the set with a header that says which of the task's ways of training suits it.

    That is the one which errs least on the validation part; the test part is not looked at. Where the task names no ways, or the
    header knows what the set errs in just those, by name and by what they mean, it is as it is.

    Args:
        task: at the size of the set.
        learner: name of the one that trains.
        data: the set.
        seed: of what the learner draws.
        progress: called with every way.
        told: what the progress is told of.
    """
    known = kept_training(data, learner)
    if not task.trainings or (known and not chosen_again(task, learner, data)):
        return data
    ways = task.ways(learner)
    errors: dict[str, float] = {}
    progress(told, 0, len(ways), None)
    for name, way in ways.items():
        errors[name] = _validated(task, way, data, seed)
        progress(told, len(errors), len(ways), errors[name])
    stored = data.header.get(TRAININGS)
    others = stored if isinstance(stored, Mapping) else {}
    own = {KEPT: least_of(errors), ERRORS: finite(errors), SETTINGS: settings_of(ways, task.trainings)}
    return data.with_header(**{TRAININGS: {**others, learner: own}})


def chosen_again(task: StatedTask, learner: str, data: SyntheticData) -> str:
    """Say why the training that a set's header names is not that of the task, as the predicate of a sentence; empty where it is.

    Args:
        task: at the size of the set.
        learner: name of the one that trains.
        data: the set; one whose header names no training is as good as one that agrees.
    """
    known = kept_training(data, learner)
    return why_chosen_again(known, settings_of(task.ways(learner), task.trainings)) if known else ""


def suited(task: StatedTask, learner: str, data: SyntheticData, seed: int) -> Learner:
    """Return a learner as it trains on a set, see `with_training`."""
    ways = task.ways(learner)
    if not task.trainings:
        return task.learners[learner]
    return ways[kept_training(with_training(task, learner, data, seed), learner)[KEPT]]


@dataclass(frozen=True)
class SuitedLearner:
    """Trains on every set in the way that suits it, chosen anew for each that does not say it.

    Its training loss, where the learner has one, is that of the learner as it is stated, whichever way a model was trained in: so two
    models are compared by one.

    Attributes:
        task: with ways of training.
        learner: name of the one that trains.
        seed: of what it draws where a way is chosen.
    """

    task: StatedTask
    learner: str
    seed: int = 0

    differentiation = "none"

    def fit(self, data: SyntheticData, episodes: Episodes) -> Any:
        """Train one model per episode."""
        return suited(self.task, self.learner, data, self.seed).fit(data, episodes)

    @property
    def prepare(self) -> Any:
        """What the learner makes of data for its training loss.

        Raises:
            AttributeError: it makes nothing of them.
        """
        return self._stated.prepare

    @property
    def training_loss(self) -> Any:
        """That of the learner.

        Raises:
            AttributeError: it has none.
        """
        return self._stated.training_loss

    @property
    def parameters(self) -> Any:
        """What the learner gives the weights of its models by.

        Raises:
            AttributeError: it has nothing of the kind.
        """
        return self._stated.parameters

    @property
    def _stated(self) -> Any:
        return self.task.learners[self.learner]


def least_of(errors: Mapping[str, float]) -> str:
    """Return the name of the least error, of equal ones the first; what is not finite is the largest."""
    return min(errors, key=lambda name: errors[name] if math.isfinite(errors[name]) else math.inf)


def finite(errors: Mapping[str, float]) -> dict[str, float | None]:
    """Return errors as a header holds them: None where one is not finite."""
    return {name: error if math.isfinite(error) else None for name, error in errors.items()}


def in_validation(task: StatedTask, data: SyntheticData, seed: int) -> str:
    """Say how large the error of a set is on the validation part, which chose it; the test part is not looked at.

    Args:
        task: at the size that was distilled.
        data: the set.
        seed: of what the learner draws.
    """
    known = data.header.get(TRIED, {}).get(data.header.get(LABELS))
    error = error_in_validation(task, data, seed) if known is None else known
    distance, count = distance_name(task.measure), len(validation_blocks(task, task.asking(task.data.validation), seed))
    mean = words.error(error, distance)
    return f"{mean} ({words.error_name(distance)}, mean over {count} block{'s' if count > 1 else ''} of the validation part)"


def error_in_validation(task: StatedTask, data: SyntheticData, seed: int) -> float:
    """Return the mean error on the validation part, in the distance of the tables, of the learner that is distilled for.

    Args:
        task: at the size of the set.
        data: the set, which is trained on in the way that suits it.
        seed: of what the learner draws.
    """
    name = task.learner_names[0]
    if not task.trainings:
        return _validated(task, task.own_learner, data, seed)
    known = kept_training(with_training(task, name, data, seed), name)
    error = known[ERRORS][known[KEPT]]
    return math.nan if error is None else error


def validation_blocks(task: StatedTask, asking: Task, draw: int) -> Episodes:
    """Return the blocks of the validation part on which sets are compared, each asked of a model of its own.

    Args:
        task: of which sets are compared.
        asking: what it asks about the validation part.
        draw: seed of what a learner draws.
    """
    return blocks(asking, min(VALIDATED, task.test_blocks), VALIDATION, draw)


def _validated(task: StatedTask, learner: Learner, data: SyntheticData, seed: int) -> float:
    asking = task.asking(task.data.validation)
    episodes = validation_blocks(task, asking, seed)
    errors = _errors(task, _trained(learner, data, episodes)[0], asking, episodes)
    return sum(errors) / len(errors)


def _trained(learner: Learner, data: SyntheticData, episodes: Episodes) -> tuple[Fitted, float]:
    """Train on a set; return the models, and the seconds per model."""
    started = time.perf_counter()
    with torch.no_grad():
        fitted = learner.fit(data, episodes)
    most = getattr(learner, "networks", None) or len(episodes)
    models = 1 if learner.differentiation in _ONE_TRAINING else min(most, len(episodes))
    return fitted, (time.perf_counter() - started) / models


def _errors(task: StatedTask, fitted: Fitted, asking: Task, episodes: Episodes) -> list[float]:
    """Ask trained models; return the error of every block in the distance of the tables."""
    with torch.no_grad():
        answer = asking.answer(fitted, episodes, task.measure.derivatives)
        errors: list[float] = task.measure(answer, asking.truth(episodes, task.measure.derivatives)).tolist()
    return errors
