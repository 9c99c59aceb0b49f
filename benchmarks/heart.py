"""P(disease | whatever a patient has recorded) from 100 distilled rows, against regressions and networks on all patients.

    python benchmarks/heart.py --splits 10
    python benchmarks/heart.py --resume    # what a run that was stopped left to do
    python benchmarks/heart.py --print

Ten splits of the patients of four hospitals, 70 % to learn from, alike in each hospital and outcome; then each hospital is left out
in turn. Settings are chosen by cross-validation among the patients to learn from; those held out are asked about once, when
every method is trained. Writes benchmarks/results/heart.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch

from pinndd.bayesnet.heart import HOSPITALS
from pinndd.study.medical.heart.cohort import Cohort
from pinndd.study.medical.heart.distilling import GROUPED, HARD, SOFT, WEIGHTED
from pinndd.study.medical.heart.experiment import Split, differences, load, run, save, table, versions
from pinndd.study.results.writing import markdown_table

ROWS, SHARE = 100, 0.7
RESULTS = Path(__file__).parent / "results" / "heart.json"


def split(cohort: Cohort, name: str, seed: int) -> Split:
    """Run one split, named ``split K``, or the patients of one hospital against all others, ``without H``."""
    if name.startswith("without "):
        outside = cohort.heart.hospitals.membership == HOSPITALS.index(name.removeprefix("without "))
        learn, held_out = (~outside).nonzero()[:, 0], outside.nonzero()[:, 0]
    else:
        learn, held_out = cohort.heart.split(SHARE, torch.Generator().manual_seed(seed))
    return run(cohort, learn, held_out, name=name, seed=seed, rows=ROWS).split


def report(found: Sequence[Split]) -> str:
    """Return Markdown: splits, differences to logistic regression, each hospital left out, and the choices."""
    parts = []
    drawn = [each for each in found if each.name.startswith("split")]
    if drawn:
        ours = [f"{ROWS} {kind}" for kind in (SOFT, HARD, WEIGHTED, GROUPED)]
        parts += [f"{len(drawn)} splits, {drawn[0].held_out} patients held out", table(drawn), differences(drawn, ours)]
    for each in found:
        if each.name.startswith("without"):
            parts += [f"{each.held_out} patients held out, those of {each.name.removeprefix('without ')}", table([each])]
    titles = {"structure": "structure", "teacher": "share of the teacher", "prior_rows": "prior rows", "steps": "steps"}
    chosen = pd.DataFrame([{"trial": each.name, **asdict(each.choice)} for each in found])
    parts.append(markdown_table(chosen.rename(columns=titles), {"share of the teacher": "g", "prior rows": "g"}))
    return "\n\n".join(parts)


def main() -> None:
    """Run what the command line asks for, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=10, help="seeds 0 to this number less one")
    parser.add_argument("--resume", action="store_true", help="keep the splits that the file of results holds")
    parser.add_argument("--print", action="store_true", help="print the committed results only")
    arguments = parser.parse_args()
    if not arguments.print:
        cohort, found = Cohort(), []
        known = {each.name: each for each in load(RESULTS)} if arguments.resume and RESULTS.exists() else {}
        wanted = [(f"split {seed}", seed) for seed in range(arguments.splits)]
        for name, seed in [*wanted, *[(f"without {hospital}", 0) for hospital in HOSPITALS]]:
            found.append(known.get(name) or split(cohort, name, seed))
            save(found, versions(), RESULTS)
            print(f"{name} done", flush=True)
    print(report(load(RESULTS)))


if __name__ == "__main__":
    main()
