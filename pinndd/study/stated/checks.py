"""What is wrong with a stated task, found before any training that takes long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.distances import CrossEntropy
from pinndd.finding import Finding
from pinndd.learners.adam import Adam
from pinndd.learners.minibatch import MinibatchAdam
from pinndd.learners.network import NetworkModel
from pinndd.problem import Episodes, Learner, Task
from pinndd.stated.export import column_names
from pinndd.stated.parts import INPUTS, TARGETS, chosen, example_count, softened
from pinndd.stated.task import QUERIES, StatedTask
from pinndd.stated.teachers import Teachers, are_probabilities
from pinndd.study.classification.memory import MemoryEstimate, check_memory, estimate_memory
from pinndd.study.stated.baselines import make, named_baselines, random_rows
from pinndd.user_code import calling

TRIAL = 2
"""Episodes of a trial."""

_CHOICE = 10
"""Examples per example of a set that a baseline is tried on: clusters of a whole training part take long."""


def require_usable(task: StatedTask, size: int) -> None:
    """Make sure that a task can be distilled.

    Raises:
        ValueError: the first error of `check_task`.
    """
    for finding in check_task(task, size):
        if finding.level == "error":
            raise ValueError(f"task {task.name!r}: {finding.subject}: {finding.message}")


def check_task(task: StatedTask, size: int | None = None) -> Iterator[Finding]:
    """Yield what is found of the data, the baselines, every learner, and the gradient, each tried on a small set."""
    size = task.size if size is None else size
    parts = {name: example_count(part) for name, part in task.data.named.items()}
    yield Finding("ok", "data", ", ".join(f"{name} {count}" for name, count in parts.items()) + " examples")
    yield from _overlaps(task)
    try:
        task.at_first_look()
    except (ValueError, TypeError) as error:
        yield Finding("error", "quick", str(error))
    few = random_rows(task.data.train, min(_CHOICE * size, example_count(task.data.train)), 0)
    small = chosen(few, torch.arange(min(size, example_count(few))))
    for name, baseline in named_baselines(task).items():
        try:
            small = make(task, name, baseline, size, 0, few)
            yield Finding("ok", f"baseline {name}", f"{size} examples")
        except ValueError as error:
            yield Finding("error", f"baseline {name}", str(error))
    try:
        require_memory(task, size)
        yield Finding("ok", "memory", "enough is free")
    except MemoryError as error:
        yield Finding("error", "memory", str(error))
        return
    try:
        column_names(task, small)
    except ValueError as error:
        yield Finding("error", "columns", str(error))
    learners = {**task.learners, **task.judges} | ({} if task.surrogate is None else {"surrogate": task.surrogate})
    if task.trainings:
        learners |= {f"{name}, {way}": each for name in task.learners for way, each in task.ways(name).items()}
    failed = False
    for name, learner in learners.items():
        finding = _tried(task, name, learner, small)
        failed |= finding.level == "error"
        yield finding
    if not failed:
        yield _gradient(task, small)
    if task.teachers is not None:
        yield _taught(task, task.teachers, small)


def require_memory(task: StatedTask, size: int) -> None:
    """Make sure that networks can be trained, where that is what the learners do.

    Raises:
        MemoryError: there is not memory enough; the message says what lowers it.
        ValueError: a network does not take such examples.
    """
    train, device = task.data.train, str(task.data.train[INPUTS].device) if INPUTS in task.data.train else "cpu"
    everything = example_count(train)
    on_all = [task.ceiling or task.own_learner, *([] if task.teachers is None else [task.teacher])]
    ways = (way for name in task.learners for way in (task.learners[name], *task.ways(name).values()))
    trained = [*((way, size) for way in ways), *((learner, everything) for learner in on_all)]
    for learner, count in trained:
        if isinstance(learner, Adam) and isinstance(learner.model, NetworkModel):
            alone = isinstance(learner, MinibatchAdam)
            batch = min(count, getattr(learner, "batch", None) or count)
            check_memory(_needed(task, learner, learner.model, batch, 1 if alone else task.test_blocks, 0), device)
    trainer = task.trainer
    if isinstance(trainer, Adam) and isinstance(trainer.model, NetworkModel):
        estimator: Any = task.estimator
        # a criterion that matches compares gradients at one look, back-propagation keeps what training went through
        matching = hasattr(estimator, "full")
        check_memory(
            _needed(task, trainer, trainer.model, size, task.outer.batch, 1 if matching else trainer.steps, estimator), device
        )


def _needed(
    task: StatedTask, learner: Adam, model: NetworkModel, examples: int, episodes: int, unrolled: int, estimator: Any = None
) -> MemoryEstimate:
    shape = tuple(task.data.train[INPUTS].shape[1:])
    return estimate_memory(
        model,
        shape,
        examples=examples,
        steps=max(1, unrolled),
        episodes=episodes,
        questions=QUERIES,
        keep_every=getattr(estimator, "keep_every", 1),
        keep_graph=getattr(estimator, "keep_graph", False),
        dtype=learner.dtype,
        unrolled=unrolled > 0,
    )


def _overlaps(task: StatedTask) -> Iterator[Finding]:
    """Examples of the test part that the training part has too, unless all fields are of states, of which few differ."""
    if all(bool(((value == 0) | (value == 1)).all()) for value in task.data.train.fields.values()):
        return
    train = {_row(task.data.train, k) for k in range(example_count(task.data.train))}
    for name in ("validation", "test"):
        part = getattr(task.data, name)
        same = sum(_row(part, k) in train for k in range(example_count(part)))
        if same:
            said = f"{same} of its examples are in the training part too: it flatters every method"
            yield Finding("warning", f"{name} part", said)


def _row(part: SyntheticData, k: int) -> int:
    return hash(b"".join(part[name][k].detach().cpu().numpy().tobytes() for name in sorted(part.fields)))


def _tried(task: StatedTask, name: str, learner: Learner, small: SyntheticData) -> Finding:
    subject = f"learner {name}"
    try:
        asking = task.asking(task.data.validation)
        with calling("the task", asking.episodes):
            episodes = _drawn(asking)
        with torch.no_grad(), calling(f"learner {name!r}", learner.fit):
            fitted = getattr(learner, "trial", learner).fit(small, episodes)
        with torch.no_grad(), calling("the task", asking.answer):
            answer, truth = asking.answer(fitted, episodes, 0), asking.truth(episodes, 0)
        if said := _misfit(answer, truth):
            return Finding("error", subject, said)
        if said := _probabilities_for_scores(task, answer):
            return Finding("error", subject, said)
        with torch.no_grad(), calling("the distance", task.measure):
            errors = task.measure(answer, truth), task.distance(answer, truth)
        for each, what in zip(errors, ("error", "distance"), strict=True):
            if not isinstance(each, Tensor) or each.shape != (len(answer),):
                shape = tuple(each.shape) if isinstance(each, Tensor) else type(each).__name__
                return Finding("error", subject, f"the {what} of its answers has shape {shape}, expected ({len(answer)},)")
    except (ValueError, TypeError, RuntimeError, ArithmeticError, KeyError) as error:
        return Finding("error", subject, str(error))
    return Finding("ok", subject, f"{learner.differentiation}, answers {tuple(answer.shape[1:])}")


def _misfit(answer: Tensor, truth: Tensor) -> str:
    if not isinstance(answer, Tensor) or not isinstance(truth, Tensor):
        return "answers and truth must be tensors (E, Q, K)"
    if answer.shape != truth.shape:
        return (
            f"its answers have shape {tuple(answer.shape)}, the truth {tuple(truth.shape)}: expected the same, as many outputs as "
            f"the field {TARGETS!r} has columns"
        )
    if not bool(torch.isfinite(answer).all()):
        return "its answers are not finite after training on the first examples: lower its learning rate, or raise its penalty"
    return ""


def _probabilities_for_scores(task: StatedTask, answer: Tensor) -> str:
    """Say that a distance of scores gets probabilities, of which it would take a second softmax."""
    if are_probabilities(answer) and isinstance(task.distance, CrossEntropy):
        return "its answers are probabilities, and CrossEntropy takes scores: take distance=KL(), the log loss of probabilities"
    return ""


def _gradient(task: StatedTask, small: SyntheticData) -> Finding:
    if not small.learnable:
        return Finding("error", "gradient", "no field of the training part may move: give one a constraint other than Fixed")
    try:
        problem = task.problem()
        episodes: Episodes = _drawn(problem.task)
        risk, gradient = task.estimator(problem, softened(small, task.smoothing), episodes)
    except (ValueError, TypeError, RuntimeError, ArithmeticError) as error:
        remedy = "; or give a differentiable learner as surrogate=" if task.surrogate is None else ""
        return Finding("error", "gradient", f"{error}{remedy if isinstance(error, TypeError) else ''}")
    lost = [name for name, g in gradient.items() if not bool(torch.isfinite(g).all())]
    if lost:
        return Finding("error", "gradient", f"that of the field {lost[0]!r} is not finite")
    return Finding("ok", "gradient", f"{type(task.estimator).__name__} in {', '.join(gradient)}, risk {float(risk):.3g}")


def _taught(task: StatedTask, teachers: Teachers, small: SyntheticData) -> Finding:
    try:
        with calling("teachers", task.teacher.fit):
            teachers.label({"": small}, small, getattr(task.teacher, "trial", task.teacher), 0)
    except (ValueError, TypeError, RuntimeError, ArithmeticError, KeyError) as error:
        return Finding("error", "teachers", str(error))
    return Finding("ok", "teachers", f"labels are {teachers}")


def _drawn(task: Task) -> Episodes:
    return task.episodes(TRIAL, torch.Generator().manual_seed(0))
