"""P(disease | whatever a patient has recorded) from 100 rows that are distilled from four hospitals.

The four hospitals of the UCI heart disease data record different findings: two of them have hardly any fluoroscopy or thallium
scan, one has no cholesterol. From 70 % of their patients a table of 100 complete rows is distilled, such that naive Bayes counted
from it predicts the disease of a patient from the findings that happen to be recorded, as logistic regression on all patients does.

Prints the scores of every method on the other patients, those of `benchmarks/heart.py` but for one split and fewer settings to
choose from. Writes into ``--out`` the missing cells, a reliability diagram, and the distilled rows as CSV with a data card. The
100 distilled hard rows have a log loss at most 0.03 above that of logistic regression on all patients; 100 rows drawn from the
network of expectation maximisation, or 100 random patients, at least 0.05 above it.

    python examples/hospitals_heart.py
"""

from __future__ import annotations

import argparse
from math import isnan
from pathlib import Path

import torch

from pinndd.bayesnet import MISSING
from pinndd.bayesnet.counting import WEIGHTS, rows_of_table
from pinndd.diagnostics import effective_sample_size
from pinndd.study.medical.heart import Cohort, DistilledTable
from pinndd.study.medical.heart.distilling import HARD, SOFT, WEIGHTED
from pinndd.study.medical.heart.experiment import AREA, Split, SplitRun, areas, differences, run, table, versions
from pinndd.study.medical.heart.methods import LOGISTIC
from pinndd.study.medical.hospitals.data_card import DataCard, write_card, write_table
from pinndd.study.plots.hospitals import missingness, reliability
from pinndd.study.plots.style import save_figure

CANDIDATES = {"teacher": (1.0, 0.0)}
WORDS = {
    SOFT: "one probability per state; count each row with its probabilities",
    HARD: "one state per cell; count the rows",
    WEIGHTED: f"one state per cell and one weight per row, in the column {WEIGHTS!r}; count the rows with their weights",
}


def main(out: Path = Path("runs/heart"), *, rows: int = 100, seed: int = 10) -> Split:
    """Return the scores of all methods on the patients held out."""
    cohort = Cohort()
    learn, held_out = cohort.heart.split(0.7, torch.Generator().manual_seed(seed))
    ran = run(cohort, learn, held_out, name=f"split {seed}", seed=seed, rows=rows, candidates=CANDIDATES, folds=2)
    for distilled in ran.tables:
        if distilled.kind in WORDS:
            keep(out / f"{rows}-{distilled.kind.replace(' ', '-')}.csv", distilled, cohort, learn, ran)
    shown = (LOGISTIC, f"{rows} {HARD}", "naive Bayes, available case", f"{rows} rows drawn from EM")
    outcomes = cohort.outcomes[held_out]
    save_figure(reliability({name: (ran.probabilities[name], outcomes) for name in shown}), out / "reliability.png")
    save_figure(missingness(cohort.heart.hospitals), out / "missing-cells.png")
    return ran.split


def keep(path: Path, distilled: DistilledTable, cohort: Cohort, learn: torch.Tensor, ran: SplitRun) -> None:
    """Write a table and its card."""
    structure, split = distilled.network.structure, ran.split
    rows = rows_of_table(structure, distilled.data)
    weights = distilled.data.fields.get(WEIGHTS)
    if distilled.kind != SOFT:
        write_table(path, structure, rows, weights)
    else:
        write_table(path, structure, distilled.data)
    scores = split.score(f"{len(rows)} {distilled.kind}")
    hospitals = cohort.hospitals(learn)
    card = DataCard(
        title=f"{path.stem.replace('-', ' ')}, heart disease",
        purpose="A table that trains a network for P(disease | whatever a patient has recorded).",
        rows=f"{WORDS[distilled.kind]}; no row is a patient",
        made_from=[
            "UCI heart disease by Andras Janosi, William Steinbrunn, Matthias Pfisterer and Robert Detrano, CC BY 4.0, "
            "doi 10.24432/C52P4X; states as in pinndd.bayesnet.heart",
            *(
                f"{name}: {len(hospitals.table(name))} patients, {int((hospitals.table(name) != MISSING).sum())} recorded cells"
                for name in hospitals.names
            ),
        ],
        training=f"graph: {split.choice.structure}, the disease on top; prior: BDeu({split.choice.prior_rows:g})",
        seeds={"split and draws": split.seed},
        versions=versions(),
        numbers={
            f"on {split.held_out} patients held out": "Brier score {brier:.3f}, log loss {log_loss:.3f}".format(**scores),
            **({"effective number of rows": f"{effective_sample_size(weights):.0f}"} if weights is not None else {}),
            "area under the curve": ", ".join(
                f"{name.removeprefix(AREA)} {'-' if isnan(scores[name]) else f'{scores[name]:.3f}'}"
                for name in areas(split.scores)
            ),
        },
        limits=[
            "The disease has a prevalence of 0.36 to 0.94 in these hospitals; a fifth one may have another.",
            "Rows of naive Bayes do not look like patients: only the counts of each state within each outcome matter.",
        ],
    )
    write_card(path.with_suffix(".md"), card)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/heart"))
    parser.add_argument("--rows", type=int, default=100, help="of the tables")
    parser.add_argument("--seed", type=int, default=10, help="of the split and of all draws")
    asked = parser.parse_args()
    found = main(asked.out, rows=asked.rows, seed=asked.seed)
    print(table([found]))
    print()
    print(differences([found], [f"{asked.rows} {kind}" for kind in WORDS]))
    print(f"\nChosen by cross-validation: {found.choice}. Tables, cards and figures are in {asked.out}")
