"""One small table from three hospitals that record different variables, made for stated conditional probabilities.

Patients are drawn from a network that is known (asia by default), each hospital lacks some of the columns, and expectation
maximisation merges them. A table of 20 rows is then distilled so that a network counted from it gives the right answers to 50
queries, such as P(lung | smoke=yes, xray=yes).

Prints every method's total variation from the true network, on the 50 chosen queries and on 100 fresh ones that nothing was
distilled for, and what the queries rest on. Writes the figures, the tables as CSV and a data card for each into ``--out``. The 20
distilled rows imitate the merged network on the chosen queries at least three times as well as 20 rows drawn from it.

    python examples/hospitals_synthetic.py
    python examples/hospitals_synthetic.py --network child --sizes 20 50       # minutes
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pinndd.bayesnet import load_network, posterior
from pinndd.bayesnet.identification import Identification, identify
from pinndd.study.medical.hospitals.data_card import DataCard, imitation, write_card, write_table
from pinndd.study.medical.hospitals.methods import (
    CENSORED,
    HARD,
    SOFT,
    DistillationEffort,
    Method,
    MethodInputs,
    MethodResult,
    method_inputs,
    methods,
)
from pinndd.study.medical.hospitals.scores import markdown, run_methods, summarise, versions
from pinndd.study.medical.hospitals.simulated import draw_trial
from pinndd.study.plots.hospitals import missingness, variation_by_rows
from pinndd.study.plots.style import save_figure

TRAINING = {
    SOFT: "count each row with its probabilities (pinndd.bayesnet.estimate), the known graph, prior BDeu(1)",
    HARD: "count the rows (pinndd.bayesnet.estimate), the known graph, prior BDeu(1)",
    CENSORED: "expectation maximisation on the rows (pinndd.bayesnet.expectation_maximisation), the known graph, prior BDeu(1)",
}


def main(
    out: Path = Path("runs/hospitals"),
    *,
    network: str = "asia",
    missing: float = 0.26,
    seed: int = 0,
    sizes: Sequence[int] = (10, 20),
) -> tuple[pd.DataFrame, Identification]:
    """Return the scores of all methods, and what the chosen queries rest on."""
    truth = load_network(network)
    effort = DistillationEffort(soft_steps=200, hard_steps=100, starts=2, censor_seconds=10.0)
    inputs = method_inputs(draw_trial(truth, missing=missing, seed=seed, fresh=100), effort=effort)
    hospitals = inputs.trial.hospitals
    basis = identify(truth.structure, hospitals, inputs.trial.chosen)

    def keep(method: Method, result: MethodResult) -> None:
        if method.name in TRAINING and result.table is not None:
            path = out / f"{method.label.replace(' ', '-')}.csv"
            write_table(path, truth.structure, result.table, result.weights)
            write_card(path.with_suffix(".md"), card(network, inputs, basis, method, result))

    small = sizes if network == "asia" else ()
    every = methods(drawn=(*sizes, 100, 200), modes=sizes, pairwise=small, soft=sizes[:1], hard=sizes, censored=sizes)
    scores = run_methods(network, inputs, every, report=keep)
    save_figure(missingness(hospitals), out / "missing-cells.png")
    save_figure(variation_by_rows(summarise(scores), len(hospitals.rows)), out / "total-variation.png")
    return scores, basis


def card(name: str, inputs: MethodInputs, basis: Identification, method: Method, result: MethodResult) -> DataCard:
    """Return the card of a table."""
    trial, hospitals = inputs.trial, inputs.trial.hospitals
    close = imitation(posterior(result.network, trial.chosen), posterior(inputs.believed, trial.chosen))
    used = [
        f"{hospital}: {len(hospitals.table(hospital))} patients simulated from {name}; records "
        f"{', '.join(hospitals.columns(hospital))}"
        for hospital in hospitals.names
    ]
    return DataCard(
        title=f"{method.label}, {name}",
        purpose=f"A table that trains a network for {len(trial.chosen)} conditional probabilities of {name}.",
        rows=f"{method.label}; no row is a patient",
        made_from=[*used, f"{100 * hospitals.missing:.0f} % of the cells are missing"],
        training=f"train by: {TRAINING[method.name]}",
        identification=basis,
        imitation=close,
        seeds={"trial": trial.seed},
        versions=versions(),
        limits=["The graph was taken as known."],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/hospitals"))
    parser.add_argument("--network", default="asia", choices=("asia", "child", "alarm"))
    parser.add_argument("--missing", type=float, default=0.26, help="share of the (hospital, variable) pairs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 20], help="rows of the tables")
    asked = parser.parse_args()
    found, resting = main(asked.out, network=asked.network, missing=asked.missing, seed=asked.seed, sizes=asked.sizes)
    print(markdown(found))
    print(f"\nThe chosen queries: {', '.join(f'{count} {status}' for status, count in sorted(resting.counts.items()))}")
    print(f"Tables, cards and figures are in {asked.out}")
