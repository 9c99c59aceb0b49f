"""Distil MNIST to a few images a class for ConvNet-3, in two stages: gradients are matched, then the labels are learned.

    PINNDD_DATA=folder python examples/mnist.py                 # the four files of MNIST are in folder or folder/mnist
    python examples/mnist.py --download --device cuda --all     # fetch them; every baseline

First, images are distilled by gradient matching with a narrow ConvNet-3, whose cheap gradients suit a processor. Then labels are
learned by back-propagation through the training of that network. Both are judged with the ConvNet-3 of the field (width 128,
instance normalisation), five trained from scratch on each set; steps and learning rate are chosen on k-means with the narrow one.

Ten images, one a class, end above the centres of the classes (k-means), and those above random images, but far below what the field
reports: docs/classification.md has the numbers. Writes the set and the pictures to --out, and the rows to --results.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from pinndd.study.classification.distilling import ClassificationSettings, distil_examples
from pinndd.study.classification.experiment import (
    BASELINES,
    DISTILLED,
    Comparison,
    compare,
    described,
    save_comparison,
    tuned,
)
from pinndd.study.classification.protocol import EvaluationProtocol
from pinndd.study.plots.images import save_pictures
from pinndd.vision.datasets import load_dataset


def main(
    dataset: str = "mnist",
    per_class: int = 1,
    *,
    steps: int = 600,
    label_steps: int = 100,
    narrow: int = 32,
    width: int = 128,
    norm: str = "instance",
    batch: int = 32,
    every_baseline: bool = False,
    download: bool = False,
    device: str = "cpu",
    out: Path | None = None,
    results: Path | None = None,
) -> Comparison:
    """Distil in two stages, compare, print, and write to ``out`` and ``results`` unless they are None."""
    data = load_dataset(dataset, download=download)
    small = EvaluationProtocol("ConvNet", {"width": narrow, "norm": norm}, retrainings=3).on(data)
    small = tuned(small, data, per_class, steps=(60, 120), rates=(0.003, 0.01), device=device)
    wide = replace(small, options={"width": width, "norm": norm}, retrainings=5)
    print(f"training chosen on k-means: {small.steps} steps of Adam, learning rate {small.learning_rate:g}", flush=True)
    matching = ClassificationSettings(
        per_class=per_class, method="gradient-matching", steps=steps, episodes=1, batch=batch, judges=2, validate_every=100
    )
    images = distil_examples(data, small, matching, device=device, progress=_say)
    print(f"images distilled in {images.seconds:.0f} s", flush=True)
    labels = replace(matching, method="labels", steps=label_steps, learning_rate=0.02, validate_every=20)
    wanted = None if every_baseline else BASELINES[:2]
    found = compare(
        data,
        wide,
        labels,
        inner=small,
        start=images.data,
        baselines=wanted,
        ceiling=every_baseline,
        device=device,
        progress=_say,
        report=lambda text: print(text, flush=True),
    )
    found = replace(found, seconds=found.seconds + images.seconds)
    print(f"\n{found.markdown()}\n\ndistilled in {found.seconds:.0f} s on {described(device)}")
    if results:
        save_comparison(results, found, matching, device=device)
    if out:
        save_pictures(out, found.sets[DISTILLED], data, found.rows)
        print(f"set and pictures are in {out}")
    return found


def _say(step: int, risk: float) -> None:
    print(f"  step {step}: lowest validation risk {risk:.3f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="mnist", help="mnist, fashion-mnist, cifar-10 or digits")
    parser.add_argument("--per-class", type=int, default=1, help="images a class")
    parser.add_argument("--steps", type=int, default=600, help="outer steps of gradient matching")
    parser.add_argument("--label-steps", type=int, default=100, help="outer steps of learning labels")
    parser.add_argument("--narrow", type=int, default=32, help="width of the network that is distilled with")
    parser.add_argument("--width", type=int, default=128, help="width of the network that judges")
    parser.add_argument("--norm", default="instance", help="instance, group, layer or none")
    parser.add_argument("--batch", type=int, default=32, help="images of each class that a step of matching looks at")
    parser.add_argument("--all", action="store_true", help="every baseline, all data, and the label-robust score")
    parser.add_argument("--download", action="store_true", help="fetch the data set if it is not there")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    parser.add_argument("--threads", type=int, default=2, help="of the processor")
    parser.add_argument("--out", type=Path, default=Path("runs/mnist"), help="folder of set and pictures")
    parser.add_argument("--results", type=Path, help="file of results to add to")
    arguments = vars(parser.parse_args())
    torch.set_num_threads(arguments.pop("threads"))
    arguments["every_baseline"] = arguments.pop("all")
    main(**arguments)
