"""The example of architecture search keeps its promise on a part of its space, and its table and its file say what it found."""

import json
from dataclasses import replace

import pytest
import torch

from pinndd.study.classification.architecture_search import METHODS, SearchSettings, SearchStudy, tau
from pinndd.vision.search_space import small_networks

pytestmark = pytest.mark.usefixtures("unrendered")


@pytest.fixture(scope="module")
def found(example):
    module = example("architecture_search")
    # MLPs with relu, a ConvNet and shorter trainings: all of them take minutes
    space = small_networks((1, 8, 8), 10)
    settings = replace(SearchSettings(), members=3, outer_weights=2, outer_steps=2, full_steps=80, full_rate=0.02)
    return module, module.main((0,), space=(*space[:12], space[36]), settings=settings), settings


def test_architecture_search_keeps_its_promise(found):
    _, searches, _ = found
    rows = searches.rows
    assert rows["method"].tolist() == list(METHODS)
    assert searches.ceiling > 0.6
    assert searches.mean("distilled", "tau") >= 0.6
    assert searches.mean("distilled", "held_out") >= 0.6
    assert searches.mean("distilled", "seconds") < searches.full_seconds / 2
    assert rows["regret"].between(0, 0.2).all()
    best = rows["regret"] + rows["accuracy"]
    assert best.tolist() == pytest.approx([best.max()] * len(rows))


def test_the_table_names_every_method_and_the_file_can_be_read(found, tmp_path):
    module, searches, settings = found
    text = module.table(searches)
    assert all(text.count(f"| {method} |") >= 1 for method in METHODS)
    assert f"{searches.mean('random', 'tau'):.3f}" in text
    module.save(searches, settings, tmp_path / "rows.json")
    read = json.loads((tmp_path / "rows.json").read_text())
    assert [row["picked"] for row in read["rows"]] == searches.rows["picked"].tolist()
    assert read["settings"]["members"] == 3
    assert read["versions"]["torch"] == torch.__version__


def test_tau_is_that_of_kendall():
    scores, truth = torch.tensor([0.1, 0.4, 0.3, 0.9]), torch.tensor([0.2, 0.5, 0.6, 0.7])
    assert tau(scores, truth) == pytest.approx(2 / 3)
    assert tau(-scores, truth) == pytest.approx(-2 / 3)


def test_a_space_smaller_than_its_members_is_refused():
    with pytest.raises(
        ValueError, match="9 candidates leave 1 beside members=8, expected at least two to rank: lower members"
    ):
        SearchStudy(small_networks((1, 8, 8), 10)[:9], SearchSettings())
