"""A whole comparison: settings of the training chosen on a baseline, a set distilled, every method trained and judged alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import torch

from pinndd.data import SyntheticData
from pinndd.devices import AUTO, PROCESSOR
from pinndd.outer_loop import OuterSettings
from pinndd.stated.teachers import TeacherLabels
from pinndd.storage.reading import Reading
from pinndd.storage.writing import write_json
from pinndd.study.classification.baselines import all_training_data, herding, k_center, k_means, random_samples
from pinndd.study.classification.dataset import hard_labels, without_test
from pinndd.study.classification.devices import settled
from pinndd.study.classification.distilling import ClassificationSettings, distill_examples
from pinndd.study.classification.evaluation import evaluate, markdown, summarise
from pinndd.study.classification.labels import (
    trained_teachers,
    with_learned_labels,
    with_teacher_labels,
)
from pinndd.study.classification.metrics import LabelRobustness
from pinndd.study.classification.protocol import EvaluationProtocol
from pinndd.study.classification.repetitions import paired_differences, student_interval
from pinndd.study.classification.tuning import most_accurate
from pinndd.study.results.intervals import Interval
from pinndd.study.results.run_config import hardware, versions
from pinndd.study.results.writing import json_records
from pinndd.vision.datasets import Dataset

DISTILLED = "distilled"
ALL_DATA = "all data"
TAUGHT = "random + teacher labels"
LEARNED = "random + learned labels"
BASELINES = ("random", "k-means", "herding", "k-center", TAUGHT, LEARNED)

Report = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class MethodComparison:
    """What a comparison found.

    Attributes:
        dataset: name.
        protocol: how networks were trained, but for what was chosen for each set.
        protocols: how networks were trained on each set, by method.
        sets: by method.
        rows: one per method, network and seed, as `pinndd.study.classification.evaluate` returns them; on the test part.
        robustness: of the distilled set.
        seconds: that distilling took, wall time.
        device: that all was computed on.
    """

    dataset: str
    protocol: EvaluationProtocol
    protocols: Mapping[str, EvaluationProtocol]
    sets: Mapping[str, SyntheticData]
    rows: pd.DataFrame
    robustness: LabelRobustness | None
    seconds: float
    device: str = PROCESSOR

    def mean(self, method: str, trained_with: str | None = None) -> float:
        """Return the mean accuracy of a method with a network; None: that of the protocol."""
        return _mean(self.rows, method, trained_with or self.protocol.name)

    def gain(self, other: str) -> Interval:
        """Return by how much the distilled set is more accurate than another, paired by seed, with its 95 % interval."""
        rows = self.rows[self.rows["trained_with"] == self.protocol.name]
        return student_interval(paired_differences(rows, "accuracy", DISTILLED, other, by="method", common=["seed"]))

    def markdown(self) -> str:
        """Return the table of all methods and networks."""
        return markdown(summarise(self.rows))


def baseline_sets(
    dataset: Dataset,
    per_class: int,
    protocol: EvaluationProtocol,
    *,
    names: Sequence[str] | None = None,
    teachers: EvaluationProtocol | None = None,
    labels: TeacherLabels | None = None,
    seed: int = 0,
    label_steps: int = 100,
    device: torch.device | str = AUTO,
) -> dict[str, SyntheticData]:
    """Return baselines by their names: chosen examples, and random ones with the labels of teachers or learned ones.

    Args:
        dataset: of which the training part is used.
        per_class: examples per class.
        protocol: of the networks.
        names: of those that are wanted; None: all of `BASELINES`.
        teachers: protocol of the networks that label; None: the same.
        labels: of those teachers; None: their probabilities.
        seed: of the draws.
        label_steps: of the outer loop that learns labels.
        device: of the training, or ``auto``, see `pinndd.devices.chosen_device`.

    Raises:
        ValueError: a name is unknown.
    """
    unknown = [name for name in names or () if name not in BASELINES]
    if unknown:
        raise ValueError(f"baseline {unknown[0]!r} is unknown, expected some of {', '.join(BASELINES)}")
    drawn = random_samples(dataset, per_class, torch.Generator().manual_seed(seed))

    def taught() -> SyntheticData:
        return with_teacher_labels(drawn, trained_teachers(dataset, teachers or protocol, device=device), labels)

    def learned() -> SyntheticData:
        model = protocol.model(dataset.shape, len(dataset.classes))
        learner = protocol.learner(model)
        where = settled(device, model, networks=2, examples=len(drawn["targets"]))
        looks = max(1, label_steps // 10)
        settings = OuterSettings(steps=label_steps, batch=2, learning_rate=0.1, validate_every=looks, seed=seed)
        return with_learned_labels(drawn.to(where), dataset.to(where), learner, settings=settings)

    makers: dict[str, Callable[[], SyntheticData]] = {
        "random": lambda: drawn,
        "k-means": lambda: k_means(dataset, per_class, seed=seed),
        "herding": lambda: herding(dataset, per_class),
        "k-center": lambda: k_center(dataset, per_class),
        TAUGHT: taught,
        LEARNED: learned,
    }
    return {name: makers[name]() for name in names or BASELINES}


def compare(
    dataset: Dataset,
    protocol: EvaluationProtocol,
    settings: ClassificationSettings,
    *,
    inner: EvaluationProtocol | None = None,
    candidates: Sequence[EvaluationProtocol] = (),
    baselines: Sequence[str] | None = None,
    others: Sequence[EvaluationProtocol] = (),
    label_steps: int = 100,
    ceiling: bool = True,
    device: torch.device | str = AUTO,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[int, float], None] | None = None,
    report: Report = lambda text: None,
) -> MethodComparison:
    """Distill, make every baseline of the same size, train networks on all of them as the protocol says, and test them once.

    Args:
        dataset: both parts.
        protocol: of the networks that are judged.
        settings: of the distillation.
        inner: of the networks in the outer loop and of teachers, such as narrower ones; None: the same.
        candidates: ways of training the network of the protocol, of which each set gets the one that suits it best, baselines and
            distilled set alike: learning rates, steps, augmentations. They are judged, by as many networks as they say, on the share
            of the training part that chooses the iterate of the outer loop. Empty: the protocol for every set.
        baselines: names, of those in `baseline_sets`; None: all.
        others: protocols of other networks, which are trained on every set too, in the way chosen for the set.
        label_steps: of the baseline that learns labels.
        ceiling: whether to train on all data; `LabelRobustness` follows from that where labels are learned for random examples.
        device: of everything, or ``auto``, see `pinndd.devices.chosen_device`.
        checkpoint, resume, progress: of the outer loop.
        report: called with a word on what is done.
    """
    model = (inner or protocol).model(dataset.shape, len(dataset.classes))
    device = settled(device, model, networks=settings.episodes, examples=settings.per_class * len(dataset.classes))
    report("distilling")
    begun = time.perf_counter()
    found = distill_examples(
        dataset,
        inner or protocol,
        settings,
        stored=protocol,
        device=device,
        checkpoint=checkpoint,
        resume=resume,
        progress=progress,
    )
    seconds = time.perf_counter() - begun
    report("baselines")
    plain = replace(protocol, loss="cross-entropy")
    sets = baseline_sets(
        dataset,
        settings.per_class,
        plain,
        names=baselines,
        teachers=inner,
        labels=settings.teacher_labels,
        seed=settings.seed,
        label_steps=label_steps,
        device=device,
    )
    sets[DISTILLED] = found.data
    held = without_test(dataset, settings.held_out, settings.seed, most=settings.judged_on) if len(candidates) > 1 else None
    evaluated: list[pd.DataFrame] = []
    protocols: dict[str, EvaluationProtocol] = {}
    for name, data in sets.items():
        loss = protocol.loss if name == DISTILLED else plain.loss
        ways = [replace(each, loss=loss).on(dataset) for each in (candidates or (protocol,))]
        own = ways[0]
        if held is not None:
            report(f"choosing how to train on {name}")
            own = most_accurate(ways, data, held, device=device)
        own = protocols[name] = replace(own, retrainings=protocol.retrainings)
        wider = [replace(own, architecture=other.architecture, options=other.options) for other in others]
        for how in (own, *wider):
            report(f"training on {name}, {how.name}")
            evaluated.append(evaluate(data, dataset, protocol=how, method=name, device=device))
    sets[DISTILLED] = protocols[DISTILLED].store(found.data)
    measured = None
    if ceiling:
        report(f"training on {ALL_DATA}")
        everything = protocol.for_all_data()
        evaluated.append(evaluate(all_training_data(dataset), dataset, protocol=everything, method=ALL_DATA, device=device))
    rows = pd.concat(evaluated, ignore_index=True)
    if ceiling and LEARNED in sets:
        hardened = evaluate(hard_labels(found.data), dataset, protocol=protocols[DISTILLED], device=device)
        real, mine, drawn = (_mean(rows, name, protocol.name) for name in (ALL_DATA, DISTILLED, LEARNED))
        measured = LabelRobustness(real, float(hardened["accuracy"].mean()), mine, drawn)
    return MethodComparison(dataset.name, protocol, protocols, sets, rows, measured, seconds, str(device))


def _mean(rows: pd.DataFrame, method: str, network: str) -> float:
    return float(rows.loc[(rows["method"] == method) & (rows["trained_with"] == network), "accuracy"].mean())


def save_comparison(path: Path, comparison: MethodComparison, settings: ClassificationSettings) -> None:
    """Add rows, settings, versions and hardware to a file of results; what the file holds of other settings is kept.

    Args:
        path: of the file.
        comparison: to add.
        settings: of the distillation.

    Raises:
        FileError: there is a file that is damaged.
    """
    known = _known_runs(path) if path.exists() else []
    own = {"dataset": comparison.dataset, "per_class": settings.per_class, "method": settings.method}
    record = {
        **own,
        "settings": asdict(settings),
        "protocol": asdict(comparison.protocol),
        "chosen": {name: _chosen(own) for name, own in comparison.protocols.items()},
        "distilling_seconds": round(comparison.seconds, 1),
        "hardware": described(comparison.device),
        "versions": versions(),
        "label_robustness": asdict(comparison.robustness) if comparison.robustness else None,
        "rows": json_records(comparison.rows),
    }
    kept = [each for each in known if any(each.get(name) != value for name, value in own.items())]
    write_json(path, {"runs": [*kept, record]})


class _Runs(msgspec.Struct):
    runs: list[dict[str, Any]]


def _known_runs(path: Path) -> list[dict[str, Any]]:
    """Return the runs in a file of results.

    Raises:
        FileError: the file is damaged.
    """
    reading = Reading(path, "move it away, or name another file")
    return reading.typed(reading.json(reading.content()), _Runs).runs


def described(device: torch.device | str) -> str:
    """Name the accelerator, or the processor with the threads that torch uses."""
    found = hardware(str(device))
    return str(found.get("accelerator", f"{found['processor']} processor, {torch.get_num_threads()} threads"))


def _chosen(protocol: EvaluationProtocol) -> dict[str, Any]:
    return {name: getattr(protocol, name) for name in ("steps", "learning_rate", "augmentation")}
