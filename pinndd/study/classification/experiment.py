"""A whole comparison: settings of the training chosen on a baseline, a set distilled, every method trained and judged alike."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from pinndd.checkpoint import write_json
from pinndd.data import SyntheticData
from pinndd.outer_loop import OuterSettings
from pinndd.study.classification.baselines import all_training_data, herding, k_center, k_means, random_samples
from pinndd.study.classification.dataset import hard_labels
from pinndd.study.classification.distilling import ClassificationSettings, distil_examples
from pinndd.study.classification.evaluation import Row, evaluate, markdown, summarise
from pinndd.study.classification.labels import (
    TeacherLabels,
    trained_teachers,
    with_learned_labels,
    with_teacher_labels,
)
from pinndd.study.classification.metrics import LabelRobustness
from pinndd.study.classification.protocol import EvaluationProtocol
from pinndd.study.run_config import hardware, versions
from pinndd.vision.datasets import Dataset, stratified_split

DISTILLED = "distilled"
ALL_DATA = "all data"
TAUGHT = "random + teacher labels"
LEARNED = "random + learned labels"
BASELINES = ("random", "k-means", "herding", "k-center", TAUGHT, LEARNED)

Report = Callable[[str], None]


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes:
        dataset: name.
        protocol: how networks were trained, but for what was chosen for each set.
        protocols: how networks were trained on each set, by method.
        sets: by method.
        rows: one a method, network and seed; on the test part.
        robustness: of the distilled set.
        seconds: that distilling took, wall time.
    """

    dataset: str
    protocol: EvaluationProtocol
    protocols: Mapping[str, EvaluationProtocol]
    sets: Mapping[str, SyntheticData]
    rows: tuple[Row, ...]
    robustness: LabelRobustness | None
    seconds: float

    def mean(self, method: str, trained_with: str | None = None) -> float:
        """Return the mean accuracy of a method with a network; None: that of the protocol."""
        return _mean(self.rows, method, trained_with or self.protocol.name)

    def markdown(self) -> str:
        """Return the table of all methods and networks."""
        return markdown(summarise(self.rows))


def tuned(
    protocol: EvaluationProtocol,
    dataset: Dataset,
    per_class: int,
    *,
    steps: Sequence[int],
    rates: Sequence[float],
    held_out: float = 0.2,
    judged_on: int = 2000,
    device: torch.device | str = "cpu",
) -> EvaluationProtocol:
    """Return the protocol with the steps and the learning rate that suit the k-means baseline best.

    Networks are trained on the centres of one part of the training part and judged on the other, so that neither a distilled set
    nor the test part has a say.

    Args:
        protocol: all other settings.
        dataset: of which the training part is used.
        per_class: examples a class.
        steps, rates: to choose from.
        held_out: share that judges.
        judged_on: most examples of it that are asked about.
        device: of the training.
    """
    inner = _without_test(dataset, held_out, judged_on, protocol.seed)
    centres = k_means(inner, per_class, seed=protocol.seed, restarts=1)
    candidates = [replace(protocol, steps=count, learning_rate=rate) for count in steps for rate in rates]
    return most_accurate(candidates, centres, inner, device=device)


def most_accurate(
    candidates: Sequence[EvaluationProtocol],
    data: SyntheticData,
    dataset: Dataset,
    *,
    device: torch.device | str = "cpu",
) -> EvaluationProtocol:
    """Return the protocol whose networks, trained on a set, are most accurate on the test part of ``dataset``: the first of equals.

    Args:
        candidates: to choose from.
        data: the set.
        dataset: whose test part is none: examples held out of a training part.
        device: of the training.
    """

    def accuracy(protocol: EvaluationProtocol) -> float:
        rows = evaluate(data, dataset, protocol=protocol, device=device)
        return sum(row.accuracy for row in rows) / len(rows)

    return max(candidates, key=accuracy)


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
    device: torch.device | str = "cpu",
) -> dict[str, SyntheticData]:
    """Return baselines by their names: chosen examples, and random ones with the labels of teachers or learned ones.

    Args:
        dataset: of which the training part is used.
        per_class: examples a class.
        protocol: of the networks.
        names: of those that are wanted; None: all of `BASELINES`.
        teachers: protocol of the networks that label; None: the same.
        labels: of those teachers; None: their probabilities.
        seed: of the draws.
        label_steps: of the outer loop that learns labels.
        device: of the training.

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
        learner = protocol.learner(protocol.model(dataset.shape, len(dataset.classes)))
        looks = max(1, label_steps // 10)
        settings = OuterSettings(steps=label_steps, batch=2, learning_rate=0.1, validate_every=looks, seed=seed)
        return with_learned_labels(drawn.to(device), dataset.to(device), learner, settings=settings)

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
    device: torch.device | str = "cpu",
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[int, float], None] | None = None,
    report: Report = lambda text: None,
) -> Comparison:
    """Distil, make every baseline of the same size, train networks on all of them as the protocol says, and test them once.

    Args:
        dataset: both parts.
        protocol: of the networks that are judged; see `tuned`.
        settings: of the distillation.
        inner: of the networks in the outer loop and of teachers, such as narrower ones; None: the same.
        candidates: ways of training the network of the protocol, of which each set gets the one that suits it best, baselines and
            distilled set alike: learning rates, steps, augmentations. They are judged, by as many networks as they say, on the share
            of the training part that chooses the iterate of the outer loop. Empty: the protocol for every set.
        baselines: names, of those in `baseline_sets`; None: all.
        others: protocols of other networks, which are trained on every set too, in the way chosen for the set.
        label_steps: of the baseline that learns labels.
        ceiling: whether to train on all data; `LabelRobustness` follows from that where labels are learned for random examples.
        device: of everything.
        checkpoint, resume, progress: of the outer loop.
        report: called with a word on what is done.
    """
    report("distilling")
    begun = time.perf_counter()
    found = distil_examples(
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
    held = _without_test(dataset, settings.held_out, settings.judged_on, settings.seed) if len(candidates) > 1 else None
    rows: list[Row] = []
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
            rows += evaluate(data, dataset, protocol=how, method=name, device=device)
    sets[DISTILLED] = protocols[DISTILLED].store(found.data)
    measured = None
    if ceiling:
        report(f"training on {ALL_DATA}")
        everything = protocol.for_all_data()
        rows += evaluate(all_training_data(dataset), dataset, protocol=everything, method=ALL_DATA, device=device)
    if ceiling and LEARNED in sets:
        hardened = evaluate(hard_labels(found.data), dataset, protocol=protocols[DISTILLED], device=device)
        real, mine, drawn = (_mean(rows, name, protocol.name) for name in (ALL_DATA, DISTILLED, LEARNED))
        measured = LabelRobustness(real, sum(row.accuracy for row in hardened) / len(hardened), mine, drawn)
    return Comparison(dataset.name, protocol, protocols, sets, tuple(rows), measured, seconds)


def _mean(rows: Sequence[Row], method: str, network: str) -> float:
    own = [row.accuracy for row in rows if (row.method, row.trained_with) == (method, network)]
    return sum(own) / len(own)


def save_comparison(
    path: Path, comparison: Comparison, settings: ClassificationSettings, *, device: torch.device | str
) -> None:
    """Add rows, settings, versions and hardware to a file of results; what the file holds of other settings is kept.

    Args:
        path: of the file.
        comparison: to add.
        settings: of the distillation.
        device: that it ran on.
    """
    known: list[dict[str, Any]] = json.loads(path.read_text())["runs"] if path.exists() else []
    own = {"dataset": comparison.dataset, "per_class": settings.per_class, "method": settings.method}
    record = {
        **own,
        "settings": asdict(settings),
        "protocol": asdict(comparison.protocol),
        "chosen": {name: _chosen(own) for name, own in comparison.protocols.items()},
        "distilling_seconds": round(comparison.seconds, 1),
        "hardware": described(device),
        "versions": versions(),
        "label_robustness": asdict(comparison.robustness) if comparison.robustness else None,
        "rows": [asdict(row) for row in comparison.rows],
    }
    kept = [each for each in known if any(each[name] != value for name, value in own.items())]
    write_json(path, {"runs": [*kept, record]})


def described(device: torch.device | str) -> str:
    """Name the accelerator, or the processor with the threads that torch uses."""
    found = hardware(str(device))
    return str(found.get("accelerator", f"{found['processor']} processor, {torch.get_num_threads()} threads"))


def _chosen(protocol: EvaluationProtocol) -> dict[str, Any]:
    return {name: getattr(protocol, name) for name in ("steps", "learning_rate", "augmentation")}


def _without_test(dataset: Dataset, share: float, most: int, seed: int) -> Dataset:
    """Return the training part alone, examples of a share of it in place of the test part."""
    generator = torch.Generator().manual_seed(seed)
    kept, held = stratified_split(dataset.train_labels, share, generator)
    held = held[torch.randperm(len(held), generator=generator)[:most]]
    inputs, labels = dataset.train_inputs, dataset.train_labels
    return replace(
        dataset, train_inputs=inputs[kept], train_labels=labels[kept], test_inputs=inputs[held], test_labels=labels[held]
    )
