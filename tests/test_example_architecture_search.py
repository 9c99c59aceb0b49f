"""The example of architecture search keeps its promise on a part of its space, and its table and its file say what it found."""

import json
from dataclasses import replace

import pytest
import torch

from pinndd.study.architecture_search import METHODS, Settings, Study, tau
from pinndd.vision.search_space import small_networks


@pytest.fixture(scope="module")
def found(example):
    module = example("architecture_search")
    # MLPs with relu, a ConvNet and shorter trainings: all of them take minutes
    space = small_networks((1, 8, 8), 10)
    settings = replace(Settings(), members=3, outer_weights=2, outer_steps=2, full_steps=80, full_rate=0.02)
    return module, module.main((0,), space=(*space[:12], space[36]), settings=settings), settings


def test_architecture_search_keeps_its_promise(found):
    _, outcome, _ = found
    assert [row.method for row in outcome.rows] == list(METHODS)
    assert outcome.ceiling > 0.6
    assert outcome.mean("distilled", "tau") >= 0.6
    assert outcome.mean("distilled", "held_out") >= 0.6
    assert outcome.mean("distilled", "seconds") < outcome.full_seconds / 2
    for row in outcome.rows:
        assert 0 <= row.regret < 0.2
        assert row.regret + row.accuracy == pytest.approx(max(r.regret + r.accuracy for r in outcome.rows))


def test_the_table_names_every_method_and_the_file_can_be_read(found, tmp_path):
    module, outcome, settings = found
    text = module.table(outcome)
    assert all(text.count(f"| {method} |") >= 1 for method in METHODS)
    assert f"{outcome.mean('random', 'tau'):.3f}" in text
    module.save(outcome, settings, tmp_path / "rows.json")
    read = json.loads((tmp_path / "rows.json").read_text())
    assert len(read["rows"]) == len(METHODS)
    assert read["settings"]["members"] == 3
    assert read["versions"]["torch"] == torch.__version__


def test_tau_is_that_of_kendall():
    scores, truth = torch.tensor([0.1, 0.4, 0.3, 0.9]), torch.tensor([0.2, 0.5, 0.6, 0.7])
    assert tau(scores, truth) == pytest.approx(2 / 3)
    assert tau(-scores, truth) == pytest.approx(-2 / 3)


def test_a_space_smaller_than_its_members_is_refused():
    with pytest.raises(ValueError, match="9 candidates leave 1 beside members=8, expected at least two to rank: lower members"):
        Study(small_networks((1, 8, 8), 10)[:9], Settings())
