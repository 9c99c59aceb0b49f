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
from pathlib import Path

import torch

from pinndd.bayesnet.heart import HOSPITALS
from pinndd.study.heart.cohort import Cohort
from pinndd.study.heart.distilling import GROUPED, HARD, SOFT, WEIGHTED
from pinndd.study.heart.experiment import Trial, differences, load, run, save, table, versions

ROWS, SHARE = 100, 0.7
RESULTS = Path(__file__).parent / "results" / "heart.json"


def trial(cohort: Cohort, name: str, seed: int) -> Trial:
    """Run one split, named ``split K``, or the patients of one hospital against all others, ``without H``."""
    if name.startswith("without "):
        outside = cohort.heart.hospitals.membership == HOSPITALS.index(name.removeprefix("without "))
        learn, held_out = (~outside).nonzero()[:, 0], outside.nonzero()[:, 0]
    else:
        learn, held_out = cohort.heart.split(SHARE, torch.Generator().manual_seed(seed))
    return run(cohort, learn, held_out, name=name, seed=seed, rows=ROWS).trial


def report(trials: tuple[Trial, ...]) -> str:
    """Return Markdown: splits, differences to logistic regression, each hospital left out, and the choices."""
    parts = []
    splits = [each for each in trials if each.name.startswith("split")]
    if splits:
        ours = [f"{ROWS} {kind}" for kind in (SOFT, HARD, WEIGHTED, GROUPED)]
        parts += [f"{len(splits)} splits, {splits[0].held_out} patients held out", table(splits), differences(splits, ours)]
    for each in trials:
        if each.name.startswith("without"):
            parts += [f"{each.held_out} patients held out, those of {each.name.removeprefix('without ')}", table([each])]
    chosen = ["| trial | structure | share of the teacher | prior rows | steps |", "|---|---|---|---|---|"]
    for each in trials:
        choice = each.choice
        chosen.append(f"| {each.name} | {choice.structure} | {choice.teacher:g} | {choice.prior_rows:g} | {choice.steps} |")
    return "\n\n".join([*parts, "\n".join(chosen)])


def main() -> None:
    """Run what the command line asks for, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=10, help="seeds 0 to this number less one")
    parser.add_argument("--resume", action="store_true", help="keep the trials that the file of results holds")
    parser.add_argument("--print", action="store_true", help="print the committed results only")
    arguments = parser.parse_args()
    if not arguments.print:
        cohort, trials = Cohort(), []
        known = {each.name: each for each in load(RESULTS)} if arguments.resume and RESULTS.exists() else {}
        wanted = [(f"split {seed}", seed) for seed in range(arguments.splits)]
        for name, seed in [*wanted, *[(f"without {hospital}", 0) for hospital in HOSPITALS]]:
            trials.append(known.get(name) or trial(cohort, name, seed))
            save(trials, versions(), RESULTS)
            print(f"{name} done", flush=True)
    print(report(load(RESULTS)))


if __name__ == "__main__":
    main()
