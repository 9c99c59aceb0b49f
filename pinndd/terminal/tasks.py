"""The commands on a stated task: check, list, distill, study, evaluate, export, plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
import typer
from rich.console import Console
from rich.markup import escape

from pinndd.data import DataFileError, SyntheticData
from pinndd.devices import AUTO, PROCESSOR, chosen_device, require_device
from pinndd.outer_loop import DivergedError, divergence, require_resumable
from pinndd.pinn.declare.loading import MODULE, SOURCE, difference, docstring_of
from pinndd.stated.export import write_examples
from pinndd.stated.parts import TARGETS, example_count, require_alike, require_same_meaning
from pinndd.stated.task import StatedTask
from pinndd.stated.teachers import LABELS, OWN, TRIED
from pinndd.study.protocols.parts import distance_name, require_each_once, unknown
from pinndd.study.results import words
from pinndd.study.results.run_folder import CONFIG, RunFolder
from pinndd.study.results.summary import summarise
from pinndd.study.results.table import DISTILLED, NO_SHIFT, as_table
from pinndd.study.results.writing import write_csv
from pinndd.study.run_task import publish_task, require_ready, run_ready, stored_sensitivity
from pinndd.study.stated.checks import check_task, require_usable
from pinndd.study.stated.engine import StatedSettings, distill_task, header
from pinndd.study.stated.judging import chosen_again, in_validation, judged, with_training
from pinndd.study.stated.sentences import labels_said, trainings_said
from pinndd.terminal.distilling import is_finished, require_free, state_in_words
from pinndd.terminal.errors import checking_input, warn, working
from pinndd.terminal.evaluating import ANOTHER
from pinndd.terminal.output import go_on_in_words, kept_in_words, require_writable, table_console, writing_to
from pinndd.terminal.progress import ProgressBars
from pinndd.terminal.settings import Options
from pinndd.terminal.studying import DRAW_AGAIN, place_of_run, repeated
from pinndd.terminal.subjects import again, images_at, remembered_subject
from pinndd.terminal.tables import comparison_table, error_table
from pinndd.terminal.verdict import tell

OF_TASKS = ("size", "per_class", "network", "seeds", "seed", "device", "quick", "full", "sensitivity")
"""Options that a stated task has."""

QUICK_EFFORT = 0.2


def list_task(name: str, task: StatedTask) -> None:
    """Print one task in full."""
    console = Console(highlight=False, soft_wrap=True)
    text = task.title if images_at(name) is not None else docstring_of(name) or task.title
    console.print(f"[bold]{escape(task.name)}[/]: {escape(text)}\n" if text else f"[bold]{escape(task.name)}[/]")
    parts = ", ".join(f"{part} {example_count(data)}" for part, data in task.data.named.items())
    shapes = ", ".join(f"{field} {tuple(value.shape[1:])}" for field, value in task.data.train.fields.items())
    lines = [f"examples: {parts}; each has {shapes}", f"distilled set: {task.size} examples"]
    lines += [f"learner {learner}: {each.differentiation}" for learner, each in task.learners.items()]
    lines += [f"judge {judge}, by pinndd evaluate --judge {judge}" for judge in task.judges]
    lines += [f"distance: {type(task.distance).__name__}; tables: {type(task.measure).__name__}; risk: {type(task.risk).__name__}"]
    lines += [f"baselines: {', '.join(task.baselines)}"]
    lines += [f"a set is trained in the way that suits it: {'; '.join(task.trainings)}"] if task.trainings else []
    lines += [] if task.teachers is None else [f"labels: {task.teachers}"]
    lines += [f"shift {shift}: {example_count(data)} examples" for shift, data in task.shifts.items()]
    for line in lines:
        console.print(line, markup=False)


def check_one(name: str, task: StatedTask, per_class: int | None = None) -> None:
    """Print what is wrong with a task; exit with 2 if it cannot be used."""
    with checking_input(), ProgressBars():
        settings = task_settings(task, Options(per_class=per_class))
        findings = list(check_task(settings.applied_to(task)))
    tell(f"task {task.name!r}", name, findings, task.remarks)


def task_settings(task: StatedTask, options: Options, protocol: str | None = None) -> StatedSettings:
    """Return the settings of a study of a task.

    Raises:
        ValueError: an option that only makes sense for PDEs, or a number out of range.
    """
    given = [f.name for f in fields(options) if getattr(options, f.name) not in (None, False, ()) and f.name not in OF_TASKS]
    given += ["protocol"] * (protocol is not None)
    if given:
        named = {"judges": "judge"}.get(given[0], given[0]).replace("_", "-")
        known = ", ".join(f"--{name.replace('_', '-')}" for name in OF_TASKS)
        raise ValueError(f"--{named}: it is for PDEs, and {task.name!r} is a stated task, whose module says that; it has {known}")
    if options.quick and options.full:
        raise ValueError("--quick and --full exclude each other: choose one")
    size, most = _size(task, options), task.data.count
    if size is not None and not 1 <= size < most:
        said = f"--size {options.size}" if options.per_class is None else f"--per-class {options.per_class}: that is {size} in all"
        raise ValueError(f"{said}: expected a whole number from 1 to below the {most} training examples")
    for name, least in (("seeds", 1), ("seed", 0)):
        if (value := getattr(options, name)) is not None and value < least:
            raise ValueError(f"--{name} {value}: expected a whole number from {least} on")
    usual = StatedSettings()
    seeds = 1 if options.quick else 5 if options.full else usual.seeds
    asked = options.device or AUTO
    if asked == AUTO and task.processor:
        asked = PROCESSOR
    double = any(value.dtype == torch.float64 for value in task.data.train.fields.values())
    require_device(asked, called="--device", double=double)
    choice = chosen_device(asked, None)
    if choice.why:
        typer.echo(choice.why)
    return StatedSettings(
        seeds=options.seeds or seeds,
        size=size,
        effort=QUICK_EFFORT if options.quick else 1.0,
        quick=options.quick,
        sensitivity=options.sensitivity,
        device=choice.device,
        seed=options.seed or 0,
    )


def _size(task: StatedTask, options: Options) -> int | None:
    """Return the number of examples that was asked for.

    Raises:
        ValueError: it was asked for twice, or by class of a task that has none.
    """
    if options.per_class is None:
        return options.size
    if options.size is not None:
        raise ValueError(f"--size {options.size} and --per-class {options.per_class} exclude each other: choose one")
    if not task.probabilities:
        raise ValueError(f"--per-class {options.per_class}: the task {task.name!r} has values, no classes: give --size")
    return options.per_class * task.data.train[TARGETS].shape[-1]


def distill_one(
    task: StatedTask, protocol: str | None, out: Path | None, options: Options, resume: bool, overwrite: bool
) -> None:
    """Distill one set and save it."""
    with checking_input():
        settings = task_settings(task, options, protocol)
        sized = settings.applied_to(task)
        path = out or Path(f"{task.name}.npz")
        checkpoint = path.with_suffix(".checkpoint.npz")
        if resume and is_finished(path, checkpoint, header(sized, settings.seed)):
            return
        require_free(path, checkpoint, resume=resume, overwrite=overwrite)
        require_usable(sized, sized.size)
    with writing_to("--out", path):
        with checking_input():
            if overwrite:
                checkpoint.unlink(missing_ok=True)
            if checkpoint.exists() and sized.search is None:
                require_resumable(checkpoint, header(sized, settings.seed))
        with working(lambda: state_in_words(checkpoint, overwrite)), ProgressBars() as bars:
            try:
                found = distill_task(sized, settings.seed, checkpoint=checkpoint, resume=resume, progress=bars)
            except DivergedError as error:
                error.best.save(path)
                raise RuntimeError(f"{error} (it is saved as {path}, which says that it diverged)") from error
            found.data.save(path)
            expected = in_validation(sized, found.data, settings.seed)
            checkpoint.unlink(missing_ok=True)
    console = table_console()
    sizes = ", ".join(f"{name} {tuple(found.data[name].shape)}" for name in found.data.learnable or found.data.fields)
    console.print(f"{task.name}: distilled {sizes}\nsaved: {path}", soft_wrap=True, markup=False)
    if sized.teachers is not None:
        console.print(labels_said(sized, [found.data]), soft_wrap=True, markup=False)
    for said in trainings_said(sized, [{DISTILLED: found.data}]):
        console.print(said, soft_wrap=True, markup=False)
    console.print(f"error {expected}; distilled in {words.seconds(found.seconds)}", soft_wrap=True, markup=False)


def study_one(
    task: StatedTask,
    protocol: str | None,
    out: Path | None,
    options: Options,
    resume: bool,
    overwrite: bool,
    words_typed: Sequence[str],
    results: Path | None,
) -> None:
    """Run a study and print what came out."""
    with checking_input():
        settings = task_settings(task, options, protocol)
        if results is not None:
            raise ValueError("--results: the benchmark file holds PDEs alone; a stated task has its run folder, name it with --out")
        path = place_of_run(task.name, out, resume=resume, overwrite=overwrite)
        require_ready(task, settings)
    command = repeated(words_typed)
    with working(go_on_in_words(command, path / CONFIG, overwrite)), ProgressBars() as bars:
        folder = run_ready(task, path, settings, progress=bars, resume=resume, overwrite=overwrite, command=command)
        (outcome,) = folder.outcomes()
    console = table_console()
    console.print("\nerror of the distilled set against the best baseline of its size, and their ratio")
    console.print(comparison_table(outcome.summary))
    console.print("of dense: error of all training data ÷ error of the distilled set", soft_wrap=True, markup=False)
    console.print(error_table(outcome.summary, methods=True))
    for note in outcome.notes:
        console.print(note, soft_wrap=True, markup=False)
    if settings.sensitivity:
        console.print("\nrisk of sets that were distilled for one variant of the task (rows), under each (columns)")
        console.print(str(stored_sensitivity(folder)), soft_wrap=True, markup=False)
    mean = sum(outcome.distill_seconds) / len(outcome.distill_seconds)
    console.print(f"distilling took {words.seconds(mean)} per seed\nreport: {path / 'report.html'}", soft_wrap=True, markup=False)


def open_set(path: Path, module: str | None) -> tuple[SyntheticData, StatedTask]:
    """Read a set and load its task.

    Args:
        path: of the ``.npz``.
        module: name or path of the module, which is executed (None: what the set remembers, if that is safe).

    Raises:
        DataFileError: the set is not what the task needs.
        PDEModuleError: the module is not found, has moved or was edited.
        ValueError: the module defines another task.
    """
    data = SyntheticData.load(path)
    found = task_of(f"{path} was distilled for", data.header, path, module)
    try:
        require_alike(found.data.train, data, "distilled")
        require_same_meaning(found.meanings, data)
        if found.at_size is not None:
            found = found.of_size(example_count(data))
    except ValueError as error:
        raise DataFileError(f"{path} does not fit the task {found.name!r}: {error}") from error
    if said := divergence(data):
        warn(said)
    has, gives = data.header.get(LABELS, OWN), str(found.teachers or OWN)
    tried = data.header.get(TRIED)
    if gives not in (tried if isinstance(tried, Mapping) else (has,)):
        warn(f"{path}: the labels of the set are {has}, and its task gives {gives} now: it is taken as it is, or distil again")
    return data, found


def task_of(which: str, stored: Mapping[str, Any], file: Path, module: str | None) -> StatedTask:
    """Load the task of a set or of a run, and warn where its module is another one than it was.

    Args:
        which: set or run, as the beginning of a sentence that ends with a task.
        stored: name, module and checksum of its task, as its file has them.
        file: that has them.
        module: see `open_set`.

    Raises:
        PDEModuleError: the module is not found, has moved or was edited.
        ValueError: the module defines another task.
    """
    found = remembered_subject(stored, file) if module is None else again(module, stored)
    wanted = stored.get("task")
    if isinstance(found, StatedTask) and isinstance(wanted, str) and found.source and found.source.checksum == stored.get(SOURCE):
        # images and tables are called after their folder or file, which may have another name by now
        found = found.restated(name=wanted)
    if not isinstance(found, StatedTask) or found.name != wanted:
        raise ValueError(f"{which} the task {wanted!r}, --pde gives {found.name!r}: name the module of {wanted!r}")
    if said := difference(found, stored, file, given=module is not None):
        warn(said)
    return found


def evaluate_set(
    path: Path,
    module: str | None,
    learner: str | None,
    shifts: Sequence[str],
    solutions: Path | None,
    out: Path | None,
    options: Options,
) -> None:
    """Train on a distilled set, ask the test part, and print the errors."""
    with checking_input():
        if solutions is not None:
            raise ValueError(f"--solutions: {path} is the set of a stated task; only sets of the protocol solved take solutions back")
        require_each_once(f"--shift {' --shift '.join(shifts)}", shifts)
        data, task = open_set(path, module)
        settings = task_settings(task, options)
        task = settings.applied_to(task)
        known = [NO_SHIFT, *task.shifts]
        for shift in shifts:
            if shift not in known:
                raise ValueError(f"--shift {shift}: task {task.name!r} has no such shift; expected one of {', '.join(known)}")
        if out is not None:
            require_writable("--out", out, overwrite=None)
        name = learner or task.learner_names[0]
        if name not in (known_learners := {**task.learners, **task.judges}):
            raise unknown("learner", name, known_learners)
        task = task.with_judge(name)
        if why := chosen_again(task, name, data):
            then = "it is chosen again" if task.trainings else f"{name} trains as it is stated"
            warn(f"{path}: {why}: {then}; for the errors of then, name by --pde a module that states its training as it was")
    with writing_to("--out", out), working(kept_in_words(out, otherwise=ANOTHER)), ProgressBars() as bars:
        seed = int(data.header.get("seed", 0))
        told = f"{task.name}: choosing how {name} trains on the set"
        data = with_training(task, name, data.to(settings.device), seed, bars, told)
        bars(f"{task.name}: training {name}", 0, 1, None)
        rows = judged(task, name, DISTILLED, data, seed)
        rows = as_table(rows[rows["shift"].isin(shifts)]) if shifts else rows
        if out is not None:
            write_csv(rows, out, distance_name(task.measure))
    console = table_console()
    console.print(error_table(summarise(rows, distance_name(task.measure))))
    for said in trainings_said(task.restated(learner={name: task.learners[name]}), [{DISTILLED: data}]):
        console.print(said, soft_wrap=True, markup=False)


def export_set(path: Path, module: str | None, to: str, out: Path | None, overwrite: bool) -> None:
    """Write the examples of a set as CSV."""
    with checking_input():
        if to != "csv":
            raise ValueError(f"--to {to}: the set of a stated task is exported as csv alone")
        data, task = open_set(path, module)
        target = out or path.with_suffix(".csv")
        if target.suffix != ".csv":
            raise ValueError(f"--out {target}: the export is a CSV file; name it {target.with_suffix('.csv')}")
        require_writable("--out", target, overwrite=overwrite)
    with writing_to("--out", target), working(kept_in_words(target)):
        write_examples(task, data, target)
    Console(highlight=False).print(f"wrote {target}", soft_wrap=True, markup=False)


def plot_run(folder: RunFolder, module: str | None) -> None:
    """Draw the pictures of a run of a task anew, and write its report anew."""
    with checking_input():
        config = folder.config
        stored = {"task": config.pde, MODULE: config.module, SOURCE: config.source}
        task = task_of(f"run {folder.path} is about", stored, folder.config_file, module)
        if not folder.outcomes():
            raise ValueError(f"run {folder.path} is not finished yet: go on with: {config.going_on(folder.path)}")
    with working(DRAW_AGAIN), folder.locked(), ProgressBars() as bars:
        publish_task(task, folder, bars)
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"pictures: {folder.figures}\nreport:   {folder.path / 'report.html'}")
