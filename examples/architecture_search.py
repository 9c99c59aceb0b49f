"""Which of 48 small networks is best? A set of ten images per class answers, at a fraction of the time of training them all.

The candidates are multilayer perceptrons and ConvNets for the digits of scikit-learn. The truth is their ranking by accuracy on
the test images after training on all training images, and τ (Kendall) says how well a cheap search agrees with it. The ceiling is
the τ of two independent full trainings: initial weights alone decide what no search can know.

Ten images per class are distilled with eight candidates drawn at random, whose accuracies after full training are known; the
other 40 are held out. The search then trains every candidate on the distilled set for a few steps. Random images, centres of
k-means and all images for fewer steps (early stopping, as much time as the search with the distilled set) are ranked alike.

Prints τ over all candidates and over those held out, the accuracy of the architecture picked with its regret, and the times. The
promise: τ ≥ 0.6 for the distilled set, all and held out, at less than a tenth of the time of full training. Making the set is
extra, and on this space it does not pay: over five seeds all searches on ten images per class beat early stopping, but
distilled images rank no better than random ones (benchmarks/results/architecture_search.json).

    python examples/architecture_search.py  # one seed, two minutes of one core
    python examples/architecture_search.py --seeds 5 --out benchmarks/results/architecture_search.json  # the committed result
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pandas as pd
import sklearn
import torch

from pinndd.devices import require_device
from pinndd.storage.writing import write_json
from pinndd.study.classification.architecture_search import METHODS, Searches, SearchSettings, SearchStudy
from pinndd.study.classification.repetitions import paired_differences
from pinndd.study.results.intervals import mean_interval
from pinndd.study.results.run_config import versions
from pinndd.study.results.writing import json_records, markdown_table
from pinndd.vision.search_space import Candidate, small_networks


def table(found: Searches) -> str:
    """Return Markdown: every method with 95 % intervals over the seeds, and paired differences from the distilled set."""
    rows = found.rows
    shown = {"tau": "τ, all", "held_out": "τ, held out", "accuracy": "accuracy picked", "regret": "regret"}
    methods = rows.groupby("method", sort=False)
    means = methods[list(shown)].agg(interval).rename(columns=shown).reindex(METHODS)
    seconds = methods[["seconds", "preparing"]].mean()
    means["search, s"], means["making the set, s"] = seconds["seconds"], seconds["preparing"]
    means["full / search"] = found.full_seconds / seconds["seconds"]
    less = pd.DataFrame(
        {
            title: {
                other: interval(paired_differences(rows, column, METHODS[0], other, by="method", common=["seed"]))
                for other in METHODS[1:]
            }
            for column, title in list(shown.items())[:2]
        }
    )
    head = (
        f"{rows['seed'].nunique()} seeds; ceiling: τ = {found.ceiling:.3f} between two full trainings, "
        f"{found.full_seconds:.0f} s each"
    )
    formats = {"search, s": ".1f", "making the set, s": ".1f", "full / search": ".0f"}
    tables = markdown_table(means.reset_index(), formats), markdown_table(less.reset_index(names="distilled less"))
    return "\n\n".join((head, *tables))


def interval(values: pd.Series[float]) -> str:
    """Return the mean over the seeds with its interval, which a single seed has not."""
    estimate = mean_interval(values.to_numpy()[:, None])
    return f"{estimate.value:.3f}" + (f" [{estimate.low:.3f}, {estimate.high:.3f}]" if len(values) > 1 else "")


def save(found: Searches, settings: SearchSettings, path: Path) -> None:
    """Write the rows with settings and versions."""
    known = {**versions(), "scikit-learn": sklearn.__version__}
    numbers = {"rows": json_records(found.rows), "ceiling": found.ceiling, "full_seconds": found.full_seconds}
    write_json(path, {"versions": known, "settings": asdict(settings), **numbers})


def main(
    seeds: Sequence[int] = (0,),
    *,
    space: Sequence[Candidate] | None = None,
    settings: SearchSettings | None = None,
    device: str = "auto",
    report: Callable[[Searches], None] | None = None,
) -> Searches:
    """Return all searches of the seeds; ``report`` is given those so far after every seed."""
    study = SearchStudy(space or small_networks((1, 8, 8), 10), settings or SearchSettings(), device)
    rows: list[pd.DataFrame] = []
    for seed in seeds:
        rows.append(study.rows(seed))
        found = Searches(pd.concat(rows, ignore_index=True), study.ceiling, study.full_seconds)
        if report:
            report(found)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1, help="seeds 0 to this number less one")
    parser.add_argument("--out", type=Path, help="a JSON file for the rows, written after every seed")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1; auto: a GPU where it is faster")
    arguments = parser.parse_args()
    try:
        require_device(arguments.device, double=False)
    except ValueError as error:
        parser.error(str(error))
    torch.set_num_threads(1)
    keep = None if arguments.out is None else partial(save, settings=SearchSettings(), path=arguments.out)
    print(table(main(range(arguments.seeds), device=arguments.device, report=keep)))
