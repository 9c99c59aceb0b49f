"""Distill one small table for stated queries from hospitals that record different variables, against every usual method.

    python benchmarks/hospitals.py --network child --missing 0.26 --seeds 10      # mean ± standard error, paired
    python benchmarks/hospitals.py --network alarm --missing 0.29 --seeds 1 --first 4
    python benchmarks/hospitals.py --censored 50 --only censored --seeds 3        # adds a method to seeds that are there
    python benchmarks/hospitals.py --print                                        # Markdown, from what is committed
    python benchmarks/hospitals.py --print --figures runs/hospitals               # and total variation against rows

Three hospitals of 200 rows each lack some of the columns. Expectation maximisation on all rows, with the known graph, gives the
network that is believed; tables are distilled so that a network counted from them answers 50 queries as the believed one does.
Everything is then judged by the total variation from the *true* network, on these queries and on 200 fresh ones that nothing was
distilled for. A query is a random target with one to three findings, those of a patient drawn from the true network. Seconds are
processor time (set OMP_NUM_THREADS=1), and do not hold what a method builds on, such as expectation maximisation for drawn rows.
Writes benchmarks/results/hospitals.json, one record per network, share of missing cells and seed; other records are kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pinndd.bayesnet import load_network
from pinndd.study.medical.hospitals.methods import Method, MethodResult, method_inputs, methods
from pinndd.study.medical.hospitals.scores import (
    SETTING,
    markdown,
    merged,
    read_scores,
    run_methods,
    summarise,
    write_scores,
)
from pinndd.study.medical.hospitals.simulated import draw_trial
from pinndd.study.plots.hospitals import variation_by_rows
from pinndd.study.plots.style import save_figure

RESULTS = Path(__file__).parent / "results" / "hospitals.json"


def run(name: str, missing: float, seeds: Sequence[int], chosen: Sequence[Method], results: Path) -> pd.DataFrame:
    """Run the seeds, write after each, and return what is known of this setting."""
    truth, everything = load_network(name), read_scores(results) if results.exists() else None
    for seed in seeds:
        inputs = method_inputs(draw_trial(truth, missing=missing, seed=seed))
        new = run_methods(name, inputs, chosen, report=_report)
        everything = new if everything is None else merged(everything, new)
        write_scores(results, everything)
        print(f"seed {seed} done", flush=True)
    return everything.merge(new[SETTING].drop_duplicates())


def _report(method: Method, result: MethodResult) -> None:
    end = "" if result.polished is None else f", {result.polished.flips} cells changed, optimal: {result.polished.optimal}"
    print(f"  {method.label}: {result.seconds:.1f} s{end}", flush=True)


def draw(scores: pd.DataFrame, folder: Path) -> None:
    """Draw total variation against the number of rows, one picture per setting."""
    for (name, missing, _, patients, *_), own in scores.groupby(SETTING, sort=False):
        path = folder / f"{name}-{100 * missing:.0f}.png"
        save_figure(variation_by_rows(summarise(own), patients), path)
        print(f"\n{path}")


def main() -> None:
    """Run what the command line asks for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="child", choices=("asia", "child", "alarm"))
    parser.add_argument("--missing", type=float, default=0.26, help="share of the (hospital, variable) pairs")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--soft", type=int, nargs="*", default=[20], help="numbers of soft rows")
    parser.add_argument("--hard", type=int, nargs="*", default=[50], help="numbers of distilled hard rows")
    parser.add_argument("--censored", type=int, nargs="*", default=[], help="numbers of rows with cells left missing")
    parser.add_argument("--only", default="", help="run only methods whose name holds this")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file to add to")
    parser.add_argument("--print", action="store_true", help="print the results that are there")
    parser.add_argument("--figures", type=Path, help="folder for pictures of what is printed")
    arguments = parser.parse_args()
    if arguments.print:
        _show(read_scores(arguments.results), arguments.figures)
        return
    every = methods(soft=arguments.soft, hard=arguments.hard, censored=arguments.censored)
    chosen = [method for method in every if arguments.only in method.label]
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    _show(run(arguments.network, arguments.missing, seeds, chosen, arguments.results), arguments.figures)


def _show(scores: pd.DataFrame, figures: Path | None) -> None:
    print(markdown(scores))
    if figures is not None:
        draw(scores, figures)


if __name__ == "__main__":
    main()
