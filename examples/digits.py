"""Distill handwritten digits to a few images per class, beside every usual baseline, under one stored protocol.

    python examples/digits.py                   # one image per class
    python examples/digits.py --per-class 10
    python examples/digits.py --results benchmarks/results/classification.json    # adds the rows to a file

scikit-learn's digits, 70 % to distill from and 30 % to test with, five MLPs of 128 hidden units trained from scratch on each
set. Images and soft labels are distilled by back-propagation through the whole training. Ten distilled images, one per
class, train the networks to at least 94 % of the test part, where ten random ones reach about 70 % and the ten centres of
the classes 90 %.

Prints the table and what is left of the accuracy without the labels, and writes the set and the pictures to --out.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from pinndd.devices import require_device
from pinndd.study.classification.distilling import ClassificationSettings
from pinndd.study.classification.evaluation import cross_architecture
from pinndd.study.classification.experiment import BASELINES, DISTILLED, MethodComparison, compare, save_comparison
from pinndd.study.classification.protocol import EvaluationProtocol
from pinndd.study.classification.repetitions import per_cent
from pinndd.study.classification.tuning import tuned
from pinndd.study.plots.images import save_pictures
from pinndd.vision.datasets import load_dataset

SETTINGS = {
    1: ClassificationSettings(per_class=1, steps=300, episodes=4, learning_rate=0.01, label_rate=4.0),
    10: ClassificationSettings(per_class=10, steps=200, episodes=2),
}
"""Settings of the outer loop, chosen on images held out of the training part; more images make a step dearer."""


def main(
    per_class: int = 1,
    steps: int | None = None,
    out: Path | None = None,
    results: Path | None = None,
    *,
    device: str = "auto",
) -> MethodComparison:
    """Tune the training on k-means, distill, compare; print, and write to ``out`` and ``results`` unless they are None."""
    dataset = load_dataset("digits")
    protocol = EvaluationProtocol("MLP", {"hidden": (128,)}, retrainings=5).on(dataset)
    protocol = tuned(protocol, dataset, per_class, steps=(30, 60), rates=(0.003, 0.01, 0.03))
    settings = SETTINGS.get(per_class) or ClassificationSettings(per_class=per_class, steps=200, episodes=2)
    settings = replace(settings, steps=steps or settings.steps)
    print(f"training chosen on k-means: {protocol.steps} steps of Adam, learning rate {protocol.learning_rate:g}")
    wider = protocol.with_network("MLP", hidden=(256, 256))
    found = compare(dataset, protocol, settings, others=(wider,), device=device)
    print(f"\n{found.markdown()}\n\n{cross_architecture(found.rows)}\n\ndistilled in {found.seconds:.0f} s")
    best = max(BASELINES, key=found.mean)
    more = found.gain(best)
    half = more.high - more.value
    print(f"more accurate than {best}, the best baseline, by {per_cent(more.value, half)} points, paired by seed")
    if found.robustness:
        print(found.robustness.describe())
    if results:
        save_comparison(results, found, settings)
    if out:
        save_pictures(out, found.sets[DISTILLED], dataset, found.rows)
        print(f"set and pictures are in {out}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-class", type=int, default=1, help="images per class")
    parser.add_argument("--steps", type=int, help="outer steps")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1; auto: a GPU where it is faster")
    parser.add_argument("--out", type=Path, default=Path("runs/digits"), help="folder of set and pictures")
    parser.add_argument("--results", type=Path, help="file of results to add to")
    arguments = parser.parse_args()
    try:
        require_device(arguments.device, double=False)
    except ValueError as error:
        parser.error(str(error))
    main(arguments.per_class, arguments.steps, arguments.out, arguments.results, device=arguments.device)
