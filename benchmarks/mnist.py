"""MNIST, a few images per class for ConvNet-3 of width 128, with labels that networks trained on all images soften.

    PINNDD_DATA=folder python benchmarks/mnist.py                          # the four files of MNIST are in folder or folder/mnist
    PINNDD_DATA=folder python benchmarks/mnist.py --per-class 10 --mixed
    python benchmarks/mnist.py --print                                     # what is committed

One image per class is distilled by gradient matching with ConvNets of width 32, ten by distribution matching with width 64. Half of
each label is that of three such networks; so it is of random images beside them, to tell what is owed to the labels. What suits
k-means does not suit distilled images: each set is trained with the steps, learning rate and augmentation that are best for it on
images held out of the training part. Writes benchmarks/results/mnist.json, and the set to --out.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from pinndd.stated.teachers import TeacherLabels
from pinndd.study.classification.distilling import ClassificationSettings
from pinndd.study.classification.evaluation import markdown, summarise
from pinndd.study.classification.experiment import BASELINES, DISTILLED, TAUGHT, MethodComparison, compare, save_comparison
from pinndd.study.classification.protocol import EvaluationProtocol
from pinndd.vision.datasets import Dataset, load_dataset

RESULTS = Path(__file__).parent / "results" / "mnist.json"

TEACHERS = TeacherLabels(temperature=4.0, share=0.5)


@dataclass(frozen=True)
class Recipe:
    """How sets of some size are distilled and judged, chosen on images held out of the training part.

    Attributes:
        settings: of the distillation.
        narrow: width of the networks that are distilled with.
        trainings: steps and learning rates that each set is tuned over, with augmentation and without.
        width: of the networks that judge.
        shown: images of the set in a training step; None: all.
    """

    settings: ClassificationSettings
    narrow: int
    trainings: tuple[tuple[int, float], ...]
    width: int = 128
    shown: int | None = None


_ONE = ClassificationSettings(
    method="gradient-matching",
    steps=600,
    learning_rate=0.002,
    episodes=1,
    batch=32,
    teacher_labels=TEACHERS,
    judges=2,
    validate_every=100,
)
_TEN = replace(_ONE, per_class=10, method="distribution-matching", start="random", learning_rate=0.005, batch=64)

RECIPES = {
    1: Recipe(_ONE, 32, ((100, 0.003), (300, 0.001), (600, 0.0003))),
    10: Recipe(_TEN, 64, ((1500, 0.001),), shown=32),
}
"""By images per class."""


def run(data: Dataset, recipe: Recipe, *, mixed: bool = False) -> tuple[MethodComparison, ClassificationSettings]:
    """Distill, tune and compare; return what was found, and with which settings."""
    wide = EvaluationProtocol("ConvNet", {"width": recipe.width, "norm": "instance"}, batch=recipe.shown, mixed=mixed).on(data)
    # what leaves a digit the digit that it is; digits stand on a dark ground
    strategies = ("crop", "scale", "rotate", "shear")
    augmentation = {"strategies": strategies, "apply": "all", "crop": 0.1, "scale": 1.2, "rotate": 20.0, "shear": 0.2}
    augmentation["fill"] = float(data.train_inputs.min())
    narrow = {"width": recipe.narrow, "norm": "instance"}
    settings = replace(recipe.settings, augmentation=augmentation)
    found = compare(
        data,
        wide,
        settings,
        inner=replace(wide, options=narrow, steps=60, learning_rate=0.003, augmentation=augmentation),
        candidates=[
            replace(wide, steps=count, learning_rate=rate, augmentation=own, retrainings=1 if count > 1000 else 2)
            for own in (None, augmentation)
            for count, rate in recipe.trainings
        ],
        baselines=(*BASELINES[:2], TAUGHT),
        ceiling=False,
        progress=lambda step, risk: print(f"  step {step}: lowest validation risk {risk:.3f}", flush=True),
        report=lambda text: print(text, flush=True),
    )
    return found, settings


def table(found: dict[str, Any]) -> str:
    """Return one run as Markdown: what it is, on which hardware, its rows, and how each set was trained."""
    title = (
        f"**{found['dataset']}, {found['per_class']} a class**, {found['method']}, distilled in {found['distilling_seconds']:.0f} s "
        f"({found['hardware']}, torch {found['versions']['torch']}):"
    )
    chosen = [f"- {name}: {EvaluationProtocol(**own).training}" for name, own in found["chosen"].items()]
    return "\n".join((title, "", markdown(summarise(pd.DataFrame(found["rows"]))), "", *chosen))


def main() -> None:
    """Run what the command line asks for, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-class", type=int, default=1, choices=list(RECIPES), help="images per class")
    parser.add_argument("--mixed", action="store_true", help="bfloat16 inside the networks")
    parser.add_argument("--threads", type=int, default=1, help="of the processor")
    parser.add_argument("--out", type=Path, default=Path("runs/mnist.npz"), help="file of the set")
    parser.add_argument("--print", action="store_true", help="print the results that are there")
    asked = parser.parse_args()
    if not asked.print:
        torch.set_num_threads(asked.threads)
        found, settings = run(load_dataset("mnist"), RECIPES[asked.per_class], mixed=asked.mixed)
        save_comparison(RESULTS, found, settings)
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        found.sets[DISTILLED].save(asked.out)
    print("\n\n".join(map(table, json.loads(RESULTS.read_text())["runs"])))


if __name__ == "__main__":
    main()
