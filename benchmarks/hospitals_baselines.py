"""Baselines of the hospitals' task: mean total variation of 50 conditional marginals on a network whose truth is known.

python benchmarks/hospitals_baselines.py                              # CHILD, 3 hospitals of 200 rows, 26 % missing, 3 seeds
python benchmarks/hospitals_baselines.py --network alarm --missing 0.29 --seeds 8
python benchmarks/hospitals_baselines.py --print                      # print the table from what is committed

Queries: a target and one or two evidence variables, all different and drawn uniformly, one or two with equal chance; the states of
the evidence are those of a row drawn from the true network, so that evidence turns up as often as it occurs among patients.
Results go to benchmarks/results/hospitals_baselines/NETWORK-MISSING.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import sklearn
import torch
from torch import Tensor

from pinndd import __version__
from pinndd.bayesnet import (
    BayesianNetwork,
    BDeu,
    Prior,
    Query,
    QueryBatch,
    estimate,
    expectation_maximisation,
    load_network,
    sample,
)
from pinndd.bayesnet.baselines import available_case, best_hospital, complete_case, hot_deck, k_modes, mice_cart
from pinndd.bayesnet.hospitals import draw_subsets, split

RESULTS = Path(__file__).parent / "results" / "hospitals_baselines"
HOSPITALS, ROWS, QUERIES, IMPUTATIONS = 3, 200, 50, 5
DRAWN = (50, 100, 200)


def draw_queries(network: BayesianNetwork, count: int, generator: torch.Generator) -> list[Query]:
    """Draw queries with possible evidence, as the docstring of this file says."""
    variables = network.structure.variables
    queries = []
    for row in sample(network, count, generator).tolist():
        size = 1 + int(torch.randint(2, (), generator=generator))
        target, *evidence = torch.randperm(len(variables), generator=generator)[: 1 + size].tolist()
        given = {variables[k].name: variables[k].states[row[k]] for k in evidence}
        queries.append(Query(variables[target].name, given))
    return queries


def run_seed(truth: BayesianNetwork, missing: float, prior: Prior, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return mean total variation and seconds of every method, on data of its own and queries of its own."""
    generator = torch.Generator().manual_seed(seed)
    structure, variables = truth.structure, truth.structure.variables
    complete = sample(truth, HOSPITALS * ROWS, generator)
    hospitals = split(variables, complete, draw_subsets(variables, HOSPITALS, missing, generator))
    queries = QueryBatch(structure, tuple(draw_queries(truth, QUERIES, generator)))
    rows = hospitals.rows
    fitted = expectation_maximisation(structure, rows, prior=prior).network

    def from_rows(table: Tensor, weights: Tensor | None = None) -> BayesianNetwork:
        return estimate(structure, table, prior=prior, weights=weights)

    def pooled(table: Tensor) -> BayesianNetwork:
        return from_rows(table, torch.full((len(table),), len(rows) / len(table), dtype=torch.float64))

    def clustered(count: int) -> BayesianNetwork:
        modes = k_modes(structure, rows, count, generator)
        return from_rows(modes.rows, modes.weights)

    methods: dict[str, Callable[[], BayesianNetwork]] = {
        "oracle, complete rows": lambda: from_rows(complete),
        "EM": lambda: expectation_maximisation(structure, rows, prior=prior).network,
        "MICE-CART": lambda: pooled(mice_cart(structure, rows, generator, imputations=IMPUTATIONS)),
        "hot-deck": lambda: pooled(torch.cat([hot_deck(structure, rows, generator) for _ in range(IMPUTATIONS)])),
        "available case": lambda: available_case(structure, rows, prior=prior),
        "best hospital": lambda: best_hospital(structure, hospitals, prior=prior)[1],
        "complete case": lambda: complete_case(structure, rows, prior=prior),
        "k-modes, 50": lambda: clustered(50),
        **{f"{n} rows drawn from EM": lambda n=n: from_rows(sample(fitted, n, generator)) for n in DRAWN},
    }
    right = queries(truth.tables)
    errors, seconds = {}, {}
    for name, method in methods.items():
        started = time.perf_counter()
        answers = queries(method().tables)
        seconds[name] = time.perf_counter() - started
        errors[name] = float(0.5 * (answers - right).abs().sum(-1).mean())
    return errors, seconds


def run(name: str, missing: float, prior: Prior, seeds: Sequence[int]) -> Path:
    """Run all seeds and write the results."""
    truth = load_network(name)
    outcomes = [run_seed(truth, missing, prior, seed) for seed in seeds]
    record = {
        "network": name,
        "missing": missing,
        "hospitals": HOSPITALS,
        "rows_each": ROWS,
        "queries": QUERIES,
        "prior": repr(prior),
        "seeds": list(seeds),
        "versions": {"pinndd": __version__, "torch": torch.__version__.split("+")[0], "scikit-learn": sklearn.__version__},
        "python": platform.python_version(),
        "total_variation": {method: [errors[method] for errors, _ in outcomes] for method in outcomes[0][0]},
        "seconds": {method: round(sum(s[method] for _, s in outcomes) / len(seeds), 3) for method in outcomes[0][0]},
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}-{round(100 * missing)}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    return path


def table(path: Path) -> str:
    """Return a Markdown table of one file of results, the best method first."""
    record = json.loads(path.read_text())
    errors = {method: torch.tensor(values) for method, values in record["total_variation"].items()}
    title = f"{record['network']}, {record['hospitals']} x {record['rows_each']} rows, {record['missing']:.0%} missing"
    lines = [
        f"| {title}, {len(record['seeds'])} seeds | total variation, mean ± standard error | seconds |",
        "|---|---|---|",
    ]
    for method, values in sorted(errors.items(), key=lambda item: float(item[1].mean())):
        error = float(values.std()) / len(values) ** 0.5 if len(values) > 1 else float("nan")
        lines.append(f"| {method} | {float(values.mean()):.4f} ± {error:.4f} | {record['seconds'][method]:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Run what the command line asks for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="child", help="asia, child or alarm")
    parser.add_argument("--missing", type=float, default=0.26, help="share of the (hospital, variable) pairs")
    parser.add_argument("--seeds", type=int, default=3, help="0 to this number less one")
    parser.add_argument("--prior-rows", type=float, default=1.0, help="imagined rows of the BDeu prior of every estimate")
    parser.add_argument("--print", action="store_true", help="print the committed results only")
    arguments = parser.parse_args()
    if arguments.print:
        print("\n\n".join(table(path) for path in sorted(RESULTS.glob("*.json"))))
    else:
        seeds = range(arguments.seeds)
        print(table(run(arguments.network, arguments.missing, BDeu(arguments.prior_rows), seeds)))


if __name__ == "__main__":
    main()
