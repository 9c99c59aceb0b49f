"""Study a stated task: distill for every seed, train on every baseline of the same size and on full data, test once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from pinndd import __version__
from pinndd.data import SyntheticData
from pinndd.devices import PROCESSOR, chosen_device, require_device
from pinndd.outer_loop import Distillation, OuterSettings, distill
from pinndd.pinn.declare.loading import remembered_module
from pinndd.pinn.solving.telling import Progress, quiet
from pinndd.stated.parts import softened
from pinndd.stated.task import StatedTask, blocks
from pinndd.stated.teachers import LABELS, OWN, TRIED, WITH_LABELS
from pinndd.stated.trainings import TRAININGS, settings_of
from pinndd.study.protocols.parts import distance_name
from pinndd.study.protocols.words import STATED
from pinndd.study.results.outcome import Outcome
from pinndd.study.results.selection import one_set_each
from pinndd.study.results.summary import summarise
from pinndd.study.results.table import DENSE, DISTILLED, NO_SHIFT, as_table
from pinndd.study.stated.baselines import make, named_baselines
from pinndd.study.stated.judging import (
    TEST,
    error_in_validation,
    finite,
    fixed_learners,
    judged,
    least_of,
    validation_blocks,
    with_training,
)
from pinndd.study.stated.sentences import first_look, sentences
from pinndd.user_code import calling


@dataclass(frozen=True)
class StatedSettings:
    """How large a study of a stated task is.

    Attributes:
        seeds: number of distillation seeds.
        size: examples of the distilled set (None: as the task says).
        effort: factor on the number of outer steps.
        test_blocks: blocks that the test part is cut into (None: as the task says).
        quick: whether it is a first look, for which a task may state less, see `StatedTask.quick`.
        sensitivity: whether to distill for the other tasks, distances and risks that the module names, too.
        device: of the computation; ``auto`` is the processor, since a learner of one's own may know no other.
        seed: the first seed.

    Raises:
        ValueError: a number is out of its range.
    """

    seeds: int = 2
    size: int | None = None
    effort: float = 1.0
    test_blocks: int | None = None
    quick: bool = False
    sensitivity: bool = False
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("seeds", 1), ("test_blocks", 2), ("seed", 0), ("size", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name}={value}: expected a whole number from {least} on")

        require_device(self.device, double=False)
        object.__setattr__(self, "device", chosen_device(self.device, None).device)

    def applied_to(self, task: StatedTask) -> StatedTask:
        """Return the task at the size, on the device and with the number of steps that were asked for.

        Raises:
            ValueError: the task is computed on the processor alone, and another device was named.
            ValueError, TypeError, UserCodeError: the task does not go with that size, see `StatedTask.of_size`.
        """
        if task.processor and self.device != PROCESSOR:
            raise ValueError(f"device {self.device}: the task {task.name!r} works on the processor alone: leave the device out")
        task = task.of_size(self.size or task.size)
        task = task.at_first_look() if self.quick else task
        steps = max(5, round(self.effort * task.outer.steps))
        return task.restated(
            data=task.data.to(self.device),
            shifts={name: part.to(self.device) for name, part in task.shifts.items()},
            test_blocks=self.test_blocks or task.test_blocks,
            outer=replace(task.outer, steps=steps, validate_every=min(task.outer.validate_every, steps)),
        )


def header(task: StatedTask, seed: int) -> dict[str, Any]:
    """Return what is known of a set before any work."""
    later: dict[str, Any] = {} if task.teachers is None else {LABELS: str(task.teachers)}
    later |= {TRAININGS: settings_of(task.ways(task.learner_names[0]), task.trainings)} if task.trainings else {}
    return {
        "task": task.name,
        "protocol": STATED,
        **remembered_module(task.source),
        "seed": seed,
        "learner": task.learner_names[0],
        "columns": {field: list(names) for field, names in task.meanings.items()},
        "asked": {"size": task.size, "steps": task.outer.steps, "distance": distance_name(task.distance), **later},
        "versions": {"pinndd": __version__, "torch": torch.__version__.split("+")[0]},
    }


def baseline_sets(task: StatedTask, seed: int, progress: Progress = quiet) -> dict[str, SyntheticData]:
    """Return the sets of all baselines at the size of the task, by name; the progress is called with each."""
    wanted, step = named_baselines(task), f"{task.name}: making baselines, seed {seed}"
    sets: dict[str, SyntheticData] = {}
    progress(step, 0, len(wanted), None)
    for name, baseline in wanted.items():
        sets[name] = make(task, name, baseline, task.size, seed)
        progress(step, len(sets), len(wanted), None)
    return sets


def distill_task(
    task: StatedTask,
    seed: int,
    *,
    sets: Mapping[str, SyntheticData] | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Progress = quiet,
) -> Distillation:
    """Distill one set, from the baseline that is best on the validation part; the test part is not looked at.

    Args:
        task: at the size that is wanted, see `StatedSettings.applied_to`.
        seed: of the distillation.
        sets: baselines to start from (None: they are made).
        checkpoint, resume: as in `pinndd.distill`.
        progress: called often.

    Returns:
        The set, with its own labels or those of the task's teachers, whichever err less on the validation part; its header says which
        (`LABELS`) and both errors (`TRIED`), and which way of training suits it (`TRAININGS`). Risk and history are those of the set
        with its own labels.

    Raises:
        DivergedError: the outer loop diverged; its best set is on the exception, with its own labels, and says so in its header.
    """
    found = _unlabelled(task, seed, baseline_sets(task, seed, progress) if sets is None else sets, checkpoint, resume, progress)
    return _finished(task, found, {}, seed, progress)[0]


def _finished(
    task: StatedTask, found: Distillation, sets: Mapping[str, SyntheticData], seed: int, progress: Progress
) -> tuple[Distillation, dict[str, SyntheticData]]:
    """Return what was distilled with the labels and the training that suit it, and every other set with labels of the task's teachers.

    Training the teachers, and trying labels and ways of training, count as distilling. Where the task has neither, what was distilled
    stays as it is; without teachers there are no other sets.
    """
    if task.teachers is None and not task.trainings:
        return found, {}
    started = time.perf_counter()
    tried, labelled = {OWN: found.data}, {}
    if task.teachers is not None:
        step = f"{task.name}: training teachers, seed {seed}"
        progress(step, 0, 1, None)
        labelled = task.teachers.label({DISTILLED: found.data, **sets}, task.data.train, task.teacher, seed)
        progress(step, 1, 1, None)
        # a draw is the teachers', whom the task asks for
        tried = {str(task.teachers): labelled.pop(DISTILLED), OWN: found.data}
    errors: dict[str, float] = {}
    for name, data in tried.items():
        step = f"{task.name}: trying {'labels' if len(tried) > 1 else 'ways of training'}, seed {seed}"
        progress(step, len(errors), len(tried), None)
        tried[name] = with_training(task, task.learner_names[0], data, seed)
        errors[name] = error_in_validation(task, tried[name], seed)
        progress(step, len(errors), len(tried), errors[name])
    kept = least_of(errors)
    labels = {} if task.teachers is None else {LABELS: kept, TRIED: finite(errors)}
    seconds = found.seconds + time.perf_counter() - started
    chosen = tried[kept].with_header(**labels, seconds=round(seconds, 3))
    return replace(found, data=chosen, seconds=seconds), {name + WITH_LABELS: each for name, each in labelled.items()}


def _unlabelled(
    task: StatedTask, seed: int, sets: Mapping[str, SyntheticData], checkpoint: Path | None, resume: bool, progress: Progress
) -> Distillation:
    """Search a set, or distill it from the best of some sets."""
    started = time.perf_counter()
    if task.search is not None:
        return _searched(task, seed, sets, checkpoint if resume else None, checkpoint, progress)
    problem, validation = task.problem(), validation_blocks(task, task.asking(task.data.validation), 0)
    with torch.no_grad():
        best = least_of({name: float((task.judge or problem).evaluate(data, validation)) for name, data in sets.items()})
    start = softened(sets[best], task.smoothing)
    start = replace(start, header={**header(task, seed), "start": best})
    outer: OuterSettings = replace(task.outer, seed=seed)
    before = time.perf_counter() - started
    found = distill(
        problem,
        start,
        hypergradient=task.estimator,
        validation=[validation],
        judge=task.judge,
        settings=outer,
        checkpoint=checkpoint,
        resume=resume,
        progress=lambda step, risk: progress(f"{task.name}: distilling, seed {seed}", step, outer.steps, risk),
    )
    seconds = found.seconds + before
    return replace(found, data=found.data.with_header(seconds=round(seconds, 3)), seconds=seconds)


def _searched(
    task: StatedTask, seed: int, sets: Mapping[str, SyntheticData], found_before: Path | None, keep: Path | None, progress: Progress
) -> Distillation:
    """Search a set, or read the one that was found before; it is kept as soon as it is found."""
    if found_before is not None and found_before.is_file():
        data = SyntheticData.load(found_before)
        return Distillation(data, data.header["risk"], list(data.header["history"]), data.header["seconds"])
    assert task.search is not None
    started = time.perf_counter()
    with calling(f"task {task.name!r}: search", task.search, part=task.search):
        found = task.search(
            task, sets, seed, lambda step, steps, risk: progress(f"{task.name}: searching, seed {seed}", step, steps, risk)
        )
    seconds = time.perf_counter() - started
    known = {**header(task, seed), **found.data.header, "seconds": round(seconds, 3), "risk": found.risk, "history": found.history}
    data = replace(found.data, header={"start": "search", **known})
    if keep is not None:
        keep.parent.mkdir(parents=True, exist_ok=True)
        data.save(keep)
    return replace(found, data=data, seconds=seconds)


def run_stated(
    task: StatedTask,
    settings: StatedSettings | None = None,
    *,
    progress: Progress = quiet,
    checkpoints: Path | None = None,
    resume: bool = False,
) -> Outcome:
    """Distill for every seed, train every learner on every set, and test once.

    Args:
        task: one that can be used, see `pinndd.study.stated.checks.require_usable`.
        settings: see `StatedSettings`.
        progress: called often.
        checkpoints: folder for the states of the outer loops.
        resume: continue from those that are there.

    Raises:
        DivergedError: an outer loop diverged.
    """
    settings = settings or StatedSettings()
    whole, task = task, settings.applied_to(task)
    before, found = [], []
    sets: list[dict[str, SyntheticData]] = []
    for seed in range(settings.seed, settings.seed + settings.seeds):
        given = baseline_sets(task, seed, progress)
        checkpoint = None if checkpoints is None else checkpoints / f"seed-{seed}.npz"
        before.append(_unlabelled(task, seed, given, checkpoint, resume, progress))
        own, others = _finished(task, before[-1], given, seed, progress)
        found.append(own)
        sets.append({DISTILLED: own.data, **given, **others, DENSE: task.data.train})
    rows = []
    trained, total = 0, settings.seeds * (len(task.learners) * len(sets[0]) + len(task.on_full_data))
    for seed, own_sets in enumerate(sets, settings.seed):
        for learner in task.learners:
            usual = dict.fromkeys(task.on_full_data, task.data.train) if learner == task.learner_names[0] else {}
            for method in (*own_sets, *usual):
                if method not in fixed_learners(task):
                    told = f"{task.name}: choosing how {learner} trains on {method}, seed {seed}"
                    own_sets[method] = with_training(task, learner, own_sets[method], seed, progress, told)
                rows.append(judged(task, learner, method, own_sets.get(method, task.data.train), seed))
                trained += 1
                progress(f"{task.name}: testing", trained, total, None)
    results = as_table(pd.concat(rows))
    test = blocks(task.asking(task.data.test), task.test_blocks, TEST)
    summary = one_set_each(summarise(results, distance_name(task.measure)))
    inside = (summary["learner"] == task.learner_names[0]) & (summary["shift"] == NO_SHIFT)
    best = str(summary.loc[inside & (summary["method"] == DISTILLED), "baseline"].iloc[0])
    return Outcome(
        protocol=STATED,
        results=results,
        data=[each[DISTILLED] for each in sets],
        best_baseline=best,
        baseline_data=sets[0].get(best),
        # a search has no outer loop to draw
        histories=[each.history for each in found] if task.search is None else [],
        distill_seconds=[each.seconds for each in found],
        examples=[],
        settings={f"seed {each.data.header['seed']}": {"start": each.data.header["start"]} for each in found},
        notes=[
            *(first_look(whole, task, settings.seeds) if settings.quick else []),
            *sentences(task, before[0].data, sets, summary, test),
        ],
        distance=distance_name(task.measure),
    )
