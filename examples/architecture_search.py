"""Which of 48 small networks is best? A set of ten images a class answers, at a fraction of the time of training them all.

The candidates are multilayer perceptrons and ConvNets for the digits of scikit-learn. The truth is their ranking by accuracy on
the test images after training on all training images, and τ (Kendall) says how well a cheap search agrees with it. The ceiling is
the τ of two independent full trainings: initial weights alone decide what no search can know.

Ten images a class are distilled with eight candidates drawn at random, whose accuracies after full training are known; the other
40 are held out. The search then trains every candidate on the distilled set for a few steps. Random images, centres of k-means and
all images for fewer steps (early stopping, as much time as the search with the distilled set) are ranked alike.

Prints τ over all candidates and over those held out, the accuracy of the architecture picked with its regret, and the times. The
promise: τ ≥ 0.6 for the distilled set, all and held out, at less than a tenth of the time of full training. Making the set is
extra, and on this space it does not pay: over five seeds all searches on ten images a class beat early stopping, but distilled
images rank no better than random ones (benchmarks/results/architecture_search.json).

    python examples/architecture_search.py  # one seed, two minutes of one core
    python examples/architecture_search.py --seeds 5 --out benchmarks/results/architecture_search.json  # the committed result
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import sklearn
import torch

from pinndd.checkpoint import write_json
from pinndd.study.architecture_search import METHODS, Outcome, Settings, Study
from pinndd.study.bootstrap import mean_interval
from pinndd.study.run_config import versions
from pinndd.vision.search_space import Candidate, small_networks


def table(outcome: Outcome) -> str:
    """Return Markdown: every method with 95 % intervals over the seeds, and paired differences from the distilled set."""
    seeds = sorted({row.seed for row in outcome.rows})
    lines = [
        f"{len(seeds)} seeds; ceiling: τ = {outcome.ceiling:.3f} between two full trainings, {outcome.full_seconds:.0f} s each",
        "",
        "| method | τ, all | τ, held out | accuracy picked | regret | search, s | making the set, s | full / search |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for method in METHODS:
        cells = [interval(outcome, method, column) for column in ("tau", "held_out", "accuracy", "regret")]
        seconds, preparing = (outcome.mean(method, column) for column in ("seconds", "preparing"))
        ratio = f"{outcome.full_seconds / seconds:.0f}"
        lines.append(f"| {method} | {' | '.join(cells)} | {seconds:.1f} | {preparing:.1f} | {ratio} |")
    lines += ["", "| distilled less | τ, all | τ, held out |", "|---|---|---|"]
    for method in METHODS[1:]:
        cells = [interval(outcome, "distilled", column, method) for column in ("tau", "held_out")]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def interval(outcome: Outcome, method: str, column: str, less: str | None = None) -> str:
    """Return the mean of a column over the seeds with its interval, or of its paired difference from another method."""
    found = {(row.seed, row.method): getattr(row, column) for row in outcome.rows}
    seeds = sorted({row.seed for row in outcome.rows})
    values = [found[seed, method] - (found[seed, less] if less else 0.0) for seed in seeds]
    estimate = mean_interval(np.array(values)[:, None])
    return f"{estimate.value:.3f}" + (f" [{estimate.low:.3f}, {estimate.high:.3f}]" if len(seeds) > 1 else "")


def save(outcome: Outcome, settings: Settings, path: Path) -> None:
    """Write the rows with settings and versions."""
    known = {**versions(), "scikit-learn": sklearn.__version__}
    write_json(path, {"versions": known, "settings": asdict(settings), **asdict(outcome)})


def main(
    seeds: Sequence[int] = (0,),
    *,
    space: Sequence[Candidate] | None = None,
    settings: Settings | None = None,
    device: str = "cpu",
    report: Callable[[Outcome], None] | None = None,
) -> Outcome:
    """Return all searches of the seeds; ``report`` is given those so far after every seed."""
    study = Study(space or small_networks((1, 8, 8), 10), settings or Settings(), device)
    outcome = Outcome((), study.ceiling, study.full_seconds)
    for seed in seeds:
        outcome = replace(outcome, rows=(*outcome.rows, *study.rows(seed)))
        if report:
            report(outcome)
    return outcome


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1, help="seeds 0 to this number less one")
    parser.add_argument("--out", type=Path, help="a JSON file for the rows, written after every seed")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep = None if arguments.out is None else partial(save, settings=Settings(), path=arguments.out)
    print(table(main(range(arguments.seeds), device=arguments.device, report=keep)))
