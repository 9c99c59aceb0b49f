"""The example of the heart disease data keeps its promise, with even fewer rows, and leaves tables that can be read again."""

import csv

import pytest
import torch

from pinndd.bayesnet import BDeu, encode, estimate
from pinndd.study.medical.heart import LOGISTIC, TARGET, Cohort
from pinndd.study.medical.heart.methods import structure_of

pytestmark = pytest.mark.usefixtures("unrendered")


def test_hospitals_heart_keeps_its_promise(example, tmp_path):
    split = example("hospitals_heart").main(tmp_path, rows=40)
    logistic = split.score(LOGISTIC)["log_loss"]
    assert split.score("40 hard rows")["log_loss"] < logistic + 0.03
    for method in ("40 rows drawn from EM", "40 random patients", "40 k-modes"):
        assert split.score(method)["log_loss"] > logistic + 0.05, method
    names = {path.name for path in tmp_path.iterdir()}
    assert {"missing-cells.png", "reliability.png", "40-soft-rows.csv", "40-weighted-hard-rows.md"} <= names
    card = (tmp_path / "40-hard-rows.md").read_text(encoding="utf-8")
    for words in ("Janosi", "doi 10.24432/C52P4X", "No privacy is claimed", "associations", "on 276 patients held out"):
        assert words in card
    assert "effective number of rows: " in (tmp_path / "40-weighted-hard-rows.md").read_text(encoding="utf-8")
    # the table on disk is the one that was judged
    cohort = Cohort()
    learn, held_out = cohort.heart.split(0.7, torch.Generator().manual_seed(split.seed))
    structure = structure_of(split.choice.structure, cohort, learn, torch.Generator().manual_seed(split.seed))
    with (tmp_path / "40-hard-rows.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    codes = encode(structure, {name: [row[name] for row in rows] for name in structure.names})
    network = estimate(structure, codes, prior=BDeu(split.choice.prior_rows))
    assert network.structure.parents[TARGET] == ()
    again = cohort.score(cohort.predictor(network)(held_out), held_out)
    assert again.log_loss == pytest.approx(split.score("40 hard rows")["log_loss"], rel=1e-9)
