"""Distill MNIST to a few images per class for ConvNet-3, by matching with differentiable augmentation.

    PINNDD_DATA=folder python examples/mnist.py                 # the four files of MNIST are in folder or folder/mnist
    PINNDD_DATA=folder python examples/mnist.py --per-class 10 --mixed
    python examples/mnist.py --download --device cuda --all     # fetch them; every baseline

One image per class is distilled by gradient matching, ten by distribution matching; both get labels that networks trained on
all data give, softened. So do random images, to tell what is owed to the labels.

The images are distilled with a narrow ConvNet-3, whose cheap gradients suit a processor, and judged with the ConvNet-3 of the
field (width 128, instance normalisation), five trained from scratch on each set. What suits k-means does not suit distilled images:
each set, baselines too, is trained with the steps, learning rate and augmentation that are best for it on images held out of
the training part.

Writes the set and the pictures to --out, and the rows to --results.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from pinndd.devices import require_device
from pinndd.study.classification.distilling import ClassificationSettings
from pinndd.study.classification.experiment import (
    BASELINES,
    DISTILLED,
    TAUGHT,
    MethodComparison,
    compare,
    described,
    save_comparison,
)
from pinndd.study.classification.labels import TeacherLabels
from pinndd.study.classification.protocol import EvaluationProtocol
from pinndd.study.plots.images import save_pictures
from pinndd.vision.datasets import Dataset, load_dataset

AUGMENTATION = {
    "strategies": ("crop", "scale", "rotate", "shear"),
    "apply": "all",
    "crop": 0.1,
    "scale": 1.2,
    "rotate": 20.0,
    "shear": 0.2,
}
"""What leaves a digit the digit that it is."""

CHOOSING = (60, 0.003)
"""Steps and learning rate of the narrow networks that choose the best iterate."""


@dataclass(frozen=True)
class Recipe:
    """How sets of some size are distilled and judged, chosen on images held out of the training part.

    Attributes:
        method: of the distillation, one that matches by class.
        narrow: width of the networks that are distilled with.
        start: the images that the set starts from.
        steps: of the outer loop.
        learning_rate: of the outer loop, in shares of the inputs' range.
        batch: images of each class that a step looks at.
        trainings: steps and learning rates that each set is tuned over, with augmentation and without.
        shown: images of the set in a training step; None: all.
        labels: from networks of the narrow width, trained on all data; None: hard ones.
    """

    method: str
    narrow: int
    start: str
    steps: int
    learning_rate: float
    batch: int
    trainings: tuple[tuple[int, float], ...]
    shown: int | None = None
    labels: TeacherLabels | None = None


SOFT = TeacherLabels(temperature=4.0, share=0.5)

RECIPES = {
    1: Recipe("gradient-matching", 32, "k-means", 600, 0.002, 32, ((100, 0.003), (300, 0.001), (600, 0.0003)), labels=SOFT),
    10: Recipe("distribution-matching", 64, "random", 600, 0.005, 64, ((1500, 0.001),), shown=32, labels=SOFT),
}
"""By images per class."""


def main(
    dataset: str | Dataset = "mnist",
    per_class: int = 1,
    *,
    recipe: Recipe | None = None,
    narrow: int | None = None,
    width: int = 128,
    norm: str = "instance",
    every_baseline: bool = False,
    mixed: bool = False,
    download: bool = False,
    device: str = "auto",
    out: Path | None = None,
    results: Path | None = None,
) -> MethodComparison:
    """Distill, compare, print, and write to ``out`` and ``results`` unless they are None."""
    data = dataset if isinstance(dataset, Dataset) else load_dataset(dataset, download=download)
    recipe = recipe or RECIPES[1 if per_class < 5 else 10]
    wide = EvaluationProtocol("ConvNet", {"width": width, "norm": norm}, batch=recipe.shown, mixed=mixed).on(data)
    # digits stand on a dark ground, coloured pictures fill theirs
    augmentation = {**AUGMENTATION, "fill": float(data.train_inputs.min()) if data.shape[0] == 1 else 0.0}
    small = replace(
        wide,
        options={"width": narrow or recipe.narrow, "norm": norm},
        steps=CHOOSING[0],
        learning_rate=CHOOSING[1],
        augmentation=augmentation,
    )
    settings = ClassificationSettings(
        per_class=per_class,
        method=recipe.method,
        start=recipe.start,
        steps=recipe.steps,
        learning_rate=recipe.learning_rate,
        episodes=1,
        batch=recipe.batch,
        augmentation=augmentation,
        teacher_labels=recipe.labels,
        judges=2,
        validate_every=max(1, recipe.steps // 6),
    )
    found = compare(
        data,
        wide,
        settings,
        inner=small,
        candidates=[
            replace(wide, steps=count, learning_rate=rate, augmentation=own, retrainings=1 if count > 1000 else 2)
            for own in (None, augmentation)
            for count, rate in recipe.trainings
        ],
        baselines=None if every_baseline else (*BASELINES[:2], *([TAUGHT] if recipe.labels else [])),
        ceiling=every_baseline,
        device=device,
        progress=_say,
        report=lambda text: print(text, flush=True),
    )
    print(f"\n{found.markdown()}\n\ndistilled in {found.seconds:.0f} s on {described(found.device)}")
    for name, own in found.protocols.items():
        print(f"{name}: trained for {own.training}")
    if results:
        save_comparison(results, found, settings)
    if out:
        save_pictures(out, found.sets[DISTILLED], data, found.rows)
        print(f"set and pictures are in {out}")
    return found


def _say(step: int, risk: float) -> None:
    print(f"  step {step}: lowest validation risk {risk:.3f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="mnist", help="mnist, fashion-mnist, cifar-10 or digits")
    parser.add_argument("--per-class", type=int, default=1, help="images per class")
    parser.add_argument("--narrow", type=int, help="width of the network that is distilled with")
    parser.add_argument("--width", type=int, default=128, help="width of the network that judges")
    parser.add_argument("--norm", default="instance", help="instance, group, layer or none")
    parser.add_argument("--all", action="store_true", help="every baseline, all data, and the label-robust score")
    parser.add_argument("--mixed", action="store_true", help="mixed precision: bfloat16 inside the networks")
    parser.add_argument("--download", action="store_true", help="fetch the data set if it is not there")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1; auto: a GPU where it is faster")
    parser.add_argument("--threads", type=int, default=2, help="of the processor")
    parser.add_argument("--out", type=Path, default=Path("runs/mnist"), help="folder of set and pictures")
    parser.add_argument("--results", type=Path, help="file of results to add to")
    arguments = vars(parser.parse_args())
    try:
        require_device(arguments["device"], double=False)
    except ValueError as error:
        parser.error(str(error))
    torch.set_num_threads(arguments.pop("threads"))
    arguments["every_baseline"] = arguments.pop("all")
    main(**arguments)
