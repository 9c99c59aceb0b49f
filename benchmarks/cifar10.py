"""CIFAR-10 with one and ten images per class: the methods of the field and the usual baselines, under one stored protocol.

    python benchmarks/cifar10.py --data folder          # at most 8 minutes; call it again until nothing is left
    python benchmarks/cifar10.py --table                # what has been measured, beside published figures

The folder holds cifar-10-binary.tar.gz, or its unpacked data_batch_1.bin to data_batch_5.bin and test_batch.bin, or it is an .npz with
x_train, y_train, x_test, y_test. Every set is judged alike: ConvNet-3 (width 128, instance normalisation), five times from scratch,
with differentiable augmentation. The matching methods keep hard labels; the kernel and the unrolled ones learn theirs, so random
images and centres of k-means stand there with hard labels and with learned ones. An outer loop that time cuts short goes on in the
next call, bit for bit. Sets and states are in --out, the numbers in --results. The settings were never tuned on CIFAR-10.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from pinndd.data import SyntheticData
from pinndd.devices import chosen_device, require_device
from pinndd.storage.writing import write_json
from pinndd.study.classification.baselines import k_means, random_samples
from pinndd.study.classification.distilling import ClassificationSettings, distill_examples
from pinndd.study.classification.evaluation import evaluate
from pinndd.study.classification.experiment import described
from pinndd.study.classification.protocol import EvaluationProtocol
from pinndd.study.classification.repetitions import per_cent, student_half
from pinndd.study.results.run_config import versions
from pinndd.study.results.writing import json_records, markdown_table
from pinndd.vision.datasets import Dataset, load_dataset
from pinndd.vision.datasets.cifar import TEST, TRAIN, parse_batch
from pinndd.vision.datasets.finding import VARIABLE
from pinndd.vision.datasets.folders import read_images
from pinndd.vision.datasets.published import PUBLISHED

RESULTS = Path(__file__).parent / "results" / "cifar10.json"

AUGMENTATION = {"strategies": ("flip", "crop", "scale", "rotate", "brightness", "contrast", "saturation"), "apply": "one"}

LEARNED = "learned labels"

PUBLISHED_FIGURES: Mapping[str, tuple[float, float, str]] = {
    "random": (14.4, 26.0, "Zhao & Bilen 2021, arXiv 2102.08259"),
    "gradient matching": (28.8, 52.1, "DSA, arXiv 2102.08259"),
    "distribution matching": (26.0, 48.9, "DM, arXiv 2110.04181"),
    "trajectory matching": (46.3, 65.3, "MTT, arXiv 2203.11932"),
    "kernel": (49.9, 62.7, "KIP, evaluated in a network, arXiv 2107.13034"),
    "feature ridge": (46.8, 65.5, "FRePo, arXiv 2206.00719"),
    "unrolled": (53.2, 69.4, "RaT-BPTT, arXiv 2311.07025"),
}
"""Accuracies in per cent with one and ten images per class, as the papers report them with ConvNet-3."""

PER_CLASS = (1, 10)

METHODS: Mapping[str, str | None] = {
    "random": None,
    "k-means": None,
    f"random, {LEARNED}": "labels",
    f"k-means, {LEARNED}": "labels",
    "distribution matching": "distribution-matching",
    "gradient matching": "gradient-matching",
    "kernel": "kernel",
    "feature ridge": "feature-ridge",
    "trajectory matching": "trajectory-matching",
    "unrolled": "truncated",
}
"""What is compared, and the method of `pinndd.study.classification.distilling` that makes it; the cheapest first."""


class OutOfTimeError(RuntimeError):
    """The minutes of this call are over; what is finished is kept."""


@dataclass(frozen=True)
class Size:
    """How large everything is; a test makes it small.

    Attributes:
        width: of the networks.
        steps: of the outer loops.
        training: steps of a network that is judged.
        inner: steps of a network in an outer loop.
        retrainings: networks that judge a set.
    """

    width: int = 128
    steps: int = 1000
    training: int = 1000
    inner: int = 100
    retrainings: int = 5

    @property
    def protocol(self) -> EvaluationProtocol:
        """How every set is judged."""
        return EvaluationProtocol(
            "ConvNet",
            {"width": self.width},
            steps=self.training,
            learning_rate=0.001,
            batch=256,
            augmentation=AUGMENTATION,
            retrainings=self.retrainings,
        )

    def settings(self, name: str, per_class: int) -> ClassificationSettings:
        """Return the settings of the outer loop of a method."""
        method = METHODS[name]
        assert method is not None
        matching = method in ("gradient-matching", "distribution-matching")
        return ClassificationSettings(
            per_class=per_class,
            method=method,
            start="k-means" if name.startswith("k-means") else "random",
            steps=self.steps,
            learning_rate=0.005 if matching else 0.002,
            label_rate=4.0,
            episodes=1 if matching else 2,
            window=max(1, self.inner // 3),
            batch=128,
            augmentation=AUGMENTATION if matching else None,
            keep_every=max(1, round(self.inner**0.5)),
            judges=2,
            judged_on=1000,
            validate_every=max(1, self.steps // 40),
        )


def read(place: Path | None) -> Dataset:
    """Return CIFAR-10, or data of its shape.

    Args:
        place: a folder or an ``.npz`` (None: what PINNDD_DATA names).

    Raises:
        ValueError: a file is damaged.
        FileNotFoundError: the files are not there; the message says which.
    """
    place = place or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if place is not None and place.suffix == ".npz" and place.is_file():
        return replace(read_images(place).dataset, name="cifar-10")
    if place is not None:
        for folder in (place, place / "cifar-10-batches-bin"):
            if (folder / TRAIN[0]).is_file():
                return _batches(folder)
    return load_dataset("cifar-10", folder=place)


def _batches(folder: Path) -> Dataset:
    parts = []
    for names in (TRAIN, TEST):
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise FileNotFoundError(f"{folder}: {missing[0]} is missing: put all files of cifar-10-binary.tar.gz there")
        batches = [parse_batch((folder / name).read_bytes(), str(folder / name)) for name in names]
        images, labels = (torch.cat(list(each)) for each in zip(*batches, strict=True))
        parts.append((images.to(torch.float32).div_(255), labels.to(torch.int64)))
    return Dataset.standardised("cifar-10", parts[0], parts[1], PUBLISHED["cifar-10"].classes)


@dataclass(frozen=True)
class Bench:
    """What is measured on, where it is kept, and until when.

    Attributes:
        data: CIFAR-10.
        size: of everything.
        device: of everything.
        out: folder of sets and states.
        results: file of the numbers.
        deadline: in seconds of `time.monotonic`.
    """

    data: Dataset
    size: Size
    device: str
    out: Path
    results: Path
    deadline: float

    def run(self, say: Callable[[str], None] = print) -> bool:
        """Measure what is not measured yet; return whether anything is left."""
        cells = [(name, per_class) for per_class in PER_CLASS for name in METHODS]
        for name, per_class in cells:
            found = self.known().get(_key(name, per_class), {})
            if len(found.get("rows", ())) >= self.size.retrainings:
                continue
            try:
                say(f"{name}, {per_class} per class")
                self.measure(name, per_class, found)
            except OutOfTimeError:
                return True
        return False

    def known(self) -> dict[str, Any]:
        """Return what has been measured.

        Raises:
            ValueError: under other settings.
        """
        stored = _stored(self.results)
        if stored and stored["size"] != asdict(self.size):
            raise ValueError(f"{self.results} was measured with other settings ({stored['size']}): name another file with --results")
        return dict(stored.get("cells", {}))

    def measure(self, name: str, per_class: int, found: Mapping[str, Any]) -> None:
        """Make one set, or load it, and train a network on it for every retraining that is missing."""
        data, seconds = self.made(name, per_class)
        protocol = EvaluationProtocol.stored(data)
        rows = list(found.get("rows", ()))
        for seed in range(len(rows), self.size.retrainings):
            self.require_time()
            once = replace(protocol, retrainings=1, seed=seed)
            rows += json_records(evaluate(data, self.data, protocol=once, method=name, device=self.device))
            self.keep(name, per_class, {"rows": rows, "distilling_seconds": seconds, "device": described(self.device)})

    def made(self, name: str, per_class: int) -> tuple[SyntheticData, float]:
        """Return a set and the seconds that it took; a distilled one goes on where the last call stopped."""
        path = self.out / f"{name.replace(', ', '-').replace(' ', '-')}-{per_class}.npz"
        if path.is_file():
            kept = SyntheticData.load(path)
            return kept, float(kept.header.get("seconds", 0.0))
        judge = self.size.protocol.on(self.data)
        if METHODS[name] is None:
            generator = torch.Generator().manual_seed(0)
            drawn = k_means(self.data, per_class, restarts=1) if name == "k-means" else random_samples(self.data, per_class, generator)
            data, seconds = judge.store(drawn), 0.0
        else:
            settings = self.size.settings(name, per_class)
            centred = settings.method == "feature-ridge"
            inner = replace(
                judge,
                steps=self.size.inner,
                learning_rate=0.01,
                batch=None,
                augmentation=None,
                loss="squared-error" if centred else "cross-entropy",
            )
            checkpoint = path.with_suffix(".checkpoint.npz")
            found = distill_examples(
                self.data,
                inner,
                settings,
                stored=replace(judge, loss=inner.loss),
                device=self.device,
                checkpoint=checkpoint,
                resume=True,
                progress=lambda step, risk: self.require_time(),
            )
            checkpoint.unlink(missing_ok=True)
            data, seconds = found.data.to("cpu"), found.seconds
        data = data.with_header(seconds=round(seconds, 1))
        data.save(path)
        return data, seconds

    def require_time(self) -> None:
        """Stop where the minutes are over.

        Raises:
            OutOfTimeError: they are.
        """
        if time.monotonic() > self.deadline:
            raise OutOfTimeError

    def keep(self, name: str, per_class: int, record: Mapping[str, Any]) -> None:
        """Write one cell beside those that are there."""
        cells = {**self.known(), _key(name, per_class): dict(record)}
        examples = {"train": len(self.data.train_labels), "test": len(self.data.test_labels)}
        write_json(self.results, {"size": asdict(self.size), "examples": examples, "versions": versions(), "cells": cells})


def _key(name: str, per_class: int) -> str:
    return f"{name}, {per_class} per class"


def _stored(results: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(results.read_text()) if results.is_file() else {}
    return found


def table(results: Path) -> str:
    """Return Markdown: accuracy on the test part in per cent with its 95 % interval, beside published figures."""
    cells = _stored(results).get("cells", {})
    return markdown_table(pd.DataFrame(list(_lines(cells))))


def _lines(cells: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for name in METHODS:
        line = {"method": name}
        published = PUBLISHED_FIGURES.get(name)
        for k, per_class in enumerate(PER_CLASS):
            accuracies = pd.Series([row["accuracy"] for row in cells.get(_key(name, per_class), {}).get("rows", ())], dtype=float)
            line[f"{per_class} per class"] = (
                per_cent(float(accuracies.mean()), student_half(accuracies)) if len(accuracies) else "not measured"
            )
            line[f"published, {per_class}"] = f"{published[k]:.1f}" if published else ""
        line["by"] = published[2] if published else ""
        yield line


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help=f"folder or .npz; default: what {VARIABLE} names")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1; auto: a GPU where there is one")
    parser.add_argument("--minutes", type=float, default=8.0, help="of this call")
    parser.add_argument("--out", type=Path, default=Path("runs/cifar10"), help="folder of sets and states")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file of the numbers")
    parser.add_argument("--table", action="store_true", help="print what has been measured, and stop")
    asked = parser.parse_args()
    if not asked.table:
        begun = time.monotonic()
        try:
            require_device(asked.device, double=False)
            device = "cuda" if asked.device == "auto" and torch.cuda.is_available() else chosen_device(asked.device, None).device
            bench = Bench(read(asked.data), Size(), device, asked.out, asked.results, begun + 60 * asked.minutes)
            left = bench.run()
        except (ValueError, OSError, MemoryError) as error:
            parser.error(str(error))
        print("something is left: call again" if left else "nothing is left")
    print(f"\n{table(asked.results)}")
