"""What the usual settings are worth where nobody chose them: best baseline ÷ distilled, beside a task of the same kind that was tuned.

    python benchmarks/untuned.py --seeds 3
    python benchmarks/untuned.py --only "digits, ConvNet"

A ConvNet of two blocks of width 48 on digits stands beside the MLP of the packaged task, scikit-learn's breast cancer (Wolberg,
Street & Mangasarian 1995, doi 10.24432/C5DW2B) beside its wine: that task as it is packaged, and everything as `image_task` and
`StatedTask.from_frame` have it. No setting was looked at again after the first run. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

import pandas as pd
import torch
from sklearn.datasets import load_breast_cancer

from pinndd.distances import Brier
from pinndd.pinn.declare.loading import load_subject
from pinndd.stated.task import StatedTask
from pinndd.study.results import words
from pinndd.study.results.summary import comparisons
from pinndd.study.results.table import rows_of
from pinndd.study.results.writing import markdown_table
from pinndd.study.stated.engine import StatedSettings, run_stated
from pinndd.vision.datasets import load_dataset
from pinndd.vision.stating import image_task


def convnet() -> StatedTask:
    """State digits for a ConvNet."""
    return image_task(load_dataset("digits"), "digits", network="convnet-2x48")


def breast_cancer() -> StatedTask:
    """State the diagnosis of breast cancer from thirty measurements."""
    frame = load_breast_cancer(as_frame=True).frame
    return StatedTask.from_frame(frame, target="target", size=6, name="breast-cancer", error=Brier())


TASKS: Mapping[str, Callable[[], StatedTask]] = {
    "digits, MLP of width 128, tuned": lambda: load_subject("digits"),
    "digits, ConvNet of 2 blocks of width 48": convnet,
    "wine, softmax regression, tuned": lambda: load_subject("wine"),
    "breast cancer, softmax regression": breast_cancer,
}


def row(name: str, settings: StatedSettings) -> dict[str, object]:
    """Study one task, and return what its distilled set has won over the best baseline of its size."""
    found = run_stated(TASKS[name](), settings)
    own = next(rows_of(comparisons(found.summary)))
    return {
        "task": name,
        "examples": own.points,
        "error": words.error_name(found.distance),
        "distilled": words.mean(own),
        "best baseline": f"{words.mean(own, 'baseline_mean')}, {own.baseline}",
        "baseline ÷ distilled": words.ratio(own),
    }


def main() -> None:
    """Run what the command line asks for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="distillation seeds")
    parser.add_argument("--effort", type=float, default=1.0, help="factor on the outer steps")
    parser.add_argument("--only", default="", help="run only tasks whose name holds this")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [name for name in TASKS if asked.only in name]
    settings = StatedSettings(seeds=asked.seeds, effort=asked.effort)
    print(markdown_table(pd.DataFrame([row(name, settings) for name in chosen]), {}))


if __name__ == "__main__":
    main()
