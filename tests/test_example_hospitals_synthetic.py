"""The example of simulated hospitals keeps its promise, and leaves tables that can be read again."""

import csv

import pytest

from pinndd.bayesnet import BDeu, encode, estimate, load_network, posterior

pytestmark = pytest.mark.usefixtures("unrendered")


def test_hospitals_synthetic_keeps_its_promise(example, tmp_path):
    module = example("hospitals_synthetic")
    scores, basis = module.main(tmp_path, sizes=(20,))
    scores = scores.set_index("label")
    drawn, distilled, censored = (
        scores.loc[f"20 {name}"] for name in ("rows drawn from EM", "distilled hard rows", "censored rows")
    )
    assert distilled["imitation"] < drawn["imitation"] / 3
    assert censored["imitation"] <= distilled["imitation"]
    assert sum(basis.counts.values()) == 50
    names = {path.name for path in tmp_path.iterdir()}
    assert {"missing-cells.png", "total-variation.png", "20-soft-rows.csv", "20-censored-rows.md"} <= names
    # the table on disk is the one that was judged
    network = load_network("asia")
    with (tmp_path / "20-distilled-hard-rows.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    codes = encode(network.structure, {name: [row[name] for row in rows] for name in network.structure.names})
    queries = [entry.query for entry in basis.queries]
    own = posterior(estimate(network.structure, codes, prior=BDeu(1.0)), queries)
    truth = posterior(network, queries)
    assert abs(float((own - truth).abs().sum(-1).mean() / 2) - distilled["chosen"]) < 1e-9
