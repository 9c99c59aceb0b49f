"""Hard rows for the queries of CHILD: flips, flips from more starts for as long, and integer programmes.

    python benchmarks/estimators_categorical.py --seeds 3

Three simulated hospitals of 200 rows with 26 % of the columns missing; the network of expectation maximisation is believed, and 50
rows are distilled so that a network counted from them answers 50 queries as it does. One start is softened, hardened and polished
by single flips; from there, integer programmes go on. What flips alone make of that time from further starts stands beside it.
Also prints the total variation from the true network, on these queries and on 200 fresh ones. Seconds are wall time on one core.
Writes benchmarks/results/estimators_categorical.json, one record a seed.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import scipy
import torch
from torch import Tensor

from pinndd.bayesnet import BDeu, estimate, expectation_maximisation, load_network, posterior, sample
from pinndd.bayesnet.counting import CountingLearner
from pinndd.bayesnet.distilling import distill_rows
from pinndd.bayesnet.tasks.conditional_marginals import ConditionalMarginals
from pinndd.distances import KL, TotalVariation
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.storage.writing import write_json
from pinndd.study.medical.hospitals.simulated import Trial, draw_trial

ROWS, MISSING, PRIOR, SECONDS = 50, 0.26, BDeu(1.0), 60.0
RESULTS = Path(__file__).parent / "results" / "estimators_categorical.json"


def one_seed(name: str, seed: int) -> dict[str, Any]:
    """Return risk, seconds and total variation from the truth of every method."""
    trial = draw_trial(load_network(name), missing=MISSING, seed=seed)
    structure = trial.truth.structure
    believed = expectation_maximisation(structure, trial.hospitals.rows, prior=PRIOR).network
    task = ConditionalMarginals.of(trial.chosen, believed)
    problem, smooth = (
        DistillationProblem(CountingLearner(structure, PRIOR), task, distance, Mean())
        for distance in (TotalVariation(), KL())
    )
    generator, asked = torch.Generator().manual_seed(seed), task.everything()
    drawn = sample(believed, ROWS, generator)
    methods: dict[str, dict[str, float]] = {}

    def run(method: str, starts: Tensor, seconds: float, *, programme: bool = False) -> float:
        begun = time.perf_counter()
        found = distill_rows(problem, starts, asked, steps=150, seconds=seconds, smooth=smooth, programme=programme)
        spent = time.perf_counter() - begun
        methods[method] = {"risk": found.risk, "seconds": spent, "networks": found.evaluations, **judged(trial, found.rows)}
        return spent

    flips = run("flips", drawn, SECONDS)
    programmed = run("flips, then integer programmes", drawn, SECONDS, programme=True)
    more = max(1, round(programmed / flips))
    starts = torch.cat((drawn[None], torch.stack([sample(believed, ROWS, generator) for _ in range(more)])))
    run("flips from several starts", starts[:more], SECONDS)
    methods["flips from several starts"]["starts"] = more
    return {"network": name, "seed": seed, "methods": methods}


def judged(trial: Trial, rows: Tensor) -> dict[str, float]:
    """Return the total variation from the true network on chosen and on fresh queries."""
    network = estimate(trial.truth.structure, rows, prior=PRIOR)
    return {
        label: float((posterior(network, queries) - posterior(trial.truth, queries)).abs().sum(-1).mean() / 2)
        for label, queries in (("chosen", trial.chosen), ("fresh", trial.fresh))
    }


def print_table(records: list[dict[str, Any]]) -> None:
    """Print mean and standard error over seeds as Markdown."""
    print(f"\n{records[0]['network'].upper()}, {ROWS} hard rows, {len(records)} seeds\n")
    columns = {"risk": "risk", "seconds": "seconds", "chosen": "chosen queries, truth", "fresh": "fresh queries, truth"}
    print(f"| method | {' | '.join(columns.values())} |\n|{'---|' * (len(columns) + 1)}")
    for method in records[0]["methods"]:
        cells = []
        for column in columns:
            values = [record["methods"][method][column] for record in records]
            digits = 1 if column == "seconds" else 4
            error = f" ± {stdev(values) / len(values) ** 0.5:.{digits}f}" if len(values) > 1 else ""
            cells.append(f"{mean(values):.{digits}f}{error}")
        print(f"| {method} | {' | '.join(cells)} |")


def main() -> None:
    """Run the seeds, write the records, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="child", choices=("child", "alarm"))
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed; records of other seeds are kept")
    parser.add_argument("--print", action="store_true", help="print the table of the records, run nothing")
    arguments = parser.parse_args()
    records = json.loads(RESULTS.read_text())["records"] if RESULTS.exists() else []
    versions = {"torch": torch.__version__, "scipy": scipy.__version__, "python": platform.python_version()}
    for seed in range(arguments.first, arguments.first + (0 if arguments.print else arguments.seeds)):
        records = [r for r in records if (r["network"], r["seed"]) != (arguments.network, seed)]
        records.append(one_seed(arguments.network, seed))
        write_json(RESULTS, {"versions": versions, "threads": torch.get_num_threads(), "records": records})
        print(f"seed {seed} done", flush=True)
    print_table([record for record in records if record["network"] == arguments.network])


if __name__ == "__main__":
    main()
