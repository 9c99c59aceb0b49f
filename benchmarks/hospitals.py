"""Distil one small table for stated queries from hospitals that record different variables.

    python benchmarks/hospitals.py --network child --missing 0.26 --seeds 3

Three hospitals of 200 rows each lack some of the columns. Expectation maximisation on all rows, with the known graph, gives the
network that is believed; the table is distilled so that a network counted from it answers 50 queries as the believed one does.
Everything is then judged by the total variation from the *true* network, on these queries and on 200 fresh ones that nothing was
distilled for. Writes benchmarks/results/hospitals.json, one record a network, share of missing cells and seed.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from torch import Tensor

from pinndd.bayesnet import (
    MISSING,
    BayesianNetwork,
    BDeu,
    Query,
    Structure,
    estimate,
    expectation_maximisation,
    load_network,
    posterior,
    sample,
)
from pinndd.bayesnet.counting import CountingLearner, table_of_rows
from pinndd.bayesnet.distilling import distil_rows, distil_table
from pinndd.distances import KL, TotalVariation
from pinndd.problem import DistillationProblem
from pinndd.risks import Mean
from pinndd.tasks.conditional_marginals import ConditionalMarginals

HOSPITALS, ROWS, QUERIES, FRESH = 3, 200, 50, 200
PRIOR = BDeu(1.0)
RESULTS = Path(__file__).parent / "results" / "hospitals.json"


def hospitals(network: BayesianNetwork, missing: float, generator: torch.Generator) -> Tensor:
    """Draw rows; every hospital lacks random columns, but each variable is recorded somewhere."""
    width = len(network.structure.variables)
    absent = round(missing * width)
    while True:
        lacking = torch.stack([torch.randperm(width, generator=generator) < absent for _ in range(HOSPITALS)])
        if not bool(lacking.all(0).any()):
            break
    rows = sample(network, HOSPITALS * ROWS, generator)
    return torch.where(lacking.repeat_interleave(ROWS, 0), MISSING, rows)


def draw_queries(network: BayesianNetwork, count: int, generator: torch.Generator) -> tuple[Query, ...]:
    """Draw targets with one to three findings each, those of a patient drawn from the network."""
    structure, queries = network.structure, []
    for patient in sample(network, count, generator).tolist():
        order = torch.randperm(len(patient), generator=generator).tolist()
        found = order[1 : 2 + int(torch.randint(3, (), generator=generator))]
        evidence = {structure.names[k]: structure.variables[k].states[patient[k]] for k in found}
        queries.append(Query(structure.names[order[0]], evidence))
    return tuple(queries)


def one_seed(name: str, missing: float, seed: int) -> dict[str, Any]:
    """Return the total variation of every method, on chosen and on fresh queries, and what it cost."""
    generator = torch.Generator().manual_seed(seed)
    true = load_network(name)
    structure = true.structure
    incomplete = hospitals(true, missing, generator)
    chosen, fresh = draw_queries(true, QUERIES, generator), draw_queries(true, FRESH, generator)
    fitted = expectation_maximisation(structure, incomplete, prior=PRIOR).network
    problem, smooth = (_problem(structure, chosen, fitted, distance) for distance in (TotalVariation(), KL()))
    queries = problem.task.episodes(QUERIES, generator)
    judge = _judge(true, fitted, chosen, fresh)
    complete = sample(true, HOSPITALS * ROWS, generator)
    record: dict[str, Any] = {"network": name, "missing": missing, "seed": seed, "methods": {}}
    methods = record["methods"]
    methods["complete rows, known graph"] = judge(estimate(structure, complete, prior=PRIOR))
    methods["EM, known graph"] = judge(fitted)
    for count in (20, 50):
        drawn = sample(fitted, count, generator)
        methods[f"{count} rows drawn from EM"] = judge(estimate(structure, drawn, prior=PRIOR))
        begun = time.perf_counter()
        soft = distil_table(smooth, table_of_rows(structure, drawn, certainty=0.8), queries, steps=300).data
        seconds = time.perf_counter() - begun
        network = BayesianNetwork(structure, problem.learner.fit(soft, queries))
        methods[f"{count} soft rows"] = {**judge(network), "seconds": seconds}
        begun = time.perf_counter()
        starts = torch.stack((drawn, sample(fitted, count, generator)))
        hard = distil_rows(problem, starts, queries, steps=150, seconds=50.0, smooth=smooth)
        seconds = time.perf_counter() - begun
        cost = {"seconds": seconds, "flips": hard.flips, "optimal": hard.optimal, "sweeps": len(hard.history) - 1}
        methods[f"{count} distilled hard rows"] = {**judge(estimate(structure, hard.rows, prior=PRIOR)), **cost}
    return record


def _problem(
    structure: Structure, queries: tuple[Query, ...], believed: BayesianNetwork, distance: Any
) -> DistillationProblem:
    return DistillationProblem(
        CountingLearner(structure, PRIOR), ConditionalMarginals.of(queries, believed), distance, Mean()
    )


def _judge(
    true: BayesianNetwork, fitted: BayesianNetwork, chosen: tuple[Query, ...], fresh: tuple[Query, ...]
) -> Callable[[BayesianNetwork], dict[str, float]]:
    """Return what compares a network with the true one, and with the believed one."""
    answers = {
        (label, against): posterior(network, queries)
        for label, queries in (("chosen", chosen), ("fresh", fresh))
        for against, network in (("true", true), ("EM", fitted))
    }

    def compare(network: BayesianNetwork) -> dict[str, float]:
        own = {label: posterior(network, queries) for label, queries in (("chosen", chosen), ("fresh", fresh))}
        return {
            f"{label} against {against}": float((own[label] - answer).abs().sum(-1).mean() / 2)
            for (label, against), answer in answers.items()
        }

    return compare


def print_table(records: list[dict[str, Any]]) -> None:
    """Print mean and standard error over seeds, and the ratio to expectation maximisation."""
    for setting in dict.fromkeys((r["network"], r["missing"]) for r in records):
        mine = [r for r in records if (r["network"], r["missing"]) == setting]
        print(f"\n{setting[0].upper()}, {setting[1]:.0%} missing, {len(mine)} seeds: total variation from the true network")
        print(f"{'':30s}{'chosen queries':>18s}{'of EM':>8s}{'fresh queries':>18s}{'of EM':>8s}{'seconds':>9s}")
        for method in mine[0]["methods"]:
            line = f"{method:30s}"
            for label in ("chosen against true", "fresh against true"):
                values = [r["methods"][method][label] for r in mine]
                em = mean(r["methods"]["EM, known graph"][label] for r in mine)
                error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
                line += f"{mean(values):10.4f} ±{error:6.4f}{mean(values) / em:8.2f}"
            seconds = [r["methods"][method].get("seconds") for r in mine]
            print(line + (f"{mean(seconds):9.1f}" if None not in seconds else ""))


def main() -> None:
    """Run the seeds, print the table, write the records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="child", choices=("child", "alarm"))
    parser.add_argument("--missing", type=float, default=0.26)
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed; records of other seeds are kept")
    arguments = parser.parse_args()
    setting = (arguments.network, arguments.missing)
    records = json.loads(RESULTS.read_text())["records"] if RESULTS.exists() else []
    versions = {"torch": torch.__version__, "python": platform.python_version(), "threads": torch.get_num_threads()}
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        records = [r for r in records if (r["network"], r["missing"], r["seed"]) != (*setting, seed)]
        records.append(one_seed(*setting, seed))
        RESULTS.write_text(json.dumps({"versions": versions, "records": records}, indent=1) + "\n")
        print(f"seed {seed} done", flush=True)
    print_table(records)


if __name__ == "__main__":
    main()
